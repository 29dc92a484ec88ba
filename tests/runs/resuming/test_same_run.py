"""Only the same run goes on: the same frames, camera, model and version."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from deep_storm import packages
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import Cancelled, OutputError
from deep_storm.io.config import load_toml
from deep_storm.settings import Reconstruction


def interrupted(again, folder, **options):
    """Leave an interrupted run behind."""

    def stop(done, total, message):
        if done >= 8:
            raise Cancelled("stopped")

    again(folder, progress=stop, **options)
    assert (folder / "out.running" / "checkpoint.npz").is_file()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("movie", "stack.pixels is different"),
        ("photons", "model.emitters.intensity_photon was 1500.0 and is now 1501.0"),
        ("version", "version.deep-storm was"),
    ],
)
def test_only_the_same_run_goes_on(again, movie, tmp_path, monkeypatch, what, said, expected):
    options = {"model": "general", **expected} if what == "photons" else {}
    interrupted(again, tmp_path, **options)
    if what == "movie":  # of the same name, shape and type
        movie = movie.copy()
        movie[-1] += 1
        options = {"stack": movie}
    elif what == "photons":
        emitters = expected["emitters"].model_copy(update={"intensity_photon": 1501.0})
        options |= {"emitters": emitters}
    else:
        real = packages.version
        monkeypatch.setattr(packages, "version", lambda n: "9" if n == "deep-storm" else real(n))
    with pytest.raises(OutputError, match="keeps the work of another run") as caught:
        again(tmp_path, resume=True, **options)
    assert said in str(caught.value)


def test_a_movie_that_was_copied_is_still_the_same(again, movie, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", movie, metadata=None)
    interrupted(again, tmp_path, stack=tmp_path / "m.tif")
    os.utime(tmp_path / "m.tif", (1e9, 1e9))
    assert again(tmp_path, stack=tmp_path / "m.tif", resume=True).complete


def test_the_record_tells_which_frames_were_read(
    again, movie, uninterrupted, tmp_path, frames_read
):
    copy = tmp_path / "copy.tif"
    tifffile.imwrite(copy, movie, metadata=None)
    again(tmp_path / "copy", stack=copy, settings=Reconstruction(chunk_frames=3, upsampling=2))
    assert len(frames_read(tmp_path / "copy")) == 64
    assert frames_read(tmp_path / "copy") == uninterrupted[2]
    movie = movie.copy()
    movie[1, 3, 4] += 1
    again(tmp_path / "other", stack=movie)
    assert frames_read(tmp_path / "other") != uninterrupted[2]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_shown_in_the_record(
    again, movie, uninterrupted, tmp_path, files
):
    stack = tmp_path / os.fsdecode(b"cell_\xb5m.tif")  # Latin-1, as old microscopes write it
    tifffile.imwrite(stack, movie, metadata=None)
    result = again(tmp_path / "results", stack=stack)
    assert files(tmp_path / "results") == uninterrupted
    record = load_toml(result.written[-1])
    assert record["inputs"]["stack"] == str(tmp_path / "cell_\\xb5m.tif")


@pytest.mark.parametrize("hidden", [False, True])
def test_a_movie_with_other_frames_between_those_that_are_sampled_is_not(
    again, movie, tmp_path, hidden
):
    movie = np.concatenate([movie] * 3)  # 8 of 60 frames are looked at
    file = tmp_path / "m.tif"
    tifffile.imwrite(file, movie, metadata=None)
    before = file.stat()
    interrupted(again, tmp_path, stack=file)
    table = (tmp_path / "out.csv").read_bytes()
    movie[1] += 1
    tifffile.imwrite(file, movie, metadata=None)
    if hidden:  # size and time are the same: all that was done is compared at the end
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(
        OutputError, match=r"frames of m\.tif are not those that were processed"
    ) as caught:
        again(tmp_path, stack=file, resume=True)
    assert "continues" not in str(caught.value)
    assert (tmp_path / "out.csv").read_bytes() == table


def test_a_movie_that_is_changed_while_it_is_read_gives_no_results(again, movie, tmp_path):
    file = tmp_path / "m.tif"
    tifffile.imwrite(file, movie, metadata=None)

    def change(done, total, message):
        if message == "frames" and done >= 8:
            with file.open("r+b") as written:  # the first pixels, which were read
                written.seek(-movie.nbytes, os.SEEK_END)
                written.write(bytes(8))
            os.utime(file, ns=(0, 0))

    with pytest.raises(OutputError, match=r"m\.tif were changed while it was reconstructed"):
        again(tmp_path, stack=file, progress=change)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("baseline_adu", "stack.pixels is different"),
        ("read_noise_adu", "camera_maps is different"),
    ],
)
def test_other_camera_maps_are_another_run(again, movie, tmp_path, other, said):
    columns = np.arange(movie.shape[2], dtype=np.float32) % 3.0
    maps = CameraMaps(
        baseline_adu=np.broadcast_to(99.0 + columns, movie.shape[1:]),
        read_noise_adu=np.broadcast_to(np.maximum(columns - 1.0, 0.0), movie.shape[1:]),
    )
    interrupted(again, tmp_path, camera_maps=maps)
    changed = getattr(maps, other).copy()
    changed[3, 4] += 1.0
    with pytest.raises(OutputError, match=said):
        again(tmp_path, camera_maps=replace(maps, **{other: changed}), resume=True)
    assert again(tmp_path, camera_maps=maps, resume=True).complete
