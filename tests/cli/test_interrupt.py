"""Ctrl-C in the middle of long work: what was done is kept, and it is said how to go on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX"),
    pytest.mark.usefixtures("heed_ctrl_c", "quick_calibration", "eager_training"),
]

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=110)
EMITTERS = Emitters(density_per_um2=2, intensity_photon=1500)
BACKGROUND = Background(background_photon=20)
TRAIN = [
    "train", "--pixel-size-nm", "100", "--baseline-adu", "100", "--photons-per-adu", "0.5",
    "--sigma-nm", "110", "--density-per-um2", "2", "--intensity-photon", "1500",
    "--background-photon", "20", "--from", "none", "--batch", "1", "--patch-size-px", "16",
]  # fmt: skip


PROGRAM = """
import sys
from deep_storm.cli import program
from deep_storm.training import loop

def plain(*arguments, compiled=loop.compiled):
    step, loss, optimizer = compiled(*arguments)
    return step.python_function, loss.python_function, optimizer

loop.compiled = plain  # as eager_training does here
sys.exit(program())
"""


def interrupted(arguments, folder):
    """Run a command, press Ctrl-C at its first word of progress; return code, output, all talk."""
    with (folder / "talk.txt").open("w+") as talk:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=talk,
            text=True,
            cwd=folder,
        )
        try:
            while " of " not in (folder / "talk.txt").read_text():
                assert process.poll() is None, (folder / "talk.txt").read_text()
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate()
        finally:
            process.kill()
    return process.returncode, out, (folder / "talk.txt").read_text()


def test_training_is_kept_and_can_go_on(tmp_path, capsys, monkeypatch):
    code, out, said = interrupted([*TRAIN, "--steps", "1000000", "-o", "model"], tmp_path)
    assert code == 130
    assert out == ""
    match = re.fullmatch(
        r"Stopped: (\d+) of 1000000 steps are kept in model\.training: the same command with "
        r"--resume continues; with --resume --steps (\d+) it makes the model from what was learnt "
        r"so far\.",
        said.splitlines()[-1],
    )
    assert match, said
    # nothing but progress before it: TensorFlow has kept silent
    assert all(line.startswith("steps, loss") for line in said.splitlines()[:-1])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.training", "talk.txt"]

    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN, "-o", "model", "--resume", "--steps", match[2]]) == 0
    assert f"{match[1]} steps" in capsys.readouterr().out
    assert ds.Model.load("model").card.training["steps"] == int(match[1])
    assert not (tmp_path / "model.training").exists()


def test_ctrl_c_while_calibrating_keeps_the_training(tmp_path, capsys, monkeypatch):
    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    command = [*TRAIN, "--steps", "2", "-o", "model"]
    with monkeypatch.context() as patched:
        patched.setattr("deep_storm.training.session.calibrate", press)
        assert main(command) == 130
    said = capsys.readouterr().err
    assert "the training of 2 steps is kept in model.training" in said
    assert "--resume" in said
    assert not (tmp_path / "model").exists()
    monkeypatch.setattr("deep_storm.training.session.calibrate", lambda model, *_: model)
    assert main([*command, "--resume"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_reconstruction_keeps_the_frames_that_are_done(tmp_path):
    scales = Scales.matching(CAMERA, PSF, EMITTERS, BACKGROUND)
    card = ModelCard(
        network=Network(upsampling=2),
        camera=CAMERA,
        psf=PSF,
        emitters=EMITTERS,
        background=BACKGROUND,
        scales=scales,
    )
    Model(card, make_network(card.network).build()).save(tmp_path / "model")
    frames = np.random.default_rng(0).poisson(150, (20_000, 8, 8)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "movie.tif", frames)
    command = ["reconstruct", "movie.tif", "--model", "model", "-o", "out", "--threshold", "0"]
    command += ["--chunk-frames", "1", "--no-report"]
    code, out, said = interrupted(command, tmp_path)
    assert code == 130, said
    match = re.search(r"Stopped early, after (\d+) frames?", out)
    assert match, out
    done = int(match[1])
    assert 0 < done < 20_000
    assert "--resume continues" in out
    assert "Wrote out.csv" in out
    assert ds.read_table(tmp_path / "out.csv")["frame"].max() == done - 1
    assert tifffile.imread(tmp_path / "out.tif").shape == (16, 16)
    assert (tmp_path / "out.running" / "checkpoint.npz").is_file()


LINGERING = """
import atexit, sys
from deep_storm import cli
atexit.register(print, "lingering")  # as TensorFlow does, for as long as it takes to leave it
cli.main = lambda: print("kept") or int(sys.argv[1])
sys.exit(cli.program())
"""


def test_a_stopped_program_does_not_linger():
    command = [sys.executable, "-c", LINGERING, "130"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "kept\n")


WAITING = """
import signal, time
from deep_storm import cli
def main():
    try:
        print("at work", flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("kept", flush=True)
        return 130
cli.main = main
raise SystemExit(cli.program())
"""


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_batch_system_and_a_closed_terminal_stop_as_ctrl_c_does(number, code, background):
    def as_started():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN if background else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True, preexec_fn=as_started
    )
    assert process.stdout.readline() == "at work\n"
    process.send_signal(number)
    out, _ = process.communicate()
    assert (process.returncode, out) == (code, "kept\n")
