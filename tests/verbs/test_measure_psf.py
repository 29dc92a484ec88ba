"""``measure-psf``: its files can be used as they are, and what cannot tell a PSF is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import PsfError, SettingsError
from deep_storm.io.images import write_stack
from deep_storm.io.psf_files import read_psf
from deep_storm.psf.depth import tells_depth
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters

CAMERA = {"pixel_size_nm": 100.0, "baseline_adu": 100.0, "photons_per_adu": 0.5}
OPTIONS = ["--pixel-size-nm", "100", "--baseline-adu", "100", "--photons-per-adu", "0.5"]
SIGMA_NM = 120.0


def beads(frames=2, photons=20_000.0):
    expected = np.full((frames, 120, 120), 10, np.float32)
    y, x = (a.ravel() + 0.3 for a in np.mgrid[25:100:35, 25:100:35].astype(float))
    for frame in range(frames):
        at = np.full(x.size, frame)
        sigma, light = np.full(x.size, SIGMA_NM / 100), np.full(x.size, photons)
        add_emitters(expected, at, x + 0.2 * frame, y, sigma, light)
    return expose(expected, ds.Camera(**CAMERA), np.random.default_rng(1))


def simulate(psf, output, camera):
    return ds.simulate(
        psf_file=str(psf),
        output=output,
        sigma_nm=130,
        frames=2,
        width_px=16,
        height_px=16,
        density_per_um2=1,
        intensity_photon=1000,
        background_photon=5,
        **camera,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Beads, and the PSF that was measured on them."""
    folder = tmp_path_factory.mktemp("beads")
    write_stack(folder / "beads.tif", beads(), 100.0)
    output = folder / "psf.toml"
    return ds.measure_psf(folder / "beads.tif", beads=True, output=output, **CAMERA)


@pytest.fixture
def psf(done):
    return done.written[0]


def test_what_it_writes_is_a_psf_for_other_verbs(done, psf, tmp_path):
    found, output = done, psf
    assert [path.name for path in found.written] == ["psf.toml", "psf.npz", "psf.png"]
    assert all(path.is_file() for path in found.written)
    table = read_psf(output, 100.0)
    assert table.fingerprint() == found.table.fingerprint()
    assert table.effective_sigma_nm == pytest.approx(SIGMA_NM, rel=0.02)
    assert table.uncertainty == pytest.approx(found.measured.uncertainty)
    simulate(output, tmp_path / "measured", CAMERA)
    simulate("", tmp_path / "gaussian", CAMERA)
    measured, gaussian = (tifffile.imread(tmp_path / f"{n}.tif") for n in ("measured", "gaussian"))
    assert (measured != gaussian).any()


def test_a_gaussian_is_called_one(psf, capsys):
    assert main(["measure-psf", str(psf.parent / "beads.tif"), "--beads", *OPTIONS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["gaussian_will_do"] is True
    assert told["differs_from_gaussian"] < 0.03
    assert told["effective_sigma_nm"] == pytest.approx(SIGMA_NM, rel=0.02)


def test_it_refuses_in_a_sentence_and_writes_nothing(tmp_path, capsys):
    noise = np.random.default_rng(1).poisson(20, (30, 48, 48)) * 2 + 100
    write_stack(tmp_path / "noise.tif", noise.astype(np.uint16), 100.0)
    before = sorted(tmp_path.iterdir())
    command = ["measure-psf", str(tmp_path / "noise.tif"), *OPTIONS, "-o", str(tmp_path / "psf")]
    assert main(command) == 2
    assert "molecules" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_psf_for_other_pixels_is_refused(psf, tmp_path):
    with pytest.raises(PsfError, match="pixels of 100 nm and a camera with pixels of 160 nm"):
        simulate(psf, tmp_path / "sim", {**CAMERA, "pixel_size_nm": 160.0})
    assert not list(tmp_path.glob("sim*"))


def test_frames_that_are_not_there_are_refused():
    with pytest.raises(SettingsError, match="frames"):
        ds.measure_psf(beads(), beads=True, frames="5:9", **CAMERA)


def test_a_table_beside_beads_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="beads"):
        ds.measure_psf(beads(), beads=True, localizations=tmp_path / "t.csv", **CAMERA)


def test_a_roughly_known_pupil_becomes_a_psf_over_depth(tmp_path, capsys):
    pupil = "[pupil]\nnumerical_aperture = 1.3\nwavelength_nm = 670\nz_reach_nm = 720\n"
    (tmp_path / "true.toml").write_text(pupil + "astigmatism_waves = 0.12\n")
    (tmp_path / "rough.toml").write_text(pupil + "astigmatism_waves = 0.10\n")
    ds.simulate(
        output=tmp_path / "movie", psf_file=str(tmp_path / "true.toml"), depth_reach_nm=400,
        density_per_um2=0.1, intensity_photon=3000, background_photon=10, frames=110,
        width_px=56, height_px=56, **CAMERA,
    )  # fmt: skip
    output = tmp_path / "psf.toml"
    command = ["measure-psf", str(tmp_path / "movie.tif"), *OPTIONS, "-o", str(output)]
    assert main([*command, "--psf-file", str(tmp_path / "rough.toml"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (astigmatism,) = (c for c in told["coefficients"] if c["name"] == "astigmatism")
    assert astigmatism["found_waves"] == pytest.approx(0.12, abs=0.004)
    table = read_psf(output, 100.0)
    assert tells_depth(table)
    assert table.uncertainty == pytest.approx(told["uncertainty"])
    assert (tmp_path / "psf.png").stat().st_size > 5000


def test_only_theory_can_be_roughly_known(psf):
    with pytest.raises(PsfError, match=r"without a section \[pupil\]"):
        ds.measure_psf(beads(), psf_file=str(psf), **CAMERA)
    with pytest.raises(SettingsError, match="roughly known PSF with beads"):
        ds.measure_psf(beads(), beads=True, psf_file="theory.toml", **CAMERA)
