"""One stack: where its localizations lie in the camera's field, and writing that is held back."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.camera import PartialCamera
from deep_storm.errors import Cancelled
from deep_storm.inputs.expected import Expected
from deep_storm.interface.options import bind
from deep_storm.interface.verb import verb_of
from deep_storm.io import mapped
from deep_storm.io.config import load_toml
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.runs import localizing, verdict
from deep_storm.runs.files import outputs_of, write_result
from deep_storm.runs.stack import reconstruct_stack
from deep_storm.settings import Background, Psf
from deep_storm.verbs.reconstruct import reconstruct


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(5).poisson(150, (6, 16, 20)).astype(np.uint16)


def part(frames):
    stream = ArrayFrames(frames)
    stream.corner_px = (3, 5)
    return stream


def test_a_part_of_the_field_is_reconstructed_where_it_lies(common, frames, tmp_path):
    whole = reconstruct_stack(frames, tmp_path / "whole", common)
    moved = reconstruct_stack(part(frames), tmp_path / "part", common)
    np.testing.assert_allclose(moved.table["x_nm"], whole.table["x_nm"] + 500, atol=1e-3)
    np.testing.assert_allclose(moved.table["y_nm"], whole.table["y_nm"] + 300, atol=1e-3)
    np.testing.assert_array_equal(moved.image, whole.image)
    assert (whole.corner_nm, moved.corner_nm) == ((0, 0), (300, 500))
    written = [ds.read_table(tmp_path / f"{name}.csv") for name in ("whole", "part")]
    np.testing.assert_allclose(written[1]["x_nm"], written[0]["x_nm"] + 500, atol=1e-2)


def test_frames_that_were_chosen_are_measured_whatever_the_others_are(common):
    level = np.repeat([200, 1500], 10)[:, None, None]
    movie = np.random.default_rng(6).poisson(np.broadcast_to(level, (20, 16, 20)))
    half = replace(common, settings=common.settings.model_copy(update={"frames": "11:20"}))
    whole, chosen = (reconstruct_stack(movie, None, c).reconstructed for c in (common, half))
    assert whole.dead_frames == tuple(range(10, 20))
    assert chosen.dead_frames == ()


def test_a_verdict_on_light_that_changes_gives_no_advice_on_the_psf(common, monkeypatch):
    class Retrain(NamedTuple):
        causes: tuple[str, ...] = ("PSF width",)

    told = []
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: Retrain())
    monkeypatch.setattr(verdict, "blamed_on", lambda *said: told.append(said))
    level = np.repeat([200, 300], 10)[:, None, None]
    movie = np.random.default_rng(6).poisson(np.broadcast_to(level, (20, 16, 20)))
    for frames in (None, "11:20"):
        settings = common.settings.model_copy(update={"frames": frames})
        reconstruct_stack(movie, None, replace(common, settings=settings))
    assert told == [(Retrain(), "background")]


def test_whether_localizations_share_frames_is_noted(common, frames, tmp_path):
    found = reconstruct_stack(frames, tmp_path / "out", common)
    assert load_toml(tmp_path / "out-run.toml")["results"]["shared_frames"] is True
    outputs = outputs_of(tmp_path / "new", "movie", with_report=False)
    alone = replace(found, shared_frames=False)
    write_result(alone, outputs, common.model, frames, common)
    assert load_toml(tmp_path / "new-run.toml")["results"]["shared_frames"] is False


def test_a_record_as_settings_file_says_again_what_was_given(common, frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = Expected(
        PartialCamera({"pixel_size_nm": 100.0}),
        Psf(sigma_nm=112.0, psf_file="psf.toml"),
        background=Background(background_photon=22.0),
    )
    found = reconstruct_stack(frames, None, common)
    outputs = outputs_of(tmp_path / "results" / "out", "movie", with_report=False)
    write_result(found, outputs, common.model, frames, replace(common, expected=given))
    record = outputs["record"]
    _, again = bind(verb_of(reconstruct), {"model": "general", "config": record})
    assert again["camera"] == given.camera
    full = given.psf.model_copy(update={"psf_file": str(tmp_path / "psf.toml")})
    assert again["psf"].model_dump(exclude_unset=True) == full.model_dump(exclude_unset=True)
    assert again["background"].model_dump(exclude_unset=True) == {"background_photon": 22.0}
    assert "emitters" not in again  # estimated again from the same frames
    assert again["settings"] == common.settings


def test_an_unfinished_result_is_handed_over_instead_of_written(common, frames, tmp_path):
    def stop(done, total, message):
        if done >= 2:
            raise Cancelled("enough")

    held = []
    result = reconstruct_stack(
        part(frames), tmp_path / "out", common, progress=stop, hold=held.append
    )
    assert not result.complete
    assert result.written == ()
    assert list(tmp_path.iterdir()) == []
    (write,) = held
    assert [path.name for path in write()][:2] == ["out.tif", "out.csv"]
    np.testing.assert_allclose(
        ds.read_table(tmp_path / "out.csv")["y_nm"], result.table["y_nm"], atol=1e-2
    )


def test_a_stop_before_the_first_frame_writes_no_large_empty_image(
    common, frames, tmp_path, monkeypatch
):
    monkeypatch.setattr(mapped, "MAX_PIXELS_IN_MEMORY", 100)
    monkeypatch.setattr(localizing, "MAX_PIXELS_AT_A_STOP", 100)

    def stop(done, total, message):
        if message == "frames":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled, match="before the first frame was done"):
        reconstruct_stack(frames, tmp_path / "out", common, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_result_is_written_at_once(common, frames, tmp_path):
    held = []
    result = reconstruct_stack(frames, tmp_path / "out", common, hold=held.append)
    assert held == []
    assert all(path.is_file() for path in result.written)
    assert not (tmp_path / "out.running").exists()


def test_a_stop_after_the_last_frame_loses_nothing_but_the_verdict(
    common, frames, tmp_path, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    whole = reconstruct_stack(frames, None, common)
    monkeypatch.setattr(verdict, "judge_samples", stop)
    done = reconstruct_stack(frames, tmp_path / "out", common)
    assert not done.complete  # as a sweep goes no further
    assert done.reconstructed.complete
    assert done.fits is None
    assert done.summary().splitlines()[-1].startswith("Stopped early: all frames are done")
    pd.testing.assert_frame_equal(done.table, whole.table)
    assert (tmp_path / "out.csv").is_file()
