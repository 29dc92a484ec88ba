"""Declarations of verbs."""

from deep_storm.interface.verb import verb_of
from deep_storm.settings import Reconstruction
from deep_storm.verbs.preview import preview


def test_single_settings_of_a_class_are_said_as_the_class_says_them():
    arguments = {argument.name: argument for argument in verb_of(preview).arguments}
    for name in ("threshold", "refine"):
        field = Reconstruction.model_fields[name]
        assert arguments[name].description == field.description
        assert arguments[name].label == field.json_schema_extra["label"]
    assert arguments["refine"].label == "Refine (more accurate, takes longer)"
