"""Advice on how to install an optional part: no command that nobody can run."""

import re
import sys
from pathlib import Path

import pytest

from deep_storm.packages import install_command, package_command, source_folder

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("extra", "package"), [("dask", "distributed"), ("comet", "comet-smlm"), ("fiji", "appose")]
)
def test_an_optional_part_is_its_packages(extra, package):
    command = install_command(extra)
    assert command.startswith(f'"{sys.executable}" -m pip install "')
    assert f'"{package}' in command
    assert "deep-storm" not in command.replace(sys.executable, "")


def test_where_nothing_is_installed_the_folder_is_named(monkeypatch):
    monkeypatch.setattr("deep_storm.packages.requires", lambda name: None)
    assert install_command("fiji").endswith(f'-m pip install "{ROOT}[fiji]"')


def test_another_python_gets_the_whole_from_this_folder(monkeypatch):
    assert source_folder() == ROOT
    assert (
        package_command("fiji", "/fiji/python") == f'"/fiji/python" -m pip install "{ROOT}[fiji]"'
    )
    monkeypatch.setattr("deep_storm.packages._ROOT", ROOT / "docs")
    assert source_folder() is None
    assert '"/full/path/of/Deep-STORM[fiji]"' in package_command("fiji", "python")


def test_nothing_advises_a_distribution_that_is_nowhere_published():
    texts = [*ROOT.glob("python/**/*.py"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]
    for path in texts:
        found = re.findall(r"pip install ['\"]?deep-storm", path.read_text(encoding="utf-8"))
        assert not found, path
