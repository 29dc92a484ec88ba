from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import CameraError, TableError
from deep_storm.io.config import read_config
from deep_storm.io.psf_files import write_psf
from deep_storm.psf.elliptical import Widths, elliptical_table

DATA = Path(__file__).resolve().parents[1] / "data"
DENSE = (DATA / "dense_d6_first10.tif", DATA / "dense_d6_first10_gt.csv")
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=1)


def test_describes_what_thunderstorm_simulated():
    result = ds.import_simulation(*DENSE)
    assert (result.frames, result.height_px, result.width_px) == (10, 64, 64)
    assert result.emitter_settings.density_per_um2 == pytest.approx(6, rel=0.03)
    assert result.emitter_settings.intensity_photon == pytest.approx(2250, rel=0.01)
    assert result.psf.sigma_nm == pytest.approx(262.5 / 2.3548, rel=0.01)
    assert result.background.background_photon == pytest.approx(50, rel=1e-3)
    assert result.background.background_std_photon == 0
    assert result.camera is None
    assert "give --camera" in result.summary()


def test_writes_settings_that_simulate_takes(tmp_path):
    written = tmp_path / "matched.toml"
    result = ds.import_simulation(*DENSE, camera=CAMERA, output=written)
    assert set(read_config(written)) == {"camera", "psf", "emitters", "background"}
    assert not result.emitter_settings.beyond_border  # as ThunderSTORM places them
    again = ds.simulate(config=written, output=tmp_path / "sim", frames=4, seed=3)
    assert again.emitters / 4 == pytest.approx(result.emitters / 10, rel=0.15)


def test_finds_the_camera_in_the_protocol_beside_the_truth(tmp_path):
    ds.simulate(
        output=tmp_path / "sim",
        camera=CAMERA,
        sigma_nm=120,
        density_per_um2=1,
        intensity_photon=1500,
        background_photon=10,
        frames=5,
    )
    result = ds.import_simulation(tmp_path / "sim.tif", tmp_path / "sim.csv")
    assert result.camera == CAMERA
    assert result.camera_origin == "as sim-protocol.txt says"


def test_a_camera_of_another_pixel_size_is_refused():
    camera = CAMERA.model_copy(update={"pixel_size_nm": 160.0})
    with pytest.raises(CameraError, match=r"100 nm.*160 nm"):
        ds.import_simulation(*DENSE, camera=camera)


def test_a_truth_of_another_stack_is_refused():
    with pytest.raises(TableError, match="more light at the emitters"):
        ds.import_simulation(DENSE[0], DATA / "emccd_d1_first10_gt.csv")


def test_an_array_without_a_camera_has_no_scale():
    with ds.open_frames(DENSE[0]) as stream:
        frames = stream.read(0, 10)
    with pytest.raises(CameraError, match="camera="):
        ds.import_simulation(frames, DENSE[1])
    assert ds.import_simulation(frames, DENSE[1], camera=CAMERA).frames == 10


def test_a_simulation_in_depth_is_simulated_read_and_described(tmp_path):
    theory = tmp_path / "theory.toml"
    theory.write_text(
        "[pupil]\nnumerical_aperture = 1.2\nwavelength_nm = 670\nastigmatism_waves = 0.1\n"
        "z_reach_nm = 500\nz_step_nm = 100\n"
    )
    written = ds.simulate(
        output=tmp_path / "sim", camera=CAMERA, sigma_nm=120, psf_file=str(theory),
        depth_reach_nm=400, structure="surface", density_per_um2=3, intensity_photon=1500,
        background_photon=10, frames=8, width_px=40, height_px=40,
    ).written  # fmt: skip
    header = written[1].read_text().splitlines()[0]
    assert header.startswith('"id","frame","x [nm]","y [nm]","z [nm]","sigma [nm]"')
    truth = ds.read_table(written[1])
    assert 150.0 < truth["z_nm"].abs().max() <= 400.0
    found = ds.import_simulation(*written[:2], output=tmp_path / "matched.toml")
    assert found.psf.spread_in_depth_nm > 50.0
    assert "train with the PSF over depth" in found.summary()


def test_a_truth_with_two_sigmas_and_z_is_thunderstorms_in_depth(tmp_path):
    truth = ds.read_table(DENSE[1]).rename(columns={"sigma_nm": "sigma1_nm"})
    rng = np.random.default_rng(1)
    truth["sigma2_nm"] = truth["sigma1_nm"] * 1.21
    truth["z_nm"] = rng.uniform(-300.0, 300.0, len(truth))
    found = ds.import_simulation(DENSE[0], truth, camera=CAMERA)
    assert found.psf.sigma_nm == pytest.approx(1.1 * 262.5 / 2.3548, rel=0.01)
    assert found.psf.depth_reach_nm == pytest.approx(300.0, rel=0.02)
    assert found.psf_table is None  # these depths are made up: the widths do not follow them


def test_the_psf_over_depth_of_a_truth_is_written_beside_the_settings(tmp_path):
    z_nm = np.linspace(-450.0, 450.0, 19)
    squares = [(140.0**2) * (1.0 + ((z_nm - c) / 300.0) ** 2) for c in (-200.0, 200.0)]
    table = elliptical_table(Widths(z_nm, *(np.sqrt(s) for s in squares)), 100.0)
    psf_file = tmp_path / "astigmatic.toml"
    write_psf(psf_file, table)
    light = {
        "camera": CAMERA, "psf_file": str(psf_file), "depth_reach_nm": 400, "density_per_um2": 2,
        "intensity_photon": 2000, "background_photon": 10,
    }  # fmt: skip
    made = ds.simulate(output=tmp_path / "sim", frames=8, width_px=40, height_px=40, **light)
    truth = ds.read_table(made.written[1]).drop(columns="sigma_nm")
    for name, c in (("sigma1_nm", -200.0), ("sigma2_nm", 200.0)):
        truth[name] = 140.0 * np.sqrt(1.0 + ((truth["z_nm"] - c) / 300.0) ** 2)
    found = ds.import_simulation(
        made.written[0], truth, camera=CAMERA, output=tmp_path / "matched.toml"
    )
    assert [p.name for p in found.written] == [
        "matched.toml",
        "matched-psf.toml",
        "matched-psf.npz",
    ]
    assert "give the PSF over depth" in found.summary()
    named = read_config(tmp_path / "matched.toml")["psf"]
    assert named["psf_file"] == str(tmp_path / "matched-psf.toml")
    assert named["depth_reach_nm"] == pytest.approx(400.0, rel=0.02)
    again = ds.simulate(config=tmp_path / "matched.toml", output=tmp_path / "again", frames=2)
    assert "z_nm" in ds.read_table(again.written[1])
