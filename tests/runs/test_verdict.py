"""The verdict on a run: what was known before has a say in it."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from deep_storm.estimation.screening.clipped import Clipped
from deep_storm.inference.tables import TableRows
from deep_storm.inputs.models import ReadyModel
from deep_storm.quality.fits import Fits
from deep_storm.quality.paired import Paired
from deep_storm.quality.passing import Passing
from deep_storm.quality.standing import Standing
from deep_storm.runs import verdict


def card_of(structure):
    """Return what the verdict reads of a model's card."""
    emitters = SimpleNamespace(structure=structure)
    return SimpleNamespace(psf=SimpleNamespace(sigma_nm=115.0), emitters=emitters)


@pytest.mark.parametrize(
    ("off", "clipped", "mixed", "causes"),
    [
        (("PSF width",), 2e-4, False, ("saturation",)),
        (("PSF width",), 0.0, False, ("PSF width",)),
        ((), 2e-4, False, ()),
        ((), 4e-3, False, ("saturation",)),
        ((), 0.0, True, ("unlike emitters",)),
        (("density",), 0.0, True, ("density",)),
    ],
)
def test_what_is_known_before_has_a_say_in_the_verdict(monkeypatch, off, clipped, mixed, causes):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, off, off)
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    looked = {"used": None, "transfer": None, "light_changes": False}
    examination = SimpleNamespace(**looked, clipped=Clipped(4095, 50, clipped) if clipped else None)
    frames = SimpleNamespace(noise=None)
    movie = SimpleNamespace(examination=examination, frames=frames, camera_agrees=True, doubt=None)
    rows = TableRows(pd.DataFrame())
    done = SimpleNamespace(samples=(), rows=rows)
    card = card_of("uniform")
    model = SimpleNamespace(card=card, table=None)
    assert verdict.judged(done, ReadyModel(model, (), mixed), movie).causes == causes


@pytest.mark.parametrize(
    ("off", "causes"),
    [
        ((), ("PSF over the field",)),
        (("PSF shape",), ("PSF over the field",)),
        (("depth",), ("PSF over the field",)),
        (("density",), ("density",)),
        (("background",), ("background",)),
    ],
)
def test_a_psf_that_changes_over_the_field_is_why_it_does_not_fit(monkeypatch, off, causes):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, off, off)
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    done = SimpleNamespace(samples=(), rows=TableRows(pd.DataFrame()))
    model = SimpleNamespace(card=card_of("uniform"), table=None)
    found = verdict.judged(done, ReadyModel(model, over_field=True), None)
    assert found.causes == causes
    assert ("parts separately" in found.summary()) == (causes == ("PSF over the field",))


@pytest.mark.parametrize(
    ("off", "wider", "causes"),
    [
        ((), 0.05, ("passing light",)),
        ((), 0.0, ()),
        (("PSF width",), 0.05, ("PSF width",)),
        (("unlike emitters",), 0.05, ("passing light",)),
        (("unlike emitters",), 0.0, ("unlike emitters",)),
    ],
)
def test_light_that_passes_is_no_fit(monkeypatch, off, wider, causes):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, off, off)
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    monkeypatch.setattr(verdict, "passing_of", lambda _: Passing(0.2, wider, 0.004))
    done = SimpleNamespace(samples=(), rows=TableRows(pd.DataFrame()))
    card = card_of("uniform")
    model = SimpleNamespace(card=card, table=None)
    assert verdict.judged(done, ReadyModel(model), None).causes == causes


@pytest.mark.parametrize(
    ("off", "share", "causes"),
    [
        (("density",), 0.4, ("standing light",)),
        (("density",), 0.05, ("density",)),
        (("unknown",), 0.4, ("standing light",)),
        (("unknown",), 0.05, ("unknown",)),
        (("density", "blinking"), 0.4, ("standing light",)),
        (("PSF width",), 0.4, ("PSF width",)),
        ((), 0.4, ()),  # clusters
    ],
)
def test_light_that_stands_is_no_density(monkeypatch, off, share, causes):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, off, off)
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    monkeypatch.setattr(verdict, "standing_of", lambda *_: Standing(share, 40))
    done = SimpleNamespace(samples=(), rows=TableRows(pd.DataFrame()))
    model = SimpleNamespace(card=card_of("uniform"), table=None)
    assert verdict.judged(done, ReadyModel(model), None).causes == causes


@pytest.mark.parametrize(
    ("structure", "estimated", "cause"),
    [
        ("filaments", (), "density"),  # crowded ones, and somebody says so
        ("clusters", (), "density"),
        ("filaments", ("emitters",), "standing light"),  # an edge is taken for one
        ("uniform", (), "standing light"),
    ],
)
def test_crowded_filaments_are_no_light_that_stands(monkeypatch, structure, estimated, cause):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, ("density",), ("density",))
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    monkeypatch.setattr(verdict, "standing_of", lambda *_: Standing(0.8, 40))
    done = SimpleNamespace(samples=(), rows=TableRows(pd.DataFrame()))
    model = SimpleNamespace(card=card_of(structure), table=None)
    assert verdict.judged(done, ReadyModel(model, estimated=estimated), None).causes == (cause,)


@pytest.mark.parametrize("off", ["PSF width", "PSF shape"])
@pytest.mark.parametrize(("share", "own"), [(0.4, True), (0.05, True), (0.4, False)])
def test_light_that_stands_spoils_a_psf_of_the_movie_itself(monkeypatch, off, share, own):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, (off,), (off,))
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    monkeypatch.setattr(verdict, "standing_of", lambda *_: Standing(share, 40))
    done = SimpleNamespace(samples=(), rows=TableRows(pd.DataFrame()))
    model = SimpleNamespace(card=card_of("uniform"), table=None)
    ready = ReadyModel(model, estimated=("psf",) if own else ())
    expected = "standing light" if own and share > 0.1 else off
    assert verdict.judged(done, ready, None).causes == (expected,)


@pytest.mark.parametrize(
    ("off", "columns", "causes"),
    [
        ((), [], ("depth",)),
        (("PSF width",), [], ("depth",)),
        (("density",), [], ("depth",)),
        (("processing",), [], ("processing",)),
        ((), ["z_nm"], ()),
    ],
)
def test_an_astigmatic_lens_is_told_where_the_model_knows_no_depth(
    monkeypatch, off, columns, causes
):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, off, off)
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    monkeypatch.setattr(verdict, "paired_of", lambda *_: Paired(300, 0.2, 0.75, 0.1))
    done = SimpleNamespace(samples=(), rows=TableRows(pd.DataFrame(columns=columns)))
    card = card_of("uniform")
    model = SimpleNamespace(card=card, table=None)
    assert verdict.judged(done, ReadyModel(model), None).causes == causes


def test_what_was_estimated_is_told_to_the_judge(monkeypatch):
    asked = []
    monkeypatch.setattr(verdict, "judge_samples", lambda *given: asked.extend(given))
    done = SimpleNamespace(samples=())
    ready = ReadyModel(SimpleNamespace(card=None, table=None), estimated=("emitters",))
    assert verdict.judged(done, ready, None) is None
    assert asked[-1] == ("emitters",)
