import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import deep_storm
from deep_storm.cli.output import plain, warnings_on_stderr
from deep_storm.settings import Psf


@dataclass
class Pair:
    left: float
    right: Path


def test_plain_values_are_what_json_has():
    value = {
        1: np.float32(0.5),
        "nan": [float("nan"), np.nan, np.inf],
        "array": np.arange(3),
        "pair": Pair(np.float64(1), Path("a.tif")),
        "settings": Psf(sigma_nm=130),
        "yes": np.bool_(True),
        "none": None,
    }
    found = json.loads(json.dumps(plain(value), allow_nan=False))
    assert found == {
        "1": 0.5,
        "nan": [None, None, None],
        "array": [0, 1, 2],
        "pair": {"left": 1.0, "right": "a.tif"},
        "settings": Psf(sigma_nm=130).model_dump(),
        "yes": True,
        "none": None,
    }


def test_our_warnings_are_notes_and_the_libraries_are_silent(capsys):
    ours = str(Path(deep_storm.__file__).with_name("model.py"))
    with warnings_on_stderr():
        warnings.warn_explicit("the batch was halved", UserWarning, ours, 1)
        warnings.warn_explicit("old way", DeprecationWarning, ours, 2)
        warnings.warn_explicit("please upgrade", UserWarning, "/lib/other.py", 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Note: the batch was halved\n"
