"""Values of a camera that are given beside a measurement."""

import pytest

from deep_storm.camera import Camera
from deep_storm.settings import KnownCamera


@pytest.mark.parametrize("name", KnownCamera.model_fields)
def test_a_known_value_has_the_range_and_unit_of_the_camera(name):
    known, own = KnownCamera.model_fields[name], Camera.model_fields[name]
    assert known.metadata == own.metadata
    assert known.json_schema_extra["unit"] == own.json_schema_extra["unit"]
