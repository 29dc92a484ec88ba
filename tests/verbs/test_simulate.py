from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError, OutputError, SettingsError
from deep_storm.io.camera_maps import write_camera_maps

SETTINGS = {
    "pixel_size_nm": 100,
    "baseline_adu": 100,
    "photons_per_adu": 0.5,
    "sigma_nm": 120,
    "density_per_um2": 1,
    "intensity_photon": 1500,
    "background_photon": 10,
    "frames": 3,
    "width_px": 24,
    "height_px": 16,
}


def test_writes_stack_truth_and_protocol(tmp_path: Path):
    result = ds.simulate(output=tmp_path / "new" / "sim", **SETTINGS)
    assert [path.name for path in result.written] == ["sim.tif", "sim.csv", "sim-protocol.txt"]
    with ds.open_frames(result.written[0]) as stream:
        assert stream.shape == (3, 16, 24)
        assert stream.pixel_size_nm == pytest.approx(100)
    assert len(ds.read_table(result.written[1])) == result.emitters


def test_same_seed_same_frames(tmp_path: Path):
    stacks = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ds.simulate(output=tmp_path / name, seed=seed, **SETTINGS)
        with ds.open_frames(tmp_path / f"{name}.tif") as stream:
            stacks.append(stream.read(0, 3))
    assert np.array_equal(stacks[0], stacks[1])
    assert not np.array_equal(stacks[0], stacks[2])


def test_frames_of_a_negative_baseline_are_written_with_their_sign(tmp_path: Path):
    for name, baseline in (("usual", 100), ("signed", 100 - 32768)):
        ds.simulate(output=tmp_path / name, **{**SETTINGS, "baseline_adu": baseline})
    with ds.open_frames(tmp_path / "usual.tif") as stream:
        usual = stream.read(0, 3).astype(np.float32)
    with ds.open_frames(tmp_path / "signed.tif") as stream:
        assert np.abs(stream.read(0, 3) + 32768 - usual).max() <= 1  # rounding


def test_truth_is_counted_through_all_chunks(tmp_path: Path, monkeypatch):
    from deep_storm.simulation import frames

    whole = ds.simulate(output=tmp_path / "whole", **SETTINGS)
    monkeypatch.setattr(frames, "CHUNK_PIXELS", 16 * 24)
    pieces = ds.simulate(output=tmp_path / "pieces", **SETTINGS)
    assert pieces.emitters == whole.emitters
    for ending in ("tif", "csv"):
        one, other = (tmp_path / f"{name}.{ending}" for name in ("whole", "pieces"))
        assert one.read_bytes() == other.read_bytes()


def test_stopping_leaves_no_file(tmp_path: Path, monkeypatch):
    from deep_storm.simulation import frames

    def stop(done, total, message):
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(frames, "CHUNK_PIXELS", 16 * 24)
    with pytest.raises(KeyboardInterrupt):
        ds.simulate(output=tmp_path / "sim", progress=stop, **SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_camera_maps_give_every_pixel_its_own_camera(tmp_path: Path):
    baseline = np.full((16, 24), 100, np.float32)
    baseline[3, 5] = 400
    write_camera_maps(tmp_path / "maps.tif", CameraMaps(baseline))
    ds.simulate(output=tmp_path / "sim", camera_maps=tmp_path / "maps.tif", **SETTINGS)
    with ds.open_frames(tmp_path / "sim.tif") as stream:
        mean = stream.read(0, 3).mean(axis=0)
    assert mean[3, 5] > 400 > np.median(mean)


def test_camera_maps_of_another_size_are_refused(tmp_path: Path):
    maps = CameraMaps(np.full((16, 16), 100, np.float32))
    with pytest.raises(CameraError, match="16 × 16 px"):
        ds.simulate(output=tmp_path / "sim", camera_maps=maps, **SETTINGS)


def test_an_ending_in_the_name_is_no_part_of_it(tmp_path: Path):
    result = ds.simulate(output=tmp_path / "sim.tif", **SETTINGS)
    assert result.written[0] == tmp_path / "sim.tif"


def test_nothing_is_replaced_unasked(tmp_path: Path):
    (tmp_path / "sim.csv").write_text("precious")
    with pytest.raises(OutputError, match=r"sim\.csv"):
        ds.simulate(output=tmp_path / "sim", **SETTINGS)
    assert [p.name for p in tmp_path.iterdir()] == ["sim.csv"]


def test_says_what_is_missing(tmp_path: Path):
    with pytest.raises(SettingsError, match="density_per_um2 is missing"):
        ds.simulate(
            output=tmp_path / "sim", **{k: v for k, v in SETTINGS.items() if "density" not in k}
        )
