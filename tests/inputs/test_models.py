"""What is given beside a trained model may only repeat what it was trained for."""

from types import SimpleNamespace

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.inputs import models
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.io.psf_files import read_psf, write_psf
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.settings import Psf

CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Return a model that was trained for a PSF in a file, and that file."""
    write_psf(tmp_path / "psf.toml", gaussian_table(140.0, 100.0))
    psf = Psf(sigma_nm=139.9871, psf_file="psf.toml")  # of its own folder
    card = SimpleNamespace(general=False, camera=CAMERA, psf=psf)
    model = SimpleNamespace(card=card, table=read_psf(tmp_path / "psf.toml", 100.0))
    monkeypatch.setattr(models, "load_model", lambda *_: model)
    monkeypatch.setattr(models, "replace", lambda model, **_: model)
    return model, tmp_path / "psf.toml"


def test_the_psf_file_of_the_training_may_be_given_again(trained):
    model, file = trained
    given = Expected(psf=Psf.parse({"psf_file": str(file)}))
    assert ready_model("mine", given).model is model


def test_another_psf_file_is_named(trained):
    _, file = trained
    other = write_psf(file.with_name("other.toml"), gaussian_table(141.0, 100.0))[0]
    with pytest.raises(SettingsError, match=r"other\.toml is not the PSF that the model was"):
        ready_model("mine", Expected(psf=Psf.parse({"psf_file": str(other)})))


def test_what_differs_is_said_in_few_digits(trained):
    with pytest.raises(
        SettingsError, match=r"has sigma_nm 130, the model was trained for 139\.987;"
    ):
        ready_model("mine", Expected(psf=Psf(sigma_nm=130.0)))
