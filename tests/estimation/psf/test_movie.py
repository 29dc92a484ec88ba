"""The PSF out of a crowded movie: shape, light, and a refusal where the movie cannot tell."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.estimation.movie_psf import MIN_FRAMES
from deep_storm.estimation.psf import movie as movie_module
from deep_storm.estimation.psf.movie import (
    MAX_SCENES,
    SYSTEMATIC_ON_STRUCTURES,
    measure_movie,
)
from deep_storm.estimation.psf.over_depth import OverDepth
from deep_storm.estimation.psf.scenes import read_scenes
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.progress import silent
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil, Simulation
from deep_storm.simulation.frames import simulate

PUPIL = Pupil(
    numerical_aperture=1.4,
    wavelength_nm=670.0,
    immersion_index=1.515,
    spherical_waves=0.05,
    horizontal_coma_waves=0.05,
)
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
EMITTERS = ds.Emitters(density_per_um2=1, intensity_photon=2000, intensity_std_photon=700)
BACKGROUND = ds.Background(background_photon=20)


@pytest.fixture(scope="module")
def table():
    return pupil_table(PUPIL, 100.0)


@pytest.fixture(scope="module")
def movie(table):
    psf = ds.Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=3.0)
    size = Simulation(frames=MIN_FRAMES, width_px=48, height_px=48, seed=5)
    return simulate(CAMERA, psf, EMITTERS, BACKGROUND, size, table=table).stack


@pytest.fixture(scope="module")
def measured(movie):
    return measure_movie(ArrayFrames(movie), CAMERA)


@pytest.fixture
def measured_once(measured, movie, monkeypatch):
    """Let what measures the movie's PSF by itself have the answer that is there."""

    wanted = read_scenes(ArrayFrames(movie), CAMERA, None, MAX_SCENES)

    def known(scenes, progress=silent):
        np.testing.assert_array_equal(scenes.photons, wanted.photons)
        np.testing.assert_array_equal(scenes.variance, wanted.variance)
        return measured

    monkeypatch.setattr("deep_storm.estimation.movie_psf.measure_scenes", known)


def shape_error(measured, table):
    """Return the relative RMS difference of the measured shape from the microscope's."""
    found = measured.table.values[0].astype(np.float64)
    true = table.values[0].astype(np.float64)
    more = (len(true) - len(found)) // 2
    true = true[more:-more, more:-more] if more > 0 else true
    found = found[-more:more, -more:more] if more < 0 else found
    found *= np.sum(found * true) / np.sum(found**2)
    return np.sqrt(np.sum((found - true) ** 2) / np.sum(true**2))


def test_the_shape_is_that_of_the_microscope(measured, table):
    assert shape_error(measured, table) < 0.08
    assert measured.sigma_nm == pytest.approx(table.effective_sigma_nm, rel=0.05)
    assert not measured.gaussian_will_do


def test_its_centre_is_where_the_molecule_is_and_not_its_bright_core(measured, table):
    core = fit_gaussian(table.values[0], table.samples_per_px)
    found = fit_gaussian(measured.table.values[0], measured.table.samples_per_px)
    assert core.x_px > 0.06
    assert math.hypot(found.x_px - core.x_px, found.y_px - core.y_px) < 0.5 * core.x_px


def test_where_it_is_moved_all_its_tables_are(measured):
    both = replace(measured, over_depth=OverDepth(measured.table, 150.0, PUPIL, 0.01))
    moved = both.moved(0.3, -0.2)
    x_nm, y_nm = both.centre_nm
    assert moved.centre_nm == pytest.approx((x_nm - 30.0, y_nm + 20.0), abs=0.5)
    np.testing.assert_array_equal(moved.over_depth.table.values, moved.table.values)


def test_photons_and_background_come_with_it(measured):
    assert measured.photons == pytest.approx(2000, rel=0.1)
    # What lies beyond the table's window, a tenth of 0.01 × 2,000 photons, is background to it.
    assert measured.background == pytest.approx(21.5, rel=0.06)


def test_molecules_and_background_that_bleach_together_leave_the_psf_as_it_is(table):
    psf = ds.Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=3.0)
    parts = []
    for k, share in enumerate(np.exp(-np.arange(20) / 6.0).tolist()):
        size = Simulation(frames=4, width_px=48, height_px=48, seed=20 + k)
        emitters = EMITTERS.model_copy(update={"density_per_um2": 0.1 + 2.0 * share})
        background = ds.Background(background_photon=20.0 + 80.0 * share)
        parts.append(simulate(CAMERA, psf, emitters, background, size, table=table).stack)
    found = measure_movie(ArrayFrames(np.concatenate(parts)), CAMERA)
    assert found.photons == pytest.approx(2000, rel=0.06)
    assert found.light.haze_per_um2 == 0.0
    assert shape_error(found, table) < 0.08


def test_hills_of_the_background_are_taken_for_no_molecules(movie, table):
    rng = np.random.default_rng(5)
    hills = gaussian_filter(rng.normal(size=movie.shape[1:]), 5.0, mode="wrap")
    more = 40.0 * np.exp(0.6 * hills / hills.std())
    uneven = movie + rng.poisson(more, movie.shape) / CAMERA.photons_per_adu
    found = measure_movie(ArrayFrames(uneven), CAMERA)
    assert shape_error(found, table) < 0.03
    assert found.photons == pytest.approx(2000, rel=0.06)
    assert found.background == pytest.approx(21.5 + more.mean(), rel=0.05)
    assert found.light.unevenness == pytest.approx(more.std() / (20.0 + more.mean()), rel=0.2)


def test_crowds_on_filaments_are_no_psf_that_changes_over_the_field():
    emitters = ds.Emitters(
        density_per_um2=1.3,
        intensity_photon=1400,
        intensity_std_photon=1000,
        spread="gamma",
        structure="filaments",
        filament_um_per_um2=0.3,
        on_time_frames=1.5,
    )
    psf = ds.Psf(sigma_nm=100, depth_std_nm=150)
    size = Simulation(frames=80, width_px=64, height_px=64, seed=1)
    in_depth = pupil_table(PUPIL, 100.0, np.linspace(-600, 600, 13))
    uneven = ds.Background(background_photon=25, unevenness=0.2, haze_per_um2=0.1)
    stack = simulate(CAMERA, psf, emitters, uneven, size, table=in_depth).stack
    found = measure_movie(ArrayFrames(stack), CAMERA)
    assert found.light.structure == "filaments"
    assert found.uncertainty >= SYSTEMATIC_ON_STRUCTURES
    assert not found.over_field.changes
    assert not any("over the field" in note for note in found.notes)


def test_the_stated_error_grows_with_crowding(table, measured):
    emitters = EMITTERS.model_copy(update={"density_per_um2": 5.0})
    psf = ds.Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=0.0)
    size = Simulation(frames=MIN_FRAMES, width_px=48, height_px=48, seed=5)
    stack = simulate(CAMERA, psf, emitters, BACKGROUND, size, table=table).stack
    found = measure_movie(ArrayFrames(stack), CAMERA)
    assert measured.uncertainty < 0.015
    assert 0.5 < found.uncertainty / shape_error(found, table) < 2.0


def test_molecules_that_differ_more_than_depths_explain_are_told(measured, monkeypatch):
    def said(difference, in_depth):
        over = None
        if in_depth:
            over = OverDepth(measured.table, 150.0, PUPIL, 0.01)
            monkeypatch.setattr(OverDepth, "difference", 0.06)
        return movie_module._notes(replace(measured, difference=difference, over_depth=over))

    assert said(0.11, in_depth=False) == ()
    (note,) = said(0.13, in_depth=False)
    assert note.startswith("Molecules differ from the PSF by 13%")
    assert len(said(0.11, in_depth=True)) == 1
    depths, note = said(0.13, in_depth=True)
    assert "± 150 nm" in depths
    assert note.startswith("Molecules differ from the PSF by 12%")
    assert "beyond what depths explain" in note


def test_an_empty_movie_is_refused():
    empty = np.random.default_rng(1).poisson(20, (MIN_FRAMES, 48, 48)) * 2 + 100
    with pytest.raises(PsfError):
        measure_movie(ArrayFrames(empty.astype(np.uint16)), CAMERA)


@pytest.mark.usefixtures("measured_once")
def test_an_estimate_takes_it_without_being_asked(movie, table, tmp_path):
    found = ds.estimate(movie, output=tmp_path / "matched.toml", **CAMERA.model_dump())
    assert (tmp_path / "matched-psf.npz").is_file()
    assert found.psf.psf_file == str(tmp_path / "matched-psf.toml")
    assert found.psf.sigma_nm == pytest.approx(table.effective_sigma_nm, rel=0.05)
    assert found.emitters.intensity_photon == pytest.approx(2000, rel=0.1)
    assert found.emitters.density_per_um2 == pytest.approx(1.0, rel=0.15)
    assert found.background.background_photon == pytest.approx(20.0, rel=0.1)
    assert "The PSF was measured on" in found.summary()


@pytest.mark.usefixtures("measured_once", "quick_calibration")
def test_the_general_model_takes_it_without_being_asked(movie):
    ready, short = (
        ready_model("general", Expected(CAMERA), examined_movie(frames, CAMERA), True)
        for frames in (ArrayFrames(movie), ArrayFrames(movie[:20]))
    )
    assert ready.model.table is not None
    assert any("PSF was measured" in note for note in ready.notes)
    assert short.model.table is None
