"""From beads to a coloured image in depth: the five commands of the tutorial's last section."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.io.camera_files import write_camera
from deep_storm.io.images import write_stack
from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.quality.matching import match
from deep_storm.settings import Psf
from deep_storm.simulation.emitters import EmitterSet
from deep_storm.simulation.light import Light
from deep_storm.simulation.noise import expose

pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
SHORT = {"train": ["--steps", "3", "--batch", "2", "--patch-size-px", "32"]}
DEPTHS_NM = np.arange(-500.0, 501.0, 50.0)


def astigmatic_beads():
    """Return a z-stack of nine beads whose foci along x and y lie 400 nm apart."""
    widths = [130.0 * np.sqrt(1.0 + ((DEPTHS_NM - f) / 300.0) ** 2) for f in (-200.0, 200.0)]
    table = elliptical_table(Widths(DEPTHS_NM, *widths), 100.0)
    rng = np.random.default_rng(2)
    y, x = (a.ravel() + rng.uniform(-0.5, 0.5, 9) for a in np.mgrid[25:100:35, 25:100:35])
    light = np.full((DEPTHS_NM.size, 120, 120), 10, np.float32)
    for k, z_nm in enumerate(DEPTHS_NM):
        bead = EmitterSet(np.full(9, k), x, y, np.full(9, 1.5), np.full(9, 9000.0))
        bead = bead.at_depths(np.full(9, z_nm), np.full(9, 1.5))
        Light.of(Psf(sigma_nm=150, depth_reach_nm=500), table, 100.0).add(light, bead)
    return expose(light, CAMERA, rng)


def commands():
    """Return the commands of the tutorial's section, as lists of words."""
    section = TUTORIAL.read_text(encoding="utf-8").split("## In depth", 1)[1]
    block = re.search(r"(?ms)^```sh\n(.*?)^```", section).group(1).replace("\\\n", " ")
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    return [shlex.split(line)[1:] for line in lines]


def test_five_commands_from_beads_to_colours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack(tmp_path / "beads.tif", astigmatic_beads(), 100.0)
    write_camera("camera.toml", CAMERA)
    every = commands()
    assert [words[0] for words in every] == [
        "calibrate-psf", "simulate", "train", "reconstruct", "render",
    ]  # fmt: skip
    for words in every:
        short = {"simulate": ["--frames", "10"], **SHORT}.get(words[0], [])
        assert main([*words, *short]) == 0
    found, truth = ds.read_table("results/astig.csv"), ds.read_table("astig.csv")
    assert {"z_nm", "uncertainty_z_nm"} <= set(found.columns)
    assert {"z_nm", "uncertainty_z_nm"} <= set(ds.preview("astig.tif", model="models/astig").table)
    matches = match(found, truth, 150.0)
    off = found["z_nm"].to_numpy()[matches.localization] - truth["z_nm"].to_numpy()[matches.emitter]
    assert off.size > 0.4 * len(truth)
    assert np.median(np.abs(off)) < 50.0
    assert (tmp_path / "results" / "astig_z.png").is_file()
