"""Tables as ThunderSTORM and other programs write them."""

from __future__ import annotations

import contextlib
import os
import random
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.tables import reader as table_reader
from deep_storm.io.tables.thunderstorm import read_table

DATA = Path(__file__).parents[2] / "data"
CAMERA = Camera(
    pixel_size_nm=100.0,
    baseline_adu=200.0,
    photons_per_adu=5.0,
    em_gain=100.0,
    quantum_efficiency=0.5,
)
HEADER = '"id","frame","x [nm]","y [nm]"\n'


@pytest.fixture
def read(tmp_path):
    def reader(content: str | bytes, **options):
        path = tmp_path / "movie.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, **options)

    return reader


def test_a_table_of_thunderstorm():
    table = read_table(DATA / "filaments_drift_first20_thunderstorm.csv")
    assert list(table.columns) == [
        "frame",
        "x_nm",
        "y_nm",
        "sigma_nm",
        "intensity_photon",
        "background_photon",
        "bkgstd_photon",
        "uncertainty_xy_nm",
    ]
    first = table.iloc[0]
    assert first["frame"] == 0  # 1 in the file
    assert first["x_nm"] == 378.00759
    assert first["y_nm"] == 3573.7157
    assert first["uncertainty_xy_nm"] == 3.6758
    assert table["frame"].dtype == np.int64
    assert table["frame"].max() == 19


def test_a_ground_truth_of_thunderstorm():
    truth = read_table(DATA / "emccd_d1_first10_gt.csv", kind="ground truth")
    # the baseline in photons, not the background: 200 ADU × 5 / 100
    assert (truth["baseline_photon"] == 10).all()
    assert "id" not in truth.columns


@pytest.mark.parametrize("quote", ['"', "'", "`", ""])
def test_quotes_are_optional(read, quote):
    labels = ("frame", "x [nm]", "y [nm]")
    header = ",".join(f"{quote}{label}{quote}" for label in labels)
    table = read(header + "\n1,10.5,20.5\n")
    assert table.to_dict("list") == {"frame": [0], "x_nm": [10.5], "y_nm": [20.5]}


def test_byte_order_mark_crlf_blank_lines_and_no_newline_at_the_end(read):
    text = '\ufeff\r\n"frame","x [nm]","y [nm]"\r\n1,10,20\r\n\r\n  \r\n2,30,40'
    table = read(text)
    assert table["frame"].tolist() == [0, 1]
    assert table["y_nm"].tolist() == [20, 40]


def test_columns_in_any_order_with_unknown_ones_kept(read):
    table = read(
        '"y [nm]","chi2","z [nm]","gt_id","confidence [a.u.]","x [nm]","frame","area [px^2]"\n'
        "20,1.5,300,7,0.9,10,3,4\n"
    )
    assert table.to_dict("list") == {
        "frame": [2],
        "x_nm": [10],
        "y_nm": [20],
        "confidence": [0.9],
        "chi2": [1.5],
        "z_nm": [300],
        "gt_id": [7],
        "area_px2": [4],
    }


def test_v1_3_says_uncertainty(read):
    table = read('"frame","x [nm]","y [nm]","uncertainty [nm]"\n1,1,2,3.5\n')
    assert table["uncertainty_xy_nm"].tolist() == [3.5]


def test_a_header_alone_is_no_rows(read):
    table = read('"frame","x [nm]","y [nm]","detections"\n')
    assert len(table) == 0
    assert table["frame"].dtype == np.int64
    assert table["x_nm"].dtype == np.float64


def test_micrometres_are_converted(read):
    table = read('"frame","x [um]","y [µm]","sigma [um]"\n1,1.5,2.5,0.12\n')
    assert table.iloc[0].tolist() == pytest.approx([0, 1500, 2500, 120])


def test_pixels_and_adu_are_converted_with_the_camera(read):
    text = (
        '"frame","x [px]","y [px]","sigma [px]","intensity [ADU]","offset [ADU]","bkgstd [ADU]"\n'
        "1,0.5,2,1.2,1000,30,20\n"
    )
    row = read(text, camera=CAMERA).iloc[0]
    assert row["x_nm"] == 50  # the centre of the first pixel is 0.5 px
    assert row["y_nm"] == 200
    assert row["sigma_nm"] == pytest.approx(120)
    # 5 photoelectrons per ADU / gain 100 / quantum efficiency 0.5; no baseline in any of them
    assert row["intensity_photon"] == pytest.approx(100)
    assert row["background_photon"] == pytest.approx(3)
    assert row["bkgstd_photon"] == pytest.approx(2)
    with pytest.raises(TableError, match="give --camera"):
        read(text)


def test_coordinates_without_unit_are_asked_about(read):
    with pytest.raises(TableError, match=r"'x' without a unit.*x \[px\].*from the corner"):
        read('"frame","x","y"\n1,2,3\n', camera=CAMERA)


def test_labels_may_carry_the_unit_in_the_name(read):
    assert read("frame,x_nm,y_nm\n1,2,3\n").iloc[0].tolist() == [0, 2, 3]
    with pytest.raises(TableError, match=r"has no column 'x \[nm\]'.*did you mean 'x_px'"):
        read("frame,x_px,y_px\n1,2,3\n")


def test_a_width_without_unit_is_kept_as_it_is(read):
    assert read('"frame","x [nm]","y [nm]","sigma"\n1,2,3,4\n')["sigma"].tolist() == [4]


@pytest.mark.parametrize("word", ["NaN", "nan", ""])
def test_not_a_number_may_stand_where_nothing_was_estimated(read, word):
    table = read(f'"frame","x [nm]","y [nm]","sigma [nm]"\n1,2,3,{word}\n2,3,4,5\n')
    assert np.isnan(table["sigma_nm"][0])
    assert table["sigma_nm"][1] == 5


def test_scientific_notation_is_read(read):
    assert read(HEADER + "1,1,1.5e+3,2E-5\n").iloc[0].tolist() == [0, 1500, 2e-5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty file"),
        ("\n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "looks like a PNG image"),
        (b"PK\x03\x04", "spreadsheet"),
        ("1,2,3\n4,5,6\n", "the first line of .* is numbers"),
        ('"frame","y [nm]"\n1,2\n', r"has no column 'x \[nm\]'"),
        ('"Frame","x [nm]","y [nm]"\n1,2,3\n', "has no column 'frame'.*did you mean 'Frame'"),
        ('"frame","X [nm]","y [nm]"\n1,2,3\n', r"no column 'x \[nm\]'.*did you mean 'X \[nm\]'"),
        ('"frame","x [mm]","y [nm]"\n1,2,3\n', r"'x \[mm\]' in an unknown unit"),
        ('"frame","x [nm]","y [nm]","intensity [nm]"\n1,2,3,4\n', "unknown unit"),
        ('"frame","x [nm]","y [nm]","x [um]"\n1,2,3,4\n', "mean the same"),
        ('"frame";"x [nm]";"y [nm]"\n1;2,5;3,5\n', "separated by semicolons"),
        ('"frame"\t"x [nm]"\t"y [nm]"\n1\t2\t3\n', "separated by tabs"),
        ("frame x y intensity\n1 2 3 4\n", "separated by spaces"),
        ('"frame" "x [nm]" "y [nm]"\n1 2 3\n', "separated by spaces"),
        ('"frame","x [nm]","y [nm]"\n1,2,5,3,5\n', r"row 1 \(line 2\).* 5 cells.*decimal commas"),
        ('"frame","x [nm]","y [nm]"\n1,2,3\n2,3\n', r"row 2 \(line 3\).* 2 cells.*cut off"),
        ('"frame","x [nm]","y [nm]"\n1,2,3\n\n2,x,3\n', r"row 2 \(line 4\).*'x' as 'x \[nm\]'"),
        ('"frame","x [nm]","y [nm]"\n1,2,nan\n', r"row 1 \(line 2\).*nan as 'y \[nm\]'"),
        ('"frame","x [nm]","y [nm]"\n1,inf,3\n', "inf as 'x"),
        ('"frame","x [nm]","y [nm]","detections"\n1,2,3,0\n', "0 as 'detec.*whole number from 1"),
        ('"frame","x [nm]","y [nm]"\n1.5,2,3\n', "1.5 as 'frame'"),
        ('"frame","x [nm]","y [nm]"\n-2,2,3\n', "-2 as 'frame'"),
        ('"frame","x [nm]","y [nm]","sigma [nm]"\n1,2,3,wide\n', "'wide' as 'sigma"),
    ],
)
def test_wrong_tables_are_refused_in_one_sentence(read, text, words):
    with pytest.raises(TableError, match=words) as caught:
        read(text)
    assert caught.value.expected
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(TableError, match="there is no file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path)


def test_the_error_says_that_it_is_the_ground_truth(read):
    with pytest.raises(TableError, match=r"the ground truth .*has no column"):
        read('"x [nm]","y [nm]"\n1,2\n', kind="ground truth")


def test_long_tables_are_read_in_blocks_with_right_row_numbers(read, monkeypatch):
    monkeypatch.setattr(table_reader, "_BLOCK_BYTES", 100)
    rows = [f"{i + 1},{i + 1},{i}.5,{2 * i}" for i in range(50)]
    table = read(HEADER + "\n".join(rows) + "\n")
    assert table["frame"].tolist() == list(range(50))
    assert table["x_nm"].tolist() == [i + 0.5 for i in range(50)]
    rows[40] = "41,41,oops,3"
    with pytest.raises(TableError, match=r"row 41 \(line 42\).*'oops'"):
        read(HEADER + "\n".join(rows) + "\n")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_any_line_ends_in_blocks_of_any_size(read, monkeypatch, end, size):
    monkeypatch.setattr(table_reader, "_BLOCK_BYTES", size)
    table = read(end.join(["", '"frame","x [nm]","y [nm]"', "1,10,20", "", "2,30,40", ""]))
    assert table["frame"].tolist() == [0, 1]
    assert table["y_nm"].tolist() == [20, 40]
    with pytest.raises(TableError, match=r"row 2 \(line 4\)"):
        read(end.join(['"frame","x [nm]","y [nm]"', "1,10,20", "", "2,oops,40"]))


def told(read, content, words):
    with pytest.warns(UserWarning, match=words):
        return read(content)


def test_windows_programs_write_micrometres_in_latin(read):
    table = told(read, "frame,x [µm],y [µm]\n1,2,3\n".encode("cp1252"), "Latin alphabet")
    assert table.iloc[0].tolist() == [0, 2000, 3000]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_in_utf_16(read, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    content = f"{mark}frame,x [µm],y [nm]\r\n1,2,3\r\n2,4,5\r\n".encode(encoding)
    assert told(read, content, "UTF-16")["x_nm"].tolist() == [2000, 4000]


def test_frames_from_0(read):
    table = told(read, "frame,x [nm],y [nm]\n3,1,1\n0,2,3\n", "frames count from 0")
    assert table["frame"].tolist() == [3, 0]


def test_a_comma_at_the_end_of_each_row(read):
    table = told(read, "frame,x [nm],y [nm]\n1,2,3,\n2,3,4, \n", "2 of its rows end with a comma")
    assert table["y_nm"].tolist() == [3, 4]


@pytest.mark.parametrize("word", ["Infinity", "inf", "∞", "-∞"])
def test_infinite_uncertainties_are_not_known(read, word):
    text = f"frame,x [nm],y [nm],uncertainty_xy [nm]\n1,2,3,{word}\n2,3,4,5\n"
    table = told(read, text, r"1 of its values of 'uncertainty_xy \[nm\]' are infinite")
    assert np.isnan(table["uncertainty_xy_nm"][0])
    with pytest.raises(TableError, match="inf as 'x"):
        read(f"frame,x [nm],y [nm]\n1,{word},3\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("frame,x [nm],y [nm]" + ",c" * 300_000, "has 300003 columns"),
        ("x" * (2 << 20), "a line of more than 1,048,576 characters"),
        (HEADER + "1" * (2 << 20), "has 1 cells"),
        ('frame,x [nm],y [nm]\n1,2,"3\n2,3,4\n', "cannot be read|a quote that is not closed"),
        ("frame,x [nm],y [nm]\n1e300,2,3\n", "1e[+]300 as 'frame'"),
        (f"frame,x [nm],y [nm]\n1,{'9' * 5000},3\n", "inf as 'x"),
    ],
)
def test_tables_that_would_fill_the_memory_are_refused(read, content, words):
    tracemalloc.start()
    try:
        with pytest.raises(TableError, match=words):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(TableError, match="is a pipe"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(TableError, match="is a device"):
        read_table("/dev/zero")


def test_damaged_tables_are_read_or_refused(read):
    chance = random.Random(3)
    rows = "".join(f'{k + 1},{k},{k * 1.5},"{k}"\n' for k in range(20))
    content = ("frame,x [nm],y [nm],sigma [nm]\n" + rows).encode()
    for _ in range(300):
        data = bytearray(content)
        for _ in range(chance.choice((1, 2, 10))):
            data[chance.randrange(len(data))] = chance.choice(b'\0\r\n",.-+eE9\xff\xb5 ')
        with contextlib.suppress(TableError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(bytes(data))
