"""The PSF over depth from z-stacks of beads, and stacks that cannot tell it."""

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.estimation.zstack.calibration import calibrate
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.psf.elliptical import at_focus
from deep_storm.settings import PsfCalibration, Pupil

CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
STEP_NM = 80.0
DEPTHS_NM = np.arange(-560.0, 561.0, STEP_NM)
GRID = np.stack(np.meshgrid([25.3, 74.6, 125.1], [24.8, 75.5, 124.7]), -1).reshape(-1, 2)


@pytest.fixture(scope="module")
def table(beads):
    return beads.true_psf()


def calibrated(*stacks, step_nm=STEP_NM, **settings):
    streams = [ArrayFrames(stack, name="beads") for stack in stacks]
    return calibrate(streams, CAMERA, PsfCalibration(z_step_nm=step_nm, **settings))


@pytest.fixture(scope="module")
def found(beads, table):
    return calibrated(beads.z_stack(table, GRID))


def test_the_shape_is_that_of_the_microscope(beads, table, found):
    assert beads.off(found.table, table) < 0.04
    assert found.table.source == "beads"
    assert found.uncertainty < 0.05
    assert found.beads == found.found == 9
    assert found.chi2 == pytest.approx(1.0, abs=0.05)
    assert found.table.effective_sigma_nm == pytest.approx(table.effective_sigma_nm, rel=0.02)


def test_widths_cross_where_the_focus_is(found):
    widths = found.widths
    below, above = (int(np.argmin(np.abs(widths.z_nm - z))) for z in (-300.0, 300.0))
    assert widths.x_nm[below] > 1.2 * widths.y_nm[below]
    assert widths.y_nm[above] > 1.2 * widths.x_nm[above]


def test_a_tilted_stage_is_taken_out(beads, table):
    found = calibrated(beads.z_stack(table, GRID, tilt_nm=400.0))
    assert beads.off(found.table, table, tuple(range(-300, 301, 50))) < 0.05
    assert any("apart in depth" in note for note in found.notes)


def test_a_tilted_stage_leaves_the_focus_of_a_round_psf_where_it_is(beads):
    round_psf = beads.true_psf(Pupil(numerical_aperture=1.4, wavelength_nm=670.0))
    found = calibrated(beads.z_stack(round_psf, GRID, tilt_nm=300.0)).table
    assert abs(deeper_by(found, round_psf)) < 5.0


def deeper_by(found, true):
    """Return by how much a PSF lies deeper than another one: where both are most alike."""
    reach = min(found.radius_px, true.radius_px) * found.samples_per_px

    def planes(table, by_nm):
        middle = table.values.shape[1] // 2
        part = slice(middle - reach, middle + reach + 1)
        return np.stack([table.plane(z + by_nm)[part, part] for z in range(-350, 351, 50)])

    wanted = planes(true, 0.0)
    shifts = np.arange(-40.0, 41.0, 10.0)
    off = [np.sum((planes(found, shift) - wanted) ** 2) for shift in shifts]
    curve = np.polynomial.Polynomial.fit(shifts, off, 2).convert().coef
    return -0.5 * curve[1] / curve[2]


def test_two_stacks_are_used_together(beads, table):
    first, second = beads.z_stack(table, GRID[:4]), beads.z_stack(table, GRID[3:], seed=5)
    found = calibrated(first, second)
    assert found.beads == 10
    assert beads.off(found.table, table) < 0.04
    assert "in 2 stacks" in found.summary()


def test_a_negative_step_turns_z_around(beads, table, found):
    back = calibrated(beads.z_stack(table, GRID)[::-1], step_nm=-STEP_NM)
    assert beads.off(back.table, found.table) < 0.02


def test_what_is_left_out_is_counted_with_the_reason(beads, table):
    near_border, pair = [(6.0, 75.0)], [(73.0, 100.0), (82.0, 100.0)]
    kept = np.concatenate([GRID, near_border, pair])
    found = calibrated(beads.z_stack(table, kept))
    assert found.left_out["too close to the border"] == 1
    assert found.left_out["too close to another bead"] >= 2
    assert beads.off(found.table, table) < 0.05


def test_a_bead_unlike_the_others_is_left_out(beads, table):
    stack = beads.z_stack(table, GRID[:8]).astype(np.int64)
    stranger = beads.true_psf(Pupil(numerical_aperture=0.9, wavelength_nm=670.0))
    stack += beads.z_stack(stranger, GRID[8:], photons=16_000.0).astype(np.int64)
    stack -= 120
    found = calibrated(np.clip(stack, 0, 65535).astype(np.uint16))
    assert found.left_out["not like the others"] == 1
    assert found.beads == 8


@pytest.mark.parametrize(
    ("depths_nm", "said"),
    [
        (np.zeros(15), "look the same in all 15 frames of beads"),
        (np.concatenate([DEPTHS_NM, DEPTHS_NM[-2::-1]]), "turns around at frame 15"),
        (np.random.default_rng(1).permutation(DEPTHS_NM), "not in the order of depth"),
        (np.concatenate([DEPTHS_NM, DEPTHS_NM]), "begins again every 15 frames"),
        (DEPTHS_NM[:4], "has 4 planes"),
    ],
    ids=["time series", "there and back", "shuffled", "twice", "few planes"],
)
def test_frames_that_are_no_z_stack_are_refused(beads, table, depths_nm, said):
    with pytest.raises(PsfError, match=said):
        calibrated(beads.z_stack(table, GRID, depths_nm=depths_nm))


def test_too_few_beads_are_refused(beads, table):
    with pytest.raises(PsfError, match=r"^1 bead; expected at least 3 beads"):
        calibrated(beads.z_stack(table, GRID[:1]))
    with pytest.raises(PsfError, match=r"no beads in beads"):
        calibrated(beads.z_stack(table, GRID[:0]))


def test_saturated_beads_are_refused(beads, table):
    with pytest.raises(PsfError, match=r"9 beads: \d saturated"):
        calibrated(beads.z_stack(table, GRID, photons=800_000.0))


def test_a_symmetric_psf_is_no_scan_there_and_back(beads):
    round_psf = beads.true_psf(Pupil(numerical_aperture=1.2, wavelength_nm=670.0))
    found = calibrated(beads.z_stack(round_psf, GRID))
    assert beads.off(found.table, round_psf) < 0.05


def test_two_spots_that_turn_are_one_bead(beads):
    helix = beads.true_psf(
        Pupil(numerical_aperture=1.2, wavelength_nm=670.0, phase_mask="double helix"), 18
    )
    found = calibrated(beads.z_stack(helix, GRID[::2], photons=20_000.0), radius_um=1.8)
    assert found.beads == found.found == 5
    assert found.chi2 == pytest.approx(1.0, abs=0.05)
    assert found.difference < 0.05
    assert np.hypot(*direction_of(found.table.plane(0.0))) > 0.4
    assert beads.off(found.table, helix) < 0.06  # with its centre, focus and dark places


def direction_of(image):
    """Return how elongated an image is, as a vector; its length is 0 for a round one."""
    y, x = np.mgrid[: len(image), : len(image)].astype(float)
    light = np.where(image > 0.3 * image.max(), image, 0.0) / image[image > 0.3 * image.max()].sum()
    x, y = x - np.sum(light * x), y - np.sum(light * y)
    parts = 2 * np.sum(light * x * y), np.sum(light * (x**2 - y**2))
    return np.array(parts) / np.sum(light * (x**2 + y**2))


def test_an_uneven_background_hides_no_beads(beads, table):
    stack = beads.z_stack(table, GRID, photons=4000.0).astype(np.float64)
    y, x = np.mgrid[-1.0:1.0:150j, -1.0:1.0:150j]
    stack += 100.0 * (2.0 + x + 0.5 * y - 0.5 * x**2)  # noiseless, so that it counts alone
    found = calibrated(np.round(stack).astype(np.uint16))
    assert found.beads == 9
    assert beads.off(found.table, table, tuple(range(-300, 301, 50))) < 0.05


def test_a_window_is_wide_enough_where_beads_have_little_room(beads, table, found):
    """With 24 px no bead stands alone in such a field: windows became 8 px."""
    places = [[x, y] for x in (20.5, 53.2) for y in (19.7, 52.4)]
    crowded = calibrated(beads.z_stack(table, places)[:, :74, :74])
    assert crowded.beads == 4
    assert crowded.table.radius_px > 8
    assert crowded.table.radius_px >= found.table.radius_px - 2


def test_a_focus_at_the_end_of_the_scan_is_told(beads, table):
    found = calibrated(beads.z_stack(table, GRID, depths_nm=DEPTHS_NM + 500.0))
    assert any("The scan begins" in note and "z = 0" in note for note in found.notes)
    assert not any("of their light" in note for note in found.notes)


def test_a_step_that_light_contradicts_is_told(beads, table, found):
    assert not any("--z-step-nm" in note for note in found.notes)
    slow = calibrated(beads.z_stack(table, GRID), step_nm=10 * STEP_NM)
    assert any("more slowly" in note and "--z-step-nm" in note for note in slow.notes)


def test_faint_beads_are_not_called_disordered(beads, table):
    with pytest.raises(PsfError, match="too faint to be followed"):
        calibrated(beads.z_stack(table, GRID, photons=150.0))


def test_what_to_do_depends_on_why_beads_are_left_out(beads, table):
    with pytest.raises(PsfError, match=r"smaller window \(--radius-um\)"):
        calibrated(beads.z_stack(table, [(8.0, 75.0), (75.0, 8.0), (142.0, 75.0)]))


def test_photons_are_hardly_missed_where_aberrations_send_light_far_out(beads):
    """With the tails of a perfect lens the middle is 17 % too bright."""
    pupil = Pupil(
        numerical_aperture=1.35,
        wavelength_nm=660.0,
        astigmatism_waves=0.15,
        spherical_waves=0.09,
        vertical_coma_waves=0.06,
        oblique_trefoil_waves=0.05,
    )
    true = at_focus(beads.true_psf(pupil, 30))
    found = calibrated(beads.z_stack(true, GRID)).table
    reach = 4 * found.samples_per_px
    seen, wanted = (
        np.stack([middle_of(t.plane(z), reach) for z in DEPTHS_NM[4:-4]]) for t in (found, true)
    )
    assert np.sum(seen * wanted) / np.sum(seen**2) == pytest.approx(1.0, abs=0.13)


def middle_of(plane, reach):
    middle = len(plane) // 2
    return plane[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
