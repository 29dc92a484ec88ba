"""OME-Zarr, NDTiff and CZI: what their libraries write is read, and what is wrong is said."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys

import numpy as np
import pytest

from deep_storm.errors import StackError
from deep_storm.io.stacks.foreign import czi as czi_module
from deep_storm.io.stacks.frames import open_frames

SHAPE = (7, 20, 24)


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(2).integers(0, 4000, SHAPE).astype(np.uint16)


# -- OME-Zarr


def described(axes, scale, unit="micrometer"):
    known = {"t": {"type": "time"}, "c": {"type": "channel"}, "z": {"type": "space"}}
    space = {"type": "space", "unit": unit}
    transformation = {"type": "scale", "scale": scale}
    return [
        {
            "axes": [{"name": name} | known.get(name, space) for name in axes],
            "datasets": [{"path": "0", "coordinateTransformations": [transformation]}],
        }
    ]


def write_zarr(folder, array, axes, scale, nested=False, **more):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(folder), mode="w")
    create = getattr(group, "create_array", None) or group.create_dataset
    chunks = (*(1,) * (array.ndim - 2), *array.shape[-2:])
    made = create("0", shape=array.shape, chunks=chunks, dtype=array.dtype)
    made[...] = array
    multiscales = described(axes, scale, **more)
    group.attrs.update({"ome": {"version": "0.5", "multiscales": multiscales}} if nested else
                       {"multiscales": multiscales})  # fmt: skip
    return folder


@pytest.mark.parametrize("nested", [False, True], ids=["0.4", "0.5"])
def test_frames_of_an_ome_zarr(tmp_path, frames, nested):
    whole = frames[:, None, None]
    path = write_zarr(tmp_path / "a.ome.zarr", whole, "tczyx", [1, 1, 1, 0.1, 0.1], nested)
    with open_frames(path) as stream:
        assert stream.shape == SHAPE
        assert stream.dtype == np.uint16
        assert stream.pixel_size_nm == pytest.approx(100.0)
        np.testing.assert_array_equal(stream.read(2, 6), frames[2:6])
        assert all(file.is_file() for file in stream.files)


def test_z_counts_where_there_is_no_time(tmp_path, frames):
    path = write_zarr(tmp_path / "a.zarr", frames, "zyx", [1, 0.1, 0.1])
    assert open_frames(path).shape == SHAPE


def test_a_scale_without_a_unit_is_no_pixel_size(tmp_path, frames):
    path = write_zarr(tmp_path / "a.zarr", frames, "tyx", [1, 0.1, 0.1], unit="")
    assert open_frames(path).pixel_size_nm is None


def test_channels_of_an_ome_zarr_are_refused(tmp_path, frames):
    two = np.stack([frames, frames], 1)
    path = write_zarr(tmp_path / "a.zarr", two, "tcyx", [1, 1, 0.1, 0.1])
    with pytest.raises(StackError, match=r"several frames in other axes.*7 t, 2 c"):
        open_frames(path)


def attributes_of(path):
    return next(file for file in (path / "zarr.json", path / ".zattrs") if file.is_file())


def test_an_ome_zarr_reads_nothing_outside_its_folder(tmp_path, frames):
    path = write_zarr(tmp_path / "a.zarr", frames, "tyx", [1, 0.1, 0.1])
    write_zarr(tmp_path / "b.zarr", frames, "tyx", [1, 0.1, 0.1])
    file = attributes_of(path)
    before = file.read_text()
    file.write_text(before.replace('"path": "0"', '"path": "../b.zarr/0"'))
    with pytest.raises(StackError, match="names data elsewhere"):
        open_frames(path)
    file.write_text(before)
    (path / "link").symlink_to(tmp_path / "b.zarr")
    with pytest.raises(StackError, match="is neither a file nor a folder"):
        open_frames(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes as on POSIX")
def test_a_pipe_in_an_ome_zarr_is_not_waited_for(tmp_path, frames):
    path = write_zarr(tmp_path / "a.zarr", frames, "tyx", [1, 0.1, 0.1])
    os.mkfifo(path / "0" / "pipe")
    with pytest.raises(StackError, match="is neither a file nor a folder"):
        open_frames(path)


def test_sizes_of_an_ome_zarr_are_bounded_before_memory_is_taken(tmp_path, frames):
    path = write_zarr(tmp_path / "a.zarr", frames, "tyx", [1, 0.1, 0.1])
    array = next(f for f in (path / "0" / "zarr.json", path / "0" / ".zarray") if f.is_file())
    before = json.loads(array.read_text())
    array.write_text(json.dumps(before | {"shape": [7, 200_000, 200_000]}))
    with pytest.raises(StackError, match="200000 × 200000 pixels"):
        open_frames(path)
    huge = {"chunks": [7, 100_000, 1000]} if "chunks" in before else {
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [7, 100_000, 1000]}}
    }  # fmt: skip
    array.write_text(json.dumps(before | huge))
    with pytest.raises(StackError, match="chunks of 7 × 100000 × 1000 values"):
        open_frames(path)


def test_a_folder_that_is_no_ome_zarr(tmp_path):
    pytest.importorskip("zarr")
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(StackError, match="cannot be read as OME-Zarr"):
        open_frames(tmp_path / "a.zarr")
    with pytest.raises(StackError, match="there is no folder"):
        open_frames(tmp_path / "b.zarr")


# -- NDTiff


def write_ndtiff(folder, frames, size_um=0.16, **axes):
    ndstorage = pytest.importorskip("ndstorage")
    with contextlib.redirect_stdout(io.StringIO()):
        made = ndstorage.NDTiffDataset(str(folder), summary_metadata={"x": 1}, writable=True)
        for k in reversed(range(len(frames))):  # in another order than that of time
            about = {"PixelSizeUm": size_um, "Exposure-ms": 30, "Binning": "2x2"}
            made.put_image({"time": k, **axes}, frames[k], about)
        made.finish()
        made.close()
    return folder


@pytest.fixture
def ndtiff(tmp_path, frames):
    (tmp_path / "run_1").mkdir()
    return write_ndtiff(tmp_path / "run_1", frames, channel=0)


def test_frames_of_an_ndtiff(ndtiff, frames, capsys):
    with open_frames(ndtiff) as stream:
        assert stream.shape == SHAPE
        assert stream.dtype == np.uint16
        assert stream.pixel_size_nm == pytest.approx(160.0)
        assert stream.camera_said.text() == "an exposure of 30 ms, a binning of 2 × 2"
        np.testing.assert_array_equal(stream.read(0, 7), frames)
    assert capsys.readouterr().out == ""


def test_a_pixel_of_one_um_is_a_placeholder(tmp_path, frames):
    (tmp_path / "run").mkdir()
    with open_frames(write_ndtiff(tmp_path / "run", frames, 1.0)) as stream:
        assert stream.pixel_size_nm is None


def test_a_frame_beyond_the_end_of_its_file_is_told(ndtiff):
    tiff = next(ndtiff.glob("*.tif"))
    content = tiff.read_bytes()
    tiff.write_bytes(content[: len(content) // 2])
    with pytest.raises(StackError, match="lies beyond the end of"):
        open_frames(ndtiff)
    tiff.rename(ndtiff / "gone.bin")
    with pytest.raises(StackError):
        open_frames(ndtiff)


def test_a_damaged_index_is_told(ndtiff):
    index = ndtiff / "NDTiff.index"
    content = index.read_bytes()
    for damaged in (content[:40], b"\xff" * 64, b""):
        index.write_bytes(damaged)
        with pytest.raises(StackError):
            open_frames(ndtiff)


# -- CZI


def write_czi(path, frames, channels=1, scale=1.3e-7):
    czi = pytest.importorskip("pylibCZIrw.czi")
    with czi.create_czi(str(path)) as made:
        for t, frame in enumerate(frames):
            for channel in range(channels):
                made.write(frame[..., None], plane={"T": t, "C": channel})
        made.write_metadata("movie", scale_x=scale, scale_y=scale)
    return path


def test_frames_of_a_czi(tmp_path, frames):
    with open_frames(write_czi(tmp_path / "a.czi", frames)) as stream:
        assert stream.shape == SHAPE
        assert stream.dtype == np.uint16
        assert stream.pixel_size_nm == pytest.approx(130.0)
        np.testing.assert_array_equal(stream.read(1, 7), frames[1:])
        np.testing.assert_array_equal(stream.read(0, 1), frames[:1])


def test_channels_of_a_czi_are_refused(tmp_path, frames):
    path = write_czi(tmp_path / "a.czi", frames, channels=2)
    with pytest.raises(StackError, match="several frames in other axes"):
        open_frames(path)


def test_a_damaged_czi_is_told(tmp_path, frames):
    path = write_czi(tmp_path / "a.czi", frames)
    content = path.read_bytes()
    path.write_bytes(content[:300])
    with pytest.raises(StackError, match="cannot be read as CZI"):
        open_frames(path)
    path.write_bytes(b"no CZI")
    with pytest.raises(StackError, match="cannot be read as CZI"):
        open_frames(path)
    with pytest.raises(StackError, match="there is no file"):
        open_frames(tmp_path / "none.czi")


def test_a_czi_without_room_for_its_frames_is_refused(tmp_path, frames, monkeypatch):
    monkeypatch.setattr(czi_module, "_MIN_PLANE_BYTES", 1 << 20)
    with pytest.raises(StackError, match="more than it has room for"):
        open_frames(write_czi(tmp_path / "a.czi", frames))


# -- all of them


@pytest.mark.parametrize(
    ("name", "library"),
    [("a.zarr", "zarr"), ("a.czi", "pylibCZIrw"), ("run", "ndstorage")],
)
def test_a_library_that_is_not_installed_is_named(tmp_path, monkeypatch, name, library):
    path = tmp_path / name
    if name == "a.czi":
        path.write_bytes(b"x")
    else:
        path.mkdir()
        (path / "NDTiff.index").write_bytes(b"")
    for module in list(sys.modules):
        if module.partition(".")[0] == library:
            monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(StackError, match=f"{library} is not installed") as raised:
        open_frames(path)
    assert "pip install" in str(raised.value)
