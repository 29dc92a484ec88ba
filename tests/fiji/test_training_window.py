"""Train Model... in ImageJ's real windows: its plot, Finish now and Cancel."""

from __future__ import annotations

import os
import re

import pytest

from deep_storm.training.schedule import TIMED_TO

STEPS = 60 if "DEEP_STORM_DOC_IMAGES" in os.environ else TIMED_TO + 7
"""So many are waited for: beyond those that are timed, after which a stop keeps the training; and a
curve for the picture of the documentation."""


@pytest.fixture
def begin(screen, trained, small_network, tmp_path):
    """Begin a training of half an hour, with steps of well below a second."""
    settings = tmp_path / "small.toml"
    settings.write_text("[training]\nbatch = 2\npatch_size_px = 24\n")
    screen.ask("status")  # what was said before is forgotten

    def start(**inputs):
        return screen.begin(
            "Train_Model...",
            camera=trained / "camera.toml",
            config=settings,
            output=tmp_path / "m",
            minutes=30.0,
            more="from_model=none",
            **inputs,
        )

    return start


def test_training_draws_its_loss_and_finishes_when_asked(screen, pictures, begin, tmp_path):
    running = begin()
    screen.wait_for(lambda: "Deep-STORM training" in screen.ask("windows"))
    screen.ask("status")
    screen.wait_for(lambda: _steps(screen) > STEPS)
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="Deep-STORM training", x=10, y=100)
    screen.ask("arrange", title="Deep-STORM: Train Model", x=10, y=10)
    screen.picture(pictures / "fiji-train.png", width=730, height=580)
    assert screen.ask("click", label="Finish now")
    _, text, _ = screen.dialog()
    assert "stopped" in text
    screen.ask("click", label="OK")
    assert running.result()["status"].startswith("ok: ")
    assert (tmp_path / "m" / "model.toml").is_file()


def test_cancelled_training_leaves_a_checkpoint_only(screen, begin, tmp_path):
    running = begin()
    screen.wait_for(lambda: _steps(screen) > STEPS)
    assert screen.ask("click", label="Cancel")
    _, text, _ = screen.dialog()
    text = re.sub(r"\s+", " ", text)
    assert re.search(r"\d+ of \d+ steps are kept in .*m\.training", text)
    assert "with resume=true in 'More options' continues" in text
    assert re.search(r"with resume=true steps=\d+ in 'More options' it makes the model", text)
    screen.ask("click", label="OK")
    assert running.result()["status"].startswith("stopped: ")
    assert not (tmp_path / "m").exists()
    assert (tmp_path / "m.training").is_dir()

    running = begin(resume=True)
    assert screen.wait_for(lambda: _steps(screen)) > STEPS  # it goes on where it was
    assert screen.wait_for(lambda: screen.ask("click", label="Finish now"))
    screen.dialog()
    screen.ask("click", label="OK")
    assert running.result()["status"].startswith("ok: ")
    assert not (tmp_path / "m.training").exists()


def _steps(screen):
    """Return how many steps the status bar spoke of last."""
    said = [done for _, done, _, words in screen.ask("status") if "steps" in words and done > 0]
    return said[-1] if said else 0
