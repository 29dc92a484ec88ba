"""Values of a camera that are given beside a measurement."""

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.settings import KnownCamera, PsfCalibration


@pytest.mark.parametrize("name", KnownCamera.model_fields)
def test_a_known_value_has_the_range_and_unit_of_the_camera(name):
    known, own = KnownCamera.model_fields[name], Camera.model_fields[name]
    assert known.metadata == own.metadata
    assert known.json_schema_extra["unit"] == own.json_schema_extra["unit"]


def test_a_mistake_of_two_values_is_said_without_the_name_of_their_class():
    with pytest.raises(SettingsError, match=r"^z_step_nm is 0; the planes"):
        PsfCalibration.parse({"z_step_nm": 0})
    with pytest.raises(SettingsError, match=r"^in a\.toml: z_step_nm is 0"):
        PsfCalibration.parse({"z_step_nm": 0}, "a.toml")
