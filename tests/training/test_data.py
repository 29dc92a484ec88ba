"""Training batches: where they come from, and that their emitters go with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import StackError, TableError
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.networks.base import EXPECTATIONS, Scales
from deep_storm.psf.depth import DepthCode
from deep_storm.settings import Background, Emitters, Psf, Simulation, Training
from deep_storm.simulation.frames import simulate
from deep_storm.simulation.patch_batch import PatchBatch
from deep_storm.training import data as training_data
from deep_storm.training.data import ImportedData, SimulatedData, in_scale
from deep_storm.training.schedule import resolved
from deep_storm.training.turns import turned

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=130)
EMITTERS = Emitters(density_per_um2=1, intensity_photon=1500)
BACKGROUND = Background(background_photon=16)
MOLECULES = CAMERA, PSF, EMITTERS, BACKGROUND
SCALES = Scales.matching(*MOLECULES)
FRAMES, HEIGHT, WIDTH = 20, 24, 31
BRIGHT = 50_000


def settings(**changes):
    values = {"batch": 8, "patch_size_px": 16, "validation_share": 0.25, **changes}
    return resolved(Training(**values), 32, 32, 1e-3)


def marked_movie(frames=range(FRAMES)):
    """Return a stack whose pixels hold the frame's number, BRIGHT below emitters; and its truth."""
    rng = np.random.default_rng(8)
    stack = np.repeat(np.arange(FRAMES, dtype=np.uint16), HEIGHT * WIDTH)
    stack = stack.reshape(FRAMES, HEIGHT, WIDTH)
    rows = []
    for frame in frames:
        places = rng.choice(HEIGHT * WIDTH, 40, replace=False)
        for row, column in zip(*np.divmod(places, WIDTH), strict=True):
            stack[frame, row, column] = BRIGHT
            # off the pixel's centre: a mirrored position must be mirrored, not shifted
            rows.append((frame, (column + 0.3) * 100, (row + 0.8) * 100, 130.0, 900.0, 4.0))
    names = ["frame", "x_nm", "y_nm", "sigma_nm", "intensity_photon", "bkgstd_photon"]
    return ArrayFrames(stack, name="movie.tif"), pd.DataFrame(rows, columns=names)


def imported(frames=range(FRAMES), **changes):
    return ImportedData(*marked_movie(frames), CAMERA, SCALES, settings(**changes))


def frames_in(batch):
    return {int(v) for v in np.unique(batch.adu) if v != BRIGHT}


def test_depths_of_the_truth_go_with_their_emitters():
    stream, truth = marked_movie()
    truth = truth.assign(z_nm=truth["x_nm"] - 1500.0)
    scales = SCALES.model_copy(update={"depth_reach_nm": 2000.0})
    data = ImportedData(stream, truth, CAMERA, scales, settings())
    raw, batch = data.raw_batch(0), data.batch(0)
    assert set(raw.z_nm[raw.present]) <= set(truth["z_nm"].astype(np.float32))
    stated = DepthCode(2000.0).depth_nm(batch.truth.shape)
    np.testing.assert_allclose(stated[raw.present], raw.z_nm[raw.present], atol=0.01)


def test_validation_and_training_never_share_a_frame():
    data = imported()
    training, validation = set(data.training_frames), set(data.validation_frames)
    assert len(validation) == 5
    assert not training & validation
    assert training | validation == set(range(FRAMES))
    drawn = set().union(*(frames_in(data.raw_batch(k)) for k in range(20)))
    judged = set().union(*(frames_in(data.raw_validation(k)) for k in range(20)))
    assert drawn == training
    assert judged == validation


def test_another_seed_splits_otherwise_and_the_same_one_alike():
    assert set(imported(seed=1).validation_frames) == set(imported(seed=1).validation_frames)
    assert set(imported(seed=1).validation_frames) != set(imported(seed=2).validation_frames)


def test_flips_and_rotations_carry_the_emitters():
    data = imported()
    turned_places = set()
    for number in range(10):
        batch = data.raw_batch(number)
        for patch, xy, there in zip(batch.adu, batch.xy_px, batch.present, strict=True):
            bright = {tuple(place) for place in np.argwhere(patch == BRIGHT)}
            column, row = np.floor(xy[there]).astype(int).T
            assert bright == set(zip(row, column, strict=True))
            turned_places |= {tuple(np.rint(p % 1 * 10).astype(int)) for p in xy[there]}
    # tenths of a pixel: mirrored along x, along y, and with the axes exchanged
    expected = {(x, y) for x in (3, 7) for y in (2, 8)}
    assert turned_places == expected | {(y, x) for x, y in expected}


def test_a_batch_depends_on_seed_and_number_alone():
    one, other = imported(), imported()
    other.raw_batch(3)
    np.testing.assert_array_equal(one.raw_batch(7).adu, other.raw_batch(7).adu)
    assert (one.raw_batch(7).adu != one.raw_batch(8).adu).any()


def test_patches_of_an_epoch_are_counted():
    assert imported(patches_per_frame=4).patches_per_epoch == 4 * 15
    assert imported(patches_per_frame=4, max_patches=50).patches_per_epoch == 50
    assert simulated(max_patches=777).patches_per_epoch == 777


def test_the_mean_background_is_the_square_of_its_deviation():
    np.testing.assert_allclose(imported().raw_batch(0).expected_background_photon, 16)


def test_broken_pixels_are_filled_before_they_are_learnt_from():
    stream, truth = marked_movie()
    frames = stream.read(0, FRAMES).astype(np.float32)
    frames[:, ::5, ::5] = np.nan
    data = ImportedData(ArrayFrames(frames), truth, CAMERA, SCALES, settings())
    assert np.isfinite(data.raw_batch(0).adu).all()


def test_only_frames_with_emitters_are_used():
    data = imported(frames=range(3, 9))
    assert set(data.training_frames) | set(data.validation_frames) == set(range(3, 9))


def test_frames_smaller_than_a_patch_are_refused():
    with pytest.raises(StackError, match=r"31 × 24 px.*at least 32 × 32.*--patch-size-px 24"):
        imported(patch_size_px=32)


def test_a_single_frame_with_emitters_is_too_few():
    with pytest.raises(TableError, match="emitters in 1 frame of"):
        imported(frames=[4])


def test_missing_columns_are_named():
    stream, truth = marked_movie()
    with pytest.raises(TableError, match="no column sigma_nm, bkgstd_photon"):
        ImportedData(
            stream, truth.drop(columns=["sigma_nm", "bkgstd_photon"]), CAMERA, SCALES, settings()
        )


def simulated(maps=None, **changes):
    return SimulatedData(CAMERA, PSF, EMITTERS, BACKGROUND, SCALES, settings(**changes), maps)


def test_simulated_validation_is_never_trained_on():
    data = simulated()
    assert (data.raw_batch(0).adu != data.raw_validation(0).adu).any()
    again = [batch.frames for batch in data.validation()]
    for one, other in zip(data.validation(), again, strict=True):
        np.testing.assert_array_equal(one.frames, other)


def test_scales_bring_everything_to_about_one():
    batch = simulated().batch(0)
    there = batch.truth.present > 0
    assert batch.frames.shape == (8, 16, 16, 1)
    assert batch.expectations.shape == (8, EXPECTATIONS)
    assert np.mean(batch.truth.photons[there]) == pytest.approx(1, abs=0.1)
    assert np.mean(batch.truth.shape[there]) == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(batch.truth.background, 1)
    assert abs(np.median(batch.frames)) < 0.5


def test_maps_are_corrected_before_the_network_sees_a_patch():
    photons = np.full((2, 4, 4), 30.0, np.float32)
    maps = CameraMaps(
        np.array([90, 110], np.float32)[:, None, None] * np.ones((2, 4, 4), np.float32),
        np.array([0.4, 0.6], np.float32)[:, None, None] * np.ones((2, 4, 4), np.float32),
    )
    adu = photons / maps.photons_per_adu + maps.baseline_adu
    none = np.zeros((2, 16), np.float32)
    batch = PatchBatch(
        adu, np.full(2, 16.0, np.float32), np.zeros((2, 16, 2), np.float32), none, none,
        none.astype(bool), none, maps,
    )  # fmt: skip
    frames = in_scale(batch, CAMERA, SCALES).frames[..., 0]
    np.testing.assert_allclose(frames, (30 - 16) / SCALES.input_photon, rtol=1e-5)


def test_depth_is_learnt_in_place_of_sigma_where_the_scales_say_so():
    z_nm = np.array([[-400.0, 200.0]], np.float32)
    two = np.ones((1, 2), np.float32)
    raw = PatchBatch(
        np.full((1, 16, 16), 130, np.float32), np.full((1, 1, 1), 16, np.float32),
        np.full((1, 2, 2), 8, np.float32), 1.3 * two, 1500 * two, two > 0, z_nm,
    )  # fmt: skip
    deep = SCALES.model_copy(update={"depth_reach_nm": 400.0})
    np.testing.assert_allclose(in_scale(raw, CAMERA, SCALES).truth.shape, two)
    np.testing.assert_allclose(in_scale(raw, CAMERA, deep).truth.shape, [[0.5, 3.5]])


def seen_three(**values):
    return resolved(Training(**values), 32, 32, 1e-3, frames_at_once=3)


def test_frames_beside_a_simulated_patch_are_its_channels():
    data = SimulatedData(*MOLECULES, SCALES, seen_three(batch=400, patch_size_px=16))
    frames = data.batch(0).frames
    assert frames.shape == (400, 16, 16, 3)
    there = frames.any(axis=(1, 2))
    assert there[:, 0].all()
    assert 0.07 < 1.0 - there[:, 1:].mean() < 0.25
    after = frames[there[:, 2], ..., 2]
    assert after.mean() == pytest.approx(frames[..., 0].mean(), rel=0.2)
    assert np.isfinite(frames).all()


def test_frames_beside_an_imported_patch_are_those_of_the_stack(monkeypatch):
    monkeypatch.setattr(training_data, "some_alone", lambda raw, rng: raw)
    size = Simulation(frames=12, width_px=32, height_px=32)
    movie = simulate(*MOLECULES, size)
    training = seen_three(batch=64, patch_size_px=32)
    data = ImportedData(ArrayFrames(movie.stack), movie.truth, CAMERA, SCALES, training)
    stack = SCALES.network_input(CAMERA.photons(movie.stack))[..., 0]
    found = data.batch(0).frames
    ends = 0
    for patch in found:
        turns = [np.array([turned(frame, turn) for frame in stack]) for turn in range(8)]
        turn, frame = next(
            (turn, k)
            for turn, frames in enumerate(turns)
            for k in range(12)
            if np.array_equal(frames[k], patch[..., 0])
        )
        for other, seen in ((frame - 1, patch[..., 1]), (frame + 1, patch[..., 2])):
            if 0 <= other < 12:
                np.testing.assert_array_equal(seen, turns[turn][other])
            else:
                ends += 1
                assert not seen.any()
    assert ends > 0
