import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return declared["project"]


def pins(lock: str) -> dict[str, set[str]]:
    """Versions of each package in a lock file."""
    found: dict[str, set[str]] = {}
    text = (ROOT / lock).read_text(encoding="utf-8")
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.M):
        found.setdefault(name, set()).add(version)
    return found


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;\s]", requirement)[0].lower().replace("_", "-")


def test_users_lock_holds_every_dependency(project):
    needed = project["dependencies"] + project["optional-dependencies"]["fiji"]
    locked = pins("requirements.lock")
    assert {name_of(r) for r in needed} <= locked.keys()
    assert "setuptools" in locked  # the package is built in the environment itself


def test_developers_lock_holds_the_users_and_the_tools(project):
    users, developers = pins("requirements.lock"), pins("requirements-dev.lock")
    assert users.items() <= developers.items()
    extras = project["optional-dependencies"]
    assert {name_of(r) for r in extras["dev"] + extras["docs"]} <= developers.keys()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_name_no_server_and_have_a_checksum_for_each_package(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "http" not in text
    assert not re.search(r"^(-i|--index|--find|--extra-index)", text, flags=re.M)
    blocks = re.split(r"\n(?=\S)", text)
    assert all("--hash=sha256:" in block for block in blocks if re.match(r"[\w.-]+==", block))


def test_environment_yml_has_the_form_that_fiji_reads(project):
    lines = [
        line
        for line in (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    start = lines.index("dependencies:")
    pip = lines.index("  - pip:")
    conda = [line.strip()[2:] for line in lines[start + 1 : pip]]
    packages = [line.strip()[2:] for line in lines[pip + 1 :]]
    assert conda == ["python" + project["requires-python"], "pip"]
    assert all(line.startswith("    - ") for line in lines[pip + 1 :])
    declared = set(project["optional-dependencies"]["fiji"])
    assert {p for p in packages if name_of(p) in ("appose", "pyimagej", "scyjava")} <= declared
    assert ".[fiji]" in packages


def test_versions_agree(project):
    import deep_storm

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert deep_storm.__version__ == project["version"]
    assert f"version: {project['version']}\n" in citation


def test_citation_names_the_method_and_the_platform():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "doi: 10.1364/OPTICA.5.000458" in citation
    assert "doi: 10.1038/s41467-021-22518-0" in citation


def test_the_public_checks_cover_three_systems_and_the_oldest_and_newest_python(project):
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    oldest, below = re.findall(r"3\.\d+", project["requires-python"])
    newest = f"3.{int(below[2:]) - 1}"
    assert re.search(r"python: \[(.*)\]", workflow)[1] == f'"{oldest}", "{newest}"'
    assert {"ubuntu", "windows", "macos"} == set(re.findall(r"(\w+)-latest", workflow))
    assert "run: .ci/run" in workflow


def test_the_hooks_before_a_commit_use_the_locked_ruff():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"ruff==([\d.]+)", hooks)) == pins("requirements-dev.lock")["ruff"]


def test_every_yaml_file_can_be_read():
    yaml = pytest.importorskip("yaml")
    files = [*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"]
    assert len(files) >= 5
    for file in files:
        assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict), file


def test_addresses_of_the_project_are_those_of_the_citation(project):
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for address in project["urls"].values():
        assert address.removeprefix("https://doi.org/") in re.findall(r"doi: (\S+)", citation)
