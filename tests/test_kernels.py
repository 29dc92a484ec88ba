import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deep_storm import compiling, folders, kept_kernels, kernels

MODULE = """
from deep_storm.kernels import Index, kernel
from other import FACTOR

@kernel
def inner(value):
    return Index(value) * Index(FACTOR)

@kernel
def scaled(value):
    return inner(value) + 1

@kernel
def beyond(values, at):
    return values[at]
"""
RUN = """
import sys
import numpy as np
import loops
print(loops.scaled(2), sum(loops.scaled.stats.cache_hits.values()))
if sys.argv[1:]:
    loops.beyond(np.zeros(3), 5)
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "loops.py").write_text(MODULE)
    (tmp_path / "other.py").write_text("FACTOR = 3\n")
    (tmp_path / "run.py").write_text(RUN)
    return tmp_path


def surroundings(place):
    given = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    return given | {"XDG_CACHE_HOME": str(place / "caches"), "PYTHONDONTWRITEBYTECODE": "1"}


def result(place, *arguments, **environment):
    return subprocess.run(
        [sys.executable, str(place / "run.py"), *arguments],
        env={**surroundings(place), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def started(place):
    return subprocess.Popen(
        [sys.executable, str(place / "run.py")],
        env=surroundings(place),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_kernel_is_kept_in_a_folder_of_this_user(place):
    assert result(place).stdout.split() == ["7", "0"]
    assert result(place).stdout.split() == ["7", "1"]
    kept = place / "caches" / "deep-storm" / "kernels"
    assert list(kept.glob("*/loops.scaled-*.nbi"))
    assert not (place / "__pycache__").exists()
    if os.name == "posix":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_the_same_source_elsewhere_is_compiled_once(place, tmp_path_factory):
    """Fiji's Python has an installation of its own."""
    assert result(place).stdout.split() == ["7", "0"]
    other = tmp_path_factory.mktemp("other")
    for name in ("loops.py", "other.py", "run.py"):
        (other / name).write_bytes((place / name).read_bytes())
    again = result(other, XDG_CACHE_HOME=str(place / "caches"))
    assert again.stdout.split() == ["7", "1"], again.stderr


def test_what_nobody_used_for_months_is_deleted(tmp_path):
    long_ago = time.time() - (kept_kernels.MAX_DAYS_UNUSED + 1) * 86400
    for name, used in (("new_1a", None), ("old_2b", (long_ago, long_ago))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "loops.nbi").touch()
        os.utime(tmp_path / name, used)
    kept_kernels.delete_unused(tmp_path)
    assert [kept.name for kept in tmp_path.iterdir()] == ["new_1a"]
    kept_kernels.delete_unused(tmp_path / "nowhere")


def test_changed_constant_of_another_module_is_noticed(place):
    assert result(place).stdout.split()[0] == "7"
    (place / "other.py").write_text("FACTOR = 5\n")
    assert result(place).stdout.split() == ["11", "0"]


def test_damaged_kernel_is_compiled_anew(place):
    result(place)
    for file in (place / "caches").rglob("*.nb?"):
        file.write_bytes(file.read_bytes()[:-20])
    again = result(place)
    assert (again.returncode, again.stdout.split()) == (0, ["7", "0"]), again.stderr


def test_kernel_is_compiled_where_nothing_can_be_kept(place, monkeypatch):
    monkeypatch.setattr(kernels, "folder_of_kernels", lambda: None)

    @kernels.kernel
    def more(value):
        return value + 1

    assert more(2) == 3


WAITING = """
import loops
print("ready", flush=True)
input()
print(loops.scaled(2), sum(loops.scaled.stats.cache_hits.values()), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="files that are locked as on POSIX")
def test_what_another_process_compiles_is_waited_for(place):
    (place / "run.py").write_text(WAITING)
    with started(place) as one, started(place) as other:
        for process in (one, other):
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.stdout.read().split() for process in (one, other)]
    assert sorted(said) == [["7", "0"], ["7", "1"]]


def test_index_beyond_an_array_is_an_error_when_bounds_are_checked(place):
    result(place)
    done = result(place, "beyond", NUMBA_BOUNDSCHECK="1")
    assert done.returncode == 1
    assert "IndexError" in done.stderr


def test_without_a_home_temporary_files_have_a_private_place(tmp_path, monkeypatch):
    file = tmp_path / "no folder"
    file.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    found = folders.cache_folder()
    assert found is not None
    assert found.parent == tmp_path
    if os.name == "posix":
        assert stat.S_IMODE(found.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_folder_that_everybody_may_write_into_is_not_trusted(tmp_path, monkeypatch):
    (tmp_path / "deep-storm").mkdir()
    (tmp_path / "deep-storm").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = folders.cache_folder()
    assert found is None or found.parent != Path(tmp_path)


TOLD = """
from deep_storm.compiling import told_to
with told_to(print):
    import loops
    loops.scaled(2)
"""


def test_who_waits_for_a_loop_is_told_once_and_not_when_it_was_kept(place):
    (place / "run.py").write_text(TOLD)
    assert result(place).stdout.splitlines() == [compiling.SENTENCE]
    assert result(place).stdout == ""
