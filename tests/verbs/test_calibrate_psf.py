"""``calibrate-psf``: its files can be used as they are, and mistakes end in a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import PsfError, SettingsError
from deep_storm.io.images import write_stack
from deep_storm.io.psf_files import read_psf
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters

CAMERA = {"pixel_size_nm": 100.0, "baseline_adu": 100.0, "photons_per_adu": 0.5}
OPTIONS = ["--pixel-size-nm", "100", "--baseline-adu", "100", "--photons-per-adu", "0.5"]
DEPTHS_NM = np.arange(-500.0, 501.0, 100.0)


def beads(seed=1, depths_nm=DEPTHS_NM):
    """Return a z-stack of beads that are Gaussians, widest at its ends."""
    rng = np.random.default_rng(seed)
    expected = np.full((len(depths_nm), 120, 120), 10, np.float32)
    places = [a.ravel() for a in np.mgrid[25:100:35, 25:100:35].astype(float)]
    y, x = (a + rng.uniform(-0.5, 0.5, a.size) for a in places)
    for frame, depth_nm in enumerate(depths_nm):
        sigma_px = np.full(x.size, 1.2 * np.sqrt(1.0 + (depth_nm / 400.0) ** 2))
        add_emitters(expected, np.full(x.size, frame), x, y, sigma_px, np.full(x.size, 9000.0))
    return expose(expected, ds.Camera(**CAMERA), rng)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    path = tmp_path_factory.mktemp("beads") / "beads.tif"
    write_stack(path, beads(), 100.0)
    return path


def test_what_it_writes_is_a_psf_over_depth_for_other_verbs(tmp_path, stack):
    output = tmp_path / "psf.toml"
    found = ds.calibrate_psf(stack, z_step_nm=100, output=output, **CAMERA)
    assert [path.name for path in found.written] == ["psf.toml", "psf.npz", "psf.png"]
    assert all(path.is_file() for path in found.written)
    table = read_psf(output, 100.0)
    assert table.fingerprint() == found.table.fingerprint()
    assert len(table.z_nm) > 5
    assert table.effective_sigma_nm == pytest.approx(120.0, rel=0.03)
    assert table.sigma_at_nm(400.0) == pytest.approx(120.0 * np.sqrt(2.0), rel=0.05)
    simulated = ds.simulate(
        psf_file=str(output), depth_std_nm=200, sigma_nm=130, frames=2, width_px=32, height_px=32,
        density_per_um2=1, intensity_photon=1000, background_photon=5,
        output=tmp_path / "simulated", **CAMERA,
    )  # fmt: skip
    assert simulated.written


def test_several_stacks_and_numbers_as_json(tmp_path, stack, capsys):
    write_stack(tmp_path / "more.tif", beads(seed=4), 100.0)
    more = str(tmp_path / "more.tif")
    assert main(["calibrate-psf", str(stack), more, "--z-step-nm", "100", *OPTIONS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["beads"] == 18
    assert told["z_from_nm"] == pytest.approx(-500.0, abs=30.0)
    assert len(told["limit_z"]) == len(told["limit_z_nm"])
    middle = len(told["sigma_x_nm"]) // 2
    assert told["sigma_x_nm"][middle] == pytest.approx(120.0, rel=0.05)


def test_without_the_distance_of_planes_it_says_so(stack, capsys):
    assert main(["calibrate-psf", str(stack), *OPTIONS]) == 2
    assert "z_step_nm is missing" in capsys.readouterr().err


def test_a_step_of_nothing_is_refused(stack):
    with pytest.raises(SettingsError, match="at least 1 nm apart"):
        ds.calibrate_psf(stack, z_step_nm=0, **CAMERA)


def test_a_time_series_is_refused_and_nothing_is_written(tmp_path, capsys):
    write_stack(tmp_path / "time.tif", beads(depths_nm=np.zeros(9)), 100.0)
    before = sorted(tmp_path.iterdir())
    command = ["calibrate-psf", str(tmp_path / "time.tif"), "--z-step-nm", "20", *OPTIONS]
    assert main([*command, "-o", str(tmp_path / "psf")]) == 2
    assert "look the same in all 9 frames" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_scan_that_is_too_short_is_refused(stack):
    with pytest.raises(PsfError, match="has 3 planes"):
        ds.calibrate_psf(stack, z_step_nm=100, frames="1:3", **CAMERA)
