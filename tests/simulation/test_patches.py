from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError, SettingsError
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Background, Emitters, Psf, Pupil
from deep_storm.simulation.patches import PatchSimulator

CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=1.0)


EVEN = Background(background_photon=20.0, background_std_photon=4.0)


def simulator(
    structure="uniform", camera=CAMERA, density=2.0, batch=32, seed=1, background=EVEN, **options
):
    return PatchSimulator(
        camera,
        Psf(sigma_nm=120.0),
        Emitters(density_per_um2=density, intensity_photon=1500.0, structure=structure),
        background,
        patch_size_px=32,
        batch=batch,
        seed=seed,
        **options,
    )


def assert_same(first, second):
    for field in fields(first):
        if field.name != "maps":
            np.testing.assert_array_equal(
                getattr(first, field.name), getattr(second, field.name), err_msg=field.name
            )


def test_shapes_and_dtypes():
    batch = simulator().batch_at(0)
    n_max = batch.present.shape[1]
    assert batch.adu.shape == (32, 32, 32)
    assert batch.xy_px.shape == (32, n_max, 2)
    assert batch.sigma_px.shape == batch.intensity_photon.shape == (32, n_max)
    assert batch.expected_background_photon.shape == (32, 1, 1)
    assert n_max % 16 == 0
    floats = (batch.adu, batch.xy_px, batch.sigma_px, batch.intensity_photon)
    assert {a.dtype for a in floats} == {np.dtype(np.float32)}
    assert batch.present.dtype == np.bool_


def test_light_is_that_of_the_table_and_its_tails_are_background():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0)
    table = pupil_table(pupil, 100.0, np.linspace(-300.0, 300.0, 5), radius_px=6)
    psf = Psf(sigma_nm=98.0, sigma_std_nm=0.0, depth_std_nm=120.0)
    emitters = Emitters(density_per_um2=8.0, intensity_photon=1500.0, intensity_std_photon=0.0)
    even = Background(background_photon=20.0)
    patches = PatchSimulator(
        CAMERA, psf, emitters, even, 32, 64, seed=2, density_factors=(1.0, 1.0), table=table
    )
    batch = patches.batch_at(0)
    tails = batch.expected_background_photon - 20.0
    assert tails.shape == (64, 1, 1)
    beyond = float(1.0 - table.share_within.mean())
    assert beyond > 0.05
    assert tails.mean() == pytest.approx(0.08 * 1500.0 * beyond, rel=0.2)
    light = CAMERA.photons(batch.adu).mean()
    within = float(table.share_within.mean())
    assert light - batch.expected_background_photon.mean() == pytest.approx(
        0.08 * 1500.0 * within, rel=0.04
    )
    sigma = batch.sigma_px[batch.present]
    assert sigma.min() == pytest.approx(table.effective_sigmas_nm.min() / 100, rel=0.02)
    assert sigma.max() > 1.2 * sigma.min()


def test_pixel_values_are_whole_numbers_as_from_a_camera():
    adu = simulator().batch_at(0).adu
    np.testing.assert_array_equal(adu, np.rint(adu))
    assert adu.min() >= 0


def test_a_negative_baseline_darkens_no_pixel():
    """Values were cut off at zero, so that nothing but darkness was learnt of such a camera."""
    usual = simulator().batch_at(0).adu
    signed = simulator(camera=CAMERA.model_copy(update={"baseline_adu": 100.0 - 32768})).batch_at(0)
    assert np.ptp(usual) > 100
    assert np.abs(signed.adu + 32768 - usual).max() <= 1  # rounding


@pytest.mark.parametrize("structure", ["uniform", "mixed"])
def test_batch_depends_on_seed_and_index_alone(structure):
    one, other = simulator(structure), simulator(structure)
    other.batch_at(0)
    assert_same(one.batch_at(5), other.batch_at(5))
    assert (one.batch_at(5).adu != one.batch_at(6).adu).any()
    assert (one.batch_at(5).adu != simulator(structure, seed=2).batch_at(5).adu).any()


def test_threads_make_the_same_batches():
    patches = simulator("mixed", batch=8)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(patches.batch_at, range(6)))
    for index, batch in enumerate(made):
        assert_same(batch, patches.batch_at(index))


def test_only_emitters_within_the_patch_are_listed():
    batch = simulator().batch_at(0)
    xy = batch.xy_px[batch.present]
    assert xy.min() >= 0
    assert xy.max() < 32
    assert (batch.sigma_px[batch.present] > 0).all()
    assert (batch.intensity_photon[batch.present] > 0).all()
    assert not batch.xy_px[~batch.present].any()
    assert not batch.intensity_photon[~batch.present].any()
    # Present rows come first.
    assert (np.diff(batch.present.astype(int), axis=1) <= 0).all()


def test_listed_emitters_and_background_explain_the_patch():
    from deep_storm.simulation.psf import add_emitters

    batch = simulator(density=0.5).batch_at(1)
    expected = np.repeat(batch.expected_background_photon.ravel(), 32 * 32).reshape(32, 32, 32)
    patch, row = np.nonzero(batch.present)
    xy = batch.xy_px[patch, row].astype(np.float64)
    sigma = batch.sigma_px[patch, row].astype(np.float64)
    photons = batch.intensity_photon[patch, row].astype(np.float64)
    add_emitters(expected, patch, xy[:, 0].copy(), xy[:, 1].copy(), sigma, photons)
    # Away from the border, where emitters outside shine in.
    inner = (slice(None), slice(8, -8), slice(8, -8))
    residual = CAMERA.photons(batch.adu)[inner] - expected[inner]
    variance = expected[inner] + CAMERA.read_noise_photon**2
    assert np.mean(residual**2 / variance) == pytest.approx(1.0, abs=0.05)


def test_emitters_outside_shine_in():
    batch = simulator(density=4.0, batch=64).batch_at(0)
    photons = CAMERA.photons(batch.adu).mean(axis=0)
    border = np.concatenate([photons[0], photons[-1], photons[:, 0], photons[:, -1]])
    assert border.mean() == pytest.approx(photons[8:-8, 8:-8].mean(), rel=0.1)


@pytest.mark.parametrize("structure", ["uniform", "filaments", "clusters", "mixed"])
def test_density_is_log_uniform_between_the_factors(structure):
    counts = np.concatenate(
        [simulator(structure).batch_at(i).present.sum(axis=1) for i in range(12)]
    )
    density = counts / 10.24
    mean_factor = (3.0 - 0.3) / np.log(3.0 / 0.3)
    assert density.mean() == pytest.approx(2.0 * mean_factor, rel=0.12)
    # Half of the patches are below the geometric mean of the ends.
    assert np.mean(density < 2.0 * np.sqrt(0.9)) == pytest.approx(0.5, abs=0.1)


def test_density_factors_can_be_chosen():
    counts = simulator(density_factors=(1.0, 1.0), batch=200).batch_at(0).present.sum(axis=1)
    assert counts.mean() == pytest.approx(20.48, rel=0.05)
    assert counts.var() == pytest.approx(20.48, rel=0.3)


def test_background_spreads_from_patch_to_patch():
    background = simulator(batch=500).batch_at(0).expected_background_photon
    assert background.mean() == pytest.approx(20, rel=0.03)
    assert background.std() == pytest.approx(4, rel=0.1)


def test_structured_patches_are_less_even_than_uniform_ones():
    def unevenness(structure):
        batch = simulator(structure, density_factors=(2.0, 2.0), batch=64).batch_at(0)
        cells = [
            np.histogram2d(*batch.xy_px[k][batch.present[k]].T, bins=8, range=[[0, 32]] * 2)[0]
            for k in range(64)
        ]
        return np.array([c.var() / c.mean() for c in cells])

    # Variance over mean of the counts in cells: 1 for Poisson numbers.
    assert np.mean(unevenness("uniform") > 1.4) < 0.1
    for structure in ("filaments", "clusters", "mixed"):
        assert 0.4 < np.mean(unevenness(structure) > 1.4) < 0.9


def test_mask_windows_show_the_mask():
    mask = np.zeros((64, 64))
    mask[:, 20] = 1.0
    options = {"mask": mask, "density_factors": (1.0, 1.0), "mask_field_px": (64, 64)}
    batch = simulator(batch=60, **options).batch_at(0)
    widths = [np.ptp(batch.xy_px[k, batch.present[k], 0]) for k in range(60)]
    on_the_line = np.array(widths) <= 1.0
    assert 0.5 < on_the_line.mean() < 0.9
    # All emitters of the 41 µm² are on the line, half of it in the window.
    counts = batch.present.sum(axis=1)
    assert counts[on_the_line].mean() == pytest.approx(41, rel=0.1)


def test_unknown_structure_is_refused_at_once():
    with pytest.raises(SettingsError, match="no such file"):
        simulator("spaghetti")


def test_maps_are_cut_where_the_patch_is():
    baseline = np.random.default_rng(1).uniform(100, 900, (48, 40)).astype(np.float32)
    batch = simulator(maps=CameraMaps(baseline_adu=baseline), density=0.05).batch_at(0)
    assert batch.maps.baseline_adu.shape == (32, 32, 32)
    dark = batch.adu - batch.maps.baseline_adu
    assert np.median(dark) == pytest.approx(40, abs=3)
    assert batch.adu.std() > 200
    assert (batch.maps.baseline_adu[0] != batch.maps.baseline_adu[1]).any()


def test_maps_smaller_than_a_patch_are_refused():
    with pytest.raises(CameraError, match="at least 32 px"):
        simulator(maps=CameraMaps(baseline_adu=np.ones((64, 30), dtype=np.float32)))


def test_em_gain_is_simulated():
    cam = Camera(pixel_size_nm=100.0, baseline_adu=200.0, photons_per_adu=5.0, em_gain=100.0)
    batch = simulator(camera=cam, density=0.01, batch=64).batch_at(0)
    photons = cam.photons(batch.adu) / batch.expected_background_photon
    empty = photons[batch.present.sum(axis=1) == 0][:, 6:-6, 6:-6]
    assert empty.mean() == pytest.approx(1.0, rel=0.02)
    assert empty.var() == pytest.approx(2 / 20, rel=0.15)


def test_uneven_background_and_haze_are_told_pixel_by_pixel():
    uneven = Background(background_photon=40, unevenness=0.3, haze_per_um2=0.5)
    batch = simulator(background=uneven, density=1e-6).batch_at(0)
    dark = batch.expected_background_photon
    assert dark.shape == batch.adu.shape
    assert dark.std() > 5.0
    noise = CAMERA.photons(batch.adu) - dark
    assert np.mean(noise**2 / (dark + CAMERA.read_noise_photon**2)) == pytest.approx(1, abs=0.03)
