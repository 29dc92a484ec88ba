"""A PSF named in the settings is read, beside the settings file, and must suit the camera."""

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import PsfError, SettingsError
from deep_storm.inputs.psf import psf_with_table
from deep_storm.io.config import read_config, write_config
from deep_storm.io.psf_files import write_psf
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.settings import Psf

CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)


@pytest.fixture
def named(tmp_path):
    write_psf(tmp_path / "psf.toml", gaussian_table(140.0, 100.0))
    return tmp_path / "psf.toml"


def test_without_a_file_the_psf_is_a_gaussian():
    psf = Psf(sigma_nm=130.0)
    assert psf_with_table(psf, CAMERA) == (psf, None)


def test_sigma_becomes_that_of_the_table(named):
    psf, table = psf_with_table(Psf(sigma_nm=130.0, psf_file=str(named)), CAMERA)
    assert table is not None
    assert psf.sigma_nm == pytest.approx(140.0, abs=0.5)
    assert psf.psf_file == str(named.resolve())


def test_a_settings_file_names_it_from_its_own_folder(named, monkeypatch):
    config = named.with_name("matched.toml")
    write_config(config, {"psf": {"sigma_nm": 140.0, "psf_file": "psf.toml"}})
    monkeypatch.chdir("/")
    psf = Psf.parse(read_config(config)["psf"])
    assert psf_with_table(psf, CAMERA)[1] is not None


def test_another_pixel_size_and_a_missing_file_are_named(named, tmp_path):
    with pytest.raises(PsfError, match="160 nm"):
        psf_with_table(
            Psf(sigma_nm=140.0, psf_file=str(named)),
            CAMERA.model_copy(update={"pixel_size_nm": 160.0}),
        )
    with pytest.raises(SettingsError, match=r"nothing\.toml"):
        psf_with_table(Psf(sigma_nm=140.0, psf_file=str(tmp_path / "nothing.toml")), CAMERA)
