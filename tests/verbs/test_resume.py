"""A reconstruction that was killed, stopped or cut off goes on to the same files."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm import packages
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import Cancelled, OutputError, SettingsError, StackError
from deep_storm.inference import work_folder
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.io.config import load_toml
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.settings import Reconstruction, Simulation
from deep_storm.simulation.frames import simulate

EXPECTED = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": ds.Psf(sigma_nm=110),
    "emitters": ds.Emitters(density_per_um2=2, intensity_photon=1500),
    "background": ds.Background(background_photon=20),
}
SETTINGS = Reconstruction(chunk_frames=2, upsampling=2)


@pytest.fixture(scope="module")
def movie():
    size = Simulation(frames=20, width_px=24, height_px=20, seed=4)
    return simulate(*EXPECTED.values(), size).stack


@pytest.fixture(scope="module")
def model(quick_calibration, tmp_path_factory):
    """The folder of a model that was told what to expect."""
    folder = tmp_path_factory.mktemp("told") / "model"
    ready_model("general", Expected(**EXPECTED)).model.save(folder)
    return folder


@pytest.fixture(scope="module")
def again(movie, model):
    """Reconstruct into a folder."""

    def reconstruct(folder, stack=movie, **more):
        options = {"model": model, "settings": SETTINGS, "no_report": True, **more}
        return ds.reconstruct(stack, output=folder / "out", **options)

    return reconstruct


@pytest.fixture(scope="module")
def uninterrupted(again, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    again(folder)
    return files(folder)


def files(folder):
    assert sorted(p.name for p in folder.iterdir()) == [
        "out-protocol.txt", "out-run.toml", "out.csv", "out.tif"
    ]  # fmt: skip
    image = tifffile.imread(folder / "out.tif").tobytes()
    return (folder / "out.csv").read_bytes(), image, frames_read(folder)


def frames_read(folder):
    """What the record says of the frames: a checksum of all of them as they were read."""
    return load_toml(folder / "out-run.toml")["inputs"]["frames_sha256"]


def test_stopped_and_resumed_twice(again, uninterrupted, tmp_path):
    def stop_at(frames):
        def progress(done, total, message):
            if done >= frames:
                raise Cancelled("stopped")

        return progress

    general = {"model": "general", "no_report": False, **EXPECTED}
    first = again(tmp_path, progress=stop_at(6), **general)
    assert not first.complete
    assert first.reconstructed.shape[0] == 6
    assert "--resume continues" in first.summary()
    assert not (tmp_path / "out-report.html").exists()
    second = again(tmp_path, progress=stop_at(14), resume=True, **general)
    assert second.reconstructed.shape[0] == 14
    assert again(tmp_path, resume=True, **general).complete
    (tmp_path / "out-report.html").unlink()
    assert files(tmp_path) == uninterrupted


def test_who_stops_a_long_night_does_not_wait_for_its_table(
    again, uninterrupted, tmp_path, monkeypatch
):
    def stop(done, total, message):
        if done >= 6:
            raise Cancelled("stopped")

    monkeypatch.setattr("deep_storm.runs.stack.MAX_ROWS_AT_A_STOP", 0)
    first = again(tmp_path, progress=stop)
    assert first.written == ()
    assert f"6 frames are kept in {tmp_path / 'out.running'}." in first.summary()
    assert "--resume continues" in first.summary()
    assert [path.name for path in tmp_path.iterdir()] == ["out.running"]
    assert again(tmp_path, resume=True).complete
    assert files(tmp_path) == uninterrupted


def full(folder):
    """Let no file of this process grow beyond what rows.bin has now."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "out.running" / "rows.bin").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def taken_away(folder):
    """Put something in the place of rows.bin that nobody may write to, root neither.

    In a single step: the run, which goes on writing, would make a new one where there is none.
    """
    rows, kept, unwritable = folder / "out.running" / "rows.bin", folder / "kept", folder / "link"
    kept.hardlink_to(rows)
    unwritable.symlink_to(folder)
    unwritable.replace(rows)
    return lambda: kept.replace(rows)


def gone(folder):
    """Unmount the drive, so to speak."""
    (folder / "out.running").rename(folder / "elsewhere")

    def back():
        (folder / "elsewhere").rename(folder / "out.running")
        (folder / "out.running" / "lock").unlink()  # its process would have ended meanwhile

    return back


@pytest.mark.skipif(os.name == "nt", reason="limits and names as on POSIX")
@pytest.mark.parametrize(
    ("trouble", "said"),
    [(full, "limit is reached"), (taken_away, "rows.bin: "), (gone, "drive is gone")],
)
def test_trouble_with_the_disk_in_the_middle_loses_nothing(
    again, uninterrupted, tmp_path, monkeypatch, trouble, said
):
    monkeypatch.setattr(work_folder, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(work_folder, "SHARE_OF_TIME", 1e9)
    mend = []

    def strike(done, total, message):
        if done >= 8 and not mend:
            mend.append(trouble(tmp_path))

    try:
        with pytest.raises(OutputError, match=said):
            again(tmp_path, progress=strike)
    finally:
        mend[0]()
    assert not (tmp_path / "out.csv").exists()
    assert again(tmp_path, resume=True).complete
    assert files(tmp_path) == uninterrupted


class CutOff(ArrayFrames):
    """A stack that ends in the middle of what its header promised."""

    def _read(self, start, stop):
        if stop > 10:
            raise StackError("frame 11 is damaged", "a whole file", "copy it again")
        return super()._read(start, stop)


def test_a_stack_that_is_cut_off_gives_what_was_before(again, movie, tmp_path):
    with pytest.raises(StackError, match="copy it again; what the 10 frames before gave is in"):
        again(tmp_path, CutOff(movie))
    assert ds.read_table(tmp_path / "out.csv")["frame"].max() == 9
    with pytest.raises(StackError, match="frame 11"):
        again(tmp_path / "other", CutOff(movie), frames="11:12")
    assert not list((tmp_path / "other").iterdir())


class Away(ArrayFrames):
    """A stack on a drive that is away when half of it is read."""

    def __init__(self, frames):
        super().__init__(frames)
        self.away = False

    def _read(self, start, stop):
        if self.away:
            lost = OSError(errno.ESTALE, "Stale file handle")
            raise StackError("frame 11 cannot be read", advice="bring the drive back") from lost
        return super()._read(start, stop)


def test_a_drive_that_goes_away_costs_no_work(again, movie, uninterrupted, tmp_path):
    stack = Away(movie)

    def take_away(done, total, message):
        stack.away = stack.away or (message == "frames" and done >= 8)

    with pytest.raises(StackError, match=r"bring the drive back; .* --resume continues from there"):
        again(tmp_path, stack, progress=take_away)
    assert again(tmp_path, resume=True).complete
    assert files(tmp_path) == uninterrupted


def test_resume_needs_something_to_go_on_from(again, movie, model, tmp_path):
    result = again(tmp_path, resume=True)  # a run that was killed before it kept anything
    assert "There was no checkpoint to continue from: started at frame 1" in result.notes
    with pytest.raises(OutputError, match=r"is finished, and there is no out\.running"):
        again(tmp_path, resume=True)
    with pytest.raises(SettingsError, match="resume without an output"):
        ds.reconstruct(movie, model=model, resume=True)


KILLED = """
import sys
import numpy as np
import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.inference import work_folder
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
work_folder.EVERY_SECONDS = 0.0
work_folder.SHARE_OF_TIME = 1e9
def progress(done, total, message):
    print(done, flush=True)
movie, model, output = sys.argv[1:]
ds.reconstruct(np.load(movie), model=model, output=output, chunk_frames=2, upsampling=2,
               no_report=True, progress=progress)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_killed_and_resumed(again, movie, model, uninterrupted, tmp_path):
    np.save(tmp_path / "movie.npy", movie)
    results = tmp_path / "results"
    command = [sys.executable, "-c", KILLED, tmp_path / "movie.npy", model, results / "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 12:
            break
    time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    again(results, resume=(results / "out.running" / "checkpoint.npz").exists())
    assert files(results) == uninterrupted


def test_very_many_rows_stay_in_their_file(again, uninterrupted, tmp_path, monkeypatch):
    import importlib

    verb = importlib.import_module("deep_storm.runs.stack")
    monkeypatch.setattr(verb, "MAX_ROWS_IN_MEMORY", 10)
    monkeypatch.setattr(work_folder, "ROWS_AT_A_TIME", 7)
    result = again(tmp_path)
    assert result.count == len(result.table) > 10
    assert files(tmp_path) == uninterrupted


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
def test_only_the_same_run_goes_on(again, movie, tmp_path, monkeypatch, what, said):
    options = {"model": "general", **EXPECTED} if what == "photons" else {}
    interrupted(again, tmp_path, **options)
    if what == "movie":  # of the same name, shape and type
        movie = movie.copy()
        movie[-1] += 1
        options = {"stack": movie}
    elif what == "photons":
        emitters = EXPECTED["emitters"].model_copy(update={"intensity_photon": 1501.0})
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


def test_the_record_tells_which_frames_were_read(again, movie, uninterrupted, tmp_path):
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
def test_a_name_that_is_not_utf_8_is_shown_in_the_record(again, movie, uninterrupted, tmp_path):
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


def test_what_cannot_be_written_at_the_end_is_kept(again, uninterrupted, tmp_path, monkeypatch):
    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("deep_storm.io.tables.writer.write_pieces", full)
        with pytest.raises(OutputError, match=r"the work is kept in .*out\.running.*--resume"):
            again(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.running"]
    again(tmp_path, resume=True)
    assert files(tmp_path) == uninterrupted


def test_a_stack_that_vanishes_meanwhile_costs_only_its_checksum(again, movie, tmp_path):
    stack = tmp_path / "m.tif"
    tifffile.imwrite(stack, movie, metadata=None)

    def remove(done, total, message):
        if done == total and stack.exists():
            stack.unlink()

    with pytest.warns(UserWarning, match="can no longer be read"):
        result = again(tmp_path, stack=stack, progress=remove)
    assert {p.name for p in result.written} >= {"out.tif", "out.csv", "out-run.toml"}


def test_a_report_that_fails_does_not_fail_the_run(again, tmp_path, monkeypatch):
    def trips(*_, **__):
        raise RuntimeError("latex was not found")

    monkeypatch.setattr("deep_storm.report.gathering.write_run_report", trips)
    with pytest.warns(UserWarning, match=r"report could not be made \(latex was not found\)"):
        result = again(tmp_path, no_report=False)
    assert [p.name for p in result.written] == [
        "out.tif",
        "out.csv",
        "out-protocol.txt",
        "out-run.toml",
    ]
