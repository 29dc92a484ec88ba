"""What a simulation is told of its PSF."""

import pytest

from deep_storm.errors import SettingsError
from deep_storm.settings import Psf


def test_with_a_psf_file_sigma_need_not_be_given():
    assert Psf.parse({"psf_file": "psf.toml", "depth_reach_nm": 400.0}).sigma_nm > 0


@pytest.mark.parametrize("name", ["depth_reach_nm", "depth_std_nm"])
def test_depths_without_a_psf_file_ask_for_it_and_not_for_sigma(name):
    with pytest.raises(SettingsError, match=f"{name} is 400 and psf_file is missing"):
        Psf.parse({name: 400})
    assert getattr(Psf.parse({name: 400, "sigma_nm": 130}), name) == 400
