"""Training batches of an imported simulation: that emitters go with patches, and parts apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import StackError, TableError
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.networks.base import Scales
from deep_storm.psf.depth import DepthCode
from deep_storm.settings import Background, Emitters, Psf, Simulation, Training
from deep_storm.simulation.frames import simulate
from deep_storm.training import imported_data
from deep_storm.training.imported_data import ImportedData
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


def settings(frames_at_once=1, **changes):
    values = {"batch": 8, "patch_size_px": 16, "validation_share": 0.25, **changes}
    return resolved(Training(**values), 32, 32, 1e-3, frames_at_once)


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


def test_frames_in_a_row_are_validated_on_where_three_are_seen():
    data = imported(frames_at_once=3)
    validation = np.sort(data.validation_frames)
    np.testing.assert_array_equal(np.diff(validation), 1)
    assert validation.size == 5
    assert set(data.training_frames) | set(validation) == set(range(FRAMES))


def test_frames_beside_a_training_patch_are_none_that_are_validated_on(monkeypatch):
    monkeypatch.setattr(imported_data, "some_alone", lambda raw, rng: raw)
    data = imported(frames_at_once=3)
    parts = (data.raw_batch, data.training_frames), (data.raw_validation, data.validation_frames)
    for cut, own in parts:
        batches = [cut(k) for k in range(20)]
        beside = np.concatenate([batch.beside_adu for batch in batches])
        seen = {int(v) for v in np.unique(beside[np.isfinite(beside)]) if v != BRIGHT}
        assert seen == set(own.tolist())
        assert np.isnan(beside).all(axis=(1, 2)).any()


def test_frames_beside_an_imported_patch_are_those_of_the_stack(monkeypatch):
    monkeypatch.setattr(imported_data, "some_alone", lambda raw, rng: raw)
    size = Simulation(frames=12, width_px=32, height_px=32)
    movie = simulate(*MOLECULES, size)
    training = settings(frames_at_once=3, batch=64, patch_size_px=32)
    data = ImportedData(ArrayFrames(movie.stack), movie.truth, CAMERA, SCALES, training)
    stack = SCALES.network_input(CAMERA.photons(movie.stack))[..., 0]
    found = data.batch(0).frames
    own, ends = set(data.training_frames.tolist()), 0
    for patch in found:
        turns = [np.array([turned(frame, turn) for frame in stack]) for turn in range(8)]
        turn, frame = next(
            (turn, k)
            for turn, frames in enumerate(turns)
            for k in range(12)
            if np.array_equal(frames[k], patch[..., 0])
        )
        for other, seen in ((frame - 1, patch[..., 1]), (frame + 1, patch[..., 2])):
            if other in own:
                np.testing.assert_array_equal(seen, turns[turn][other])
            else:
                ends += 1
                assert not seen.any()
    assert ends > 0
