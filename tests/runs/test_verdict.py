"""The verdict on a run: what was known before has a say in it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deep_storm.inputs.models import ReadyModel
from deep_storm.quality.fits import Fits
from deep_storm.runs import verdict


@pytest.mark.parametrize(
    ("off", "clipped", "mixed", "causes"),
    [
        (("PSF width",), True, False, ("saturation",)),
        (("PSF width",), False, False, ("PSF width",)),
        ((), True, False, ()),
        ((), False, True, ("unlike emitters",)),
        (("density",), False, True, ("density",)),
    ],
)
def test_what_is_known_before_has_a_say_in_the_verdict(monkeypatch, off, clipped, mixed, causes):
    fits = Fits(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, off, off)
    monkeypatch.setattr(verdict, "judge_samples", lambda *_: fits)
    looked = {"used": None, "transfer": None, "light_changes": False}
    examination = SimpleNamespace(**looked, clipped=object() if clipped else None)
    frames = SimpleNamespace(noise=None)
    movie = SimpleNamespace(examination=examination, frames=frames, camera_agrees=True, doubt=None)
    done, model = SimpleNamespace(samples=()), SimpleNamespace(card=None, table=None)
    assert verdict.judged(done, ReadyModel(model, (), mixed), movie).causes == causes
