import os
from dataclasses import replace

import numpy as np
import pytest

from deep_storm.errors import OutputError, PsfError, SettingsError
from deep_storm.io.psf_files import read_psf, write_psf
from deep_storm.psf.gaussian import gaussian_table


@pytest.fixture
def table():
    plane = gaussian_table(130.0, 100.0).values
    return replace(
        gaussian_table(130.0, 100.0),
        values=np.repeat(plane, 5, axis=0)
        * np.linspace(1, 0.9, 5, dtype=np.float32)[:, None, None],
        z_nm=np.linspace(-200.0, 200.0, 5),
        source="beads",
        uncertainty=0.03,
    )


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_what_is_written_is_read(tmp_path, table):
    files = write_psf(tmp_path / "psf.toml", table)
    assert files == (tmp_path / "psf.toml", tmp_path / "psf.npz")
    for name in ("psf.toml", "psf.npz", "psf"):
        read = read_psf(tmp_path / name, 100.0)
        np.testing.assert_array_equal(read.values, table.values)
        np.testing.assert_allclose(read.z_nm, table.z_nm)
        for field in ("pixel_size_nm", "samples_per_px", "source", "uncertainty", "radius_px"):
            assert getattr(read, field) == getattr(table, field)


def test_a_plane_alone_and_an_unknown_uncertainty(tmp_path):
    write_psf(tmp_path / "flat.psf.toml", gaussian_table(150.0, 100.0))
    read = read_psf(tmp_path / "flat.psf.toml")
    assert read.uncertainty is None
    assert read.z_nm.tolist() == [0.0]
    assert read.effective_sigma_nm == pytest.approx(150.0, rel=1e-4)


def test_nothing_is_overwritten_unasked(tmp_path, table):
    (tmp_path / "psf.npz").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"psf\.npz exists"):
        write_psf(tmp_path / "psf.toml", table)
    assert not (tmp_path / "psf.toml").exists()
    write_psf(tmp_path / "psf.toml", table, overwrite=True)
    assert read_psf(tmp_path / "psf.toml").source == "beads"


def test_another_camera_is_an_error(tmp_path, table):
    write_psf(tmp_path / "psf.toml", table)
    with pytest.raises(PsfError, match=r"100 nm.*160 nm"):
        read_psf(tmp_path / "psf.toml", 160.0)


def test_damaged_values_are_noticed(tmp_path, table):
    card, values = write_psf(tmp_path / "psf.toml", table)
    content = bytearray(values.read_bytes())
    content[len(content) // 2] ^= 1
    values.write_bytes(content)
    with pytest.raises(PsfError, match="checksum"):
        read_psf(card)
    values.unlink()
    with pytest.raises(PsfError, match=r"psf\.npz"):
        read_psf(card)


def other_values(card, values, array):
    """Put other arrays into the file of values, with the right checksum."""
    from deep_storm.io.files import sha256

    old = (sha256(values), values.stat().st_size)
    np.savez(values, values=array)
    edited(card, old[0], sha256(values))
    edited(card, f"bytes = {old[1]}", f"bytes = {values.stat().st_size}")


def test_objects_are_never_loaded(tmp_path, table):
    card, values = write_psf(tmp_path / "psf.toml", table)

    class Evil:
        def __reduce__(self):
            return os.system, ("touch ran",)

    other_values(card, values, np.array([Evil()], dtype=object))
    with pytest.raises(PsfError, match="does not hold"):
        read_psf(card)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((5, 57, 55), np.float32), "does not hold"),
        (np.zeros((5, 57, 57), np.int16), "int16"),
        (np.full((5, 57, 57), np.nan, np.float32), "finite"),
        (np.full((5, 57, 57), 0.5, np.float32), "100 %"),
    ],
)
def test_values_that_are_no_psf(tmp_path, table, array, said):
    card, values = write_psf(tmp_path / "psf.toml", table)
    other_values(card, values, array)
    with pytest.raises(PsfError, match=said):
        read_psf(card)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("planes = 5", "planes = 9999", "values"),
        ("edge = 57", "edge = 9999", "at most 32,000,000"),
        ("edge = 57", "edge = 56", "shape"),
        ("format_version = 1", "format_version = 7", "format_version"),
        ('values = "psf.npz"', 'values = "../psf.npz"', "values"),
        ("dz_nm = 100.0", "dz_nm = -1.0", "dz_nm"),
        ("[psf_table]", "[psf]", r"no section \[psf_table\]"),
        ('source = "beads"', 'source = "guess"', "source"),
    ],
)
def test_a_wrong_description_is_one_sentence(tmp_path, table, old, new, said):
    card, _ = write_psf(tmp_path / "psf.toml", table)
    edited(card, old, new)
    with pytest.raises((PsfError, SettingsError), match=said):
        read_psf(card)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="there is no file"):
        read_psf(tmp_path / "psf.toml")
