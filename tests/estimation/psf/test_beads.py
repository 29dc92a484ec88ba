"""The PSF from images of beads, and beads that cannot tell it."""

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.beads import measure_beads
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil
from deep_storm.simulation.noise import expose

PUPIL = Pupil(
    numerical_aperture=1.4, wavelength_nm=670.0, immersion_index=1.515, horizontal_coma_waves=0.06
)
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
EDGE_PX, BACKGROUND = 140, 10.0
GRID = np.array([(30.3, 30.7), (70.1, 30.2), (110.6, 31.4), (30.9, 70.5), (70.4, 70.8),
                 (109.2, 71.1), (31.5, 110.2), (70.7, 109.6), (110.3, 110.9)])  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return pupil_table(PUPIL, 100.0, np.linspace(-600, 600, 7))


@pytest.fixture
def image(table):
    """Return what makes frames of beads; where they are, (x, y) in px, how bright and how deep."""

    def make(places=GRID, photons=15_000.0, depths_nm=(0.0, 0.0), dtype=np.uint16):
        rng = np.random.default_rng(2)
        expected = np.full((len(depths_nm), EDGE_PX, EDGE_PX), BACKGROUND, np.float32)
        light = photons * rng.uniform(0.7, 1.3, len(places))
        for frame, z_nm in enumerate(depths_nm):
            x, y = (places + rng.normal(0, 0.3, 2)).T
            add_table_emitters(
                expected,
                np.full(len(places), frame),
                np.ascontiguousarray(x),
                np.ascontiguousarray(y),
                np.full(len(places), z_nm),
                light,
                table.coefficients,
                table.samples_per_px,
                table.radius_px,
                table.z0_nm,
                table.dz_nm,
            )
        return ArrayFrames(expose(expected, CAMERA, rng, dtype=dtype))

    return make


def test_the_shape_is_that_of_the_microscope(image, table):
    found = measure_beads(image(), CAMERA)
    true, values = (t.centred().plane(0.0) for t in (table, found.table))
    inside = (len(values) - len(true)) // 2
    if inside > 0:
        values = values[inside:-inside, inside:-inside]
    elif inside < 0:
        true = true[-inside:inside, -inside:inside]
    scale = np.sum(values * true) / np.sum(values**2)
    assert np.sqrt(np.sum((scale * values - true) ** 2) / np.sum(true**2)) < 0.03
    assert found.table.source == "beads"
    assert found.uncertainty < 0.03 < found.from_gaussian
    assert "18 bead images in 2 frames" in found.summary()


def test_one_frame_will_do(image, table):
    found = measure_beads(image(depths_nm=(0.0,)), CAMERA)
    assert found.sigma_nm == pytest.approx(table.effective_sigma_nm, rel=0.02)


def test_beads_that_are_too_close_are_left_out(image):
    crowded = np.concatenate([GRID, GRID[:2] + 6.0])
    assert measure_beads(image(crowded), CAMERA).molecules == 2 * 7
    with pytest.raises(PsfError, match=r"closer together than \d+ px.*at least 3 beads"):
        measure_beads(image(np.concatenate([GRID, GRID + 6.0])), CAMERA)


def test_saturated_beads_are_refused(image):
    with pytest.raises(PsfError, match=r"9 beads: \d saturated"):
        measure_beads(image(photons=400_000.0, dtype=np.uint16), CAMERA)


def test_a_focus_that_changes_is_refused(image):
    with pytest.raises(PsfError, match="less sharp in frame 2 than in frame 1"):
        measure_beads(image(depths_nm=(0.0, 400.0)), CAMERA)


def test_frames_without_beads_are_refused(image):
    with pytest.raises(PsfError, match=r"no beads|at least 3 beads"):
        measure_beads(image(GRID[:0]), CAMERA)
