"""Settings files."""

from __future__ import annotations

import contextlib
import os
import random
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from deep_storm.errors import OutputError, SettingsError
from deep_storm.io.config import read_config, write_config


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "matched.toml"
    path.write_text(text, encoding=encoding)
    return path


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "run.toml"
    sections = {
        "camera": {"pixel_size_nm": 100.0, "em_gain": None},
        "evaluation": {"tolerance_nm": (100.0, 250.0)},
        "run": {"input": Path("a/b.tif"), "count": np.int64(3), "share": np.float32(0.5)},
        "domain": {"sigma_nm": {"mean": 120.0, "std": None}},
    }
    write_config(path, sections)
    assert read_config(path) == {
        "camera": {"pixel_size_nm": 100.0},
        "evaluation": {"tolerance_nm": [100.0, 250.0]},
        "run": {"input": str(Path("a/b.tif")), "count": 3, "share": 0.5},
        "domain": {"sigma_nm": {"mean": 120.0}},
    }


def test_an_existing_file_is_kept(tmp_path):
    path = write(tmp_path, "[camera]\n")
    with pytest.raises(OutputError, match="--overwrite"):
        write_config(path, {})
    write_config(path, {"psf": {"sigma_nm": 1.0}}, overwrite=True)
    assert "psf" in read_config(path)


def test_a_byte_order_mark_is_accepted(tmp_path):
    path = write(tmp_path, "[psf]\nsigma_nm = 130\n", "utf-8-sig")
    assert read_config(path) == {"psf": {"sigma_nm": 130}}


def test_an_unknown_section_is_refused_with_a_guess(tmp_path):
    path = write(tmp_path, "[camra]\npixel_size_nm = 100\n")
    with pytest.raises(SettingsError, match=r"\[camra\].*did you mean \[camera\]"):
        read_config(path, ["camera", "psf"])
    assert "camra" in read_config(path)


def test_invalid_toml_names_the_line(tmp_path):
    path = write(tmp_path, "[camera]\npixel_size_nm = 100,5\n")
    with pytest.raises(SettingsError, match=r"matched\.toml is not valid TOML.*line 2"):
        read_config(path)


def test_a_key_outside_every_section_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="sigma_nm is not in any section"):
        read_config(write(tmp_path, "sigma_nm = 130\n"))


def test_files_that_are_not_there_or_no_text_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="there is no file"):
        read_config(tmp_path / "nothing.toml")
    with pytest.raises(SettingsError, match="is a folder"):
        read_config(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        read_config(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[camera]\nx = " + "9" * 5000, "digits"),
        ("a" + ".a" * 50_000 + " = 1", "more parts than any setting"),
        ("[" + "a." * 50_000 + "a]\n", "more parts than any setting"),
        ('[x]\na = { "b"' + " . 'b c'" * 5000 + " = 1 }", "more parts than any setting"),
        ("x = " + "[" * 50_000, "nested too deeply|not valid TOML"),
        ("x = " + "{a=" * 50_000, "nested too deeply|not valid TOML"),
        ("#" * (5 << 20), "too large"),
        ("[\x1b]2;gone\x07]", r"not valid TOML"),
    ],
)
def test_settings_that_are_none_are_refused(tmp_path, text, said):
    began, path = time.process_time(), write(tmp_path, text)
    tracemalloc.start()
    try:
        with pytest.raises(SettingsError, match=said) as caught:
            read_config(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 28
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 10
    assert str(caught.value).isprintable()


def test_versions_and_paths_are_no_deep_keys(tmp_path):
    text = f'[run]\nname = "{"1." * 20}tif"\nversion = "2.19.1"\n'
    assert read_config(write(tmp_path, text))["run"]["version"] == "2.19.1"


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(SettingsError, match="is a pipe"):
        read_config(tmp_path / "a.toml")
    with pytest.raises(SettingsError, match="is a device"):
        read_config("/dev/zero")


def test_damaged_settings_are_read_or_refused(tmp_path):
    chance = random.Random(5)
    content = b'[camera]\npixel_size_nm = 100.0\nname = "a"\n[psf]\nsigma_nm = [1, 2]\n'
    for _ in range(300):
        data = bytearray(content)
        for _ in range(chance.choice((1, 3))):
            data[chance.randrange(len(data))] = chance.choice(b'[]{}".=-e09_\n#\xff\0')
        (tmp_path / "a.toml").write_bytes(data)
        with contextlib.suppress(SettingsError):
            read_config(tmp_path / "a.toml")
