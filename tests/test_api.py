import subprocess
import sys
from pathlib import Path

import pytest

import deep_storm as ds
from deep_storm.interface.registry import CLASSES, NAMES


def test_every_public_name_is_there():
    for name in ds.__all__:
        assert getattr(ds, name) is not None
        assert name in dir(ds)


def test_every_verb_is_a_function_of_the_package():
    for name in NAMES:
        assert name.replace("-", "_") in ds.__all__


def test_every_settings_class_is_there():
    assert {cls.__name__ for cls in CLASSES} <= set(ds.__all__)


def test_every_settings_class_is_documented():
    page = Path(__file__).parents[1] / "docs" / "settings.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    assert {f"::settings {cls.__name__}" for cls in CLASSES} <= set(lines)


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Camra"):
        _ = ds.Camra  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import deep_storm", ("numpy", "pydantic", "pandas", "rich")),
        (
            "from deep_storm.cli import main; main(['simulate', '--help']); main(['--help'])",
            ("numpy", "pandas", "scipy", "numba", "matplotlib", "tensorflow", "keras", "jpype"),
        ),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code, heavy):
    program = f"import sys\n{code}\nsys.exit(' '.join(set({heavy!r}) & sys.modules.keys()) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
