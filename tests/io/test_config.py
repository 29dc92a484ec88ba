"""Settings files."""

from __future__ import annotations

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
    with pytest.raises(SettingsError, match="cannot be read"):
        read_config(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        read_config(tmp_path / "binary.toml")
