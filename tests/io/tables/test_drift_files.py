import contextlib
import json
import random
import re
from dataclasses import replace

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import TableError
from deep_storm.io.tables.drift_files import Drift, read_drift, write_drift


@pytest.fixture
def drift():
    # 2 nm a frame up to frame 10, then a parabola; y falls
    return Drift(
        np.array([0.0, 10.0, 20.0]),
        np.array([[0.0, 2.0, 0.0], [20.0, 2.0, 0.5]]),
        np.array([[0.0, -1.0, 0.0], [-10.0, -1.0, 0.0]]),
        np.array([5.0, 15.0]),
        np.array([[10.0, -5.0], [42.5, -15.0]]),
    )


def test_the_drift_of_a_frame(drift):
    assert drift.at(np.array([0, 5, 10, 12, 20])).tolist() == [
        [0, 0],
        [10, -5],
        [20, -10],
        [26, -12],
        [90, -20],
    ]
    # it stays as it is beyond the ends
    assert drift.at(np.array([-3, 99])).tolist() == [[0, 0], [90, -20]]


def test_the_file_is_as_thunderstorm_has_it(drift, tmp_path):
    write_drift(tmp_path / "drift.json", drift)
    content = json.loads((tmp_path / "drift.json").read_text())
    assert set(content) == {
        "scale", "xFunction", "yFunction", "driftDataFrame", "driftDataX", "driftDataY",
        "minFrame", "maxFrame", "units",
    }  # fmt: skip
    x = content["xFunction"]
    assert x["knots"] == [1, 11, 21]  # frames from 1
    assert x["n"] == 2
    assert x["polynomials"][1] == {"coefficients": [20, 2, 0.5]}
    assert (content["minFrame"], content["maxFrame"]) == (1, 21)
    assert content["driftDataFrame"] == [6, 16]
    assert content["driftDataY"] == [-5, -15]
    # evaluated as its spline does: a polynomial of the distance from the knot
    value = np.polynomial.Polynomial(x["polynomials"][1]["coefficients"])(13 - x["knots"][1])
    assert value == drift.at(np.array([12]))[0, 0]


def test_what_was_written_is_read(drift, tmp_path):
    write_drift(tmp_path / "drift.json", drift)
    again = read_drift(tmp_path / "drift.json")
    frames = np.arange(21)
    np.testing.assert_array_equal(again.at(frames), drift.at(frames))
    np.testing.assert_array_equal(again.measured_nm, drift.measured_nm)


def test_a_drift_in_pixels_needs_the_camera(drift, tmp_path):
    path = tmp_path / "drift.json"
    write_drift(path, drift)
    path.write_text(path.read_text().replace("NANOMETER", "PIXEL"))
    with pytest.raises(TableError, match="--camera"):
        read_drift(path)
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=0, photons_per_adu=1)
    assert read_drift(path, camera).at(np.array([5]))[0].tolist() == [1000, -500]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"knots": [1.0, 11.0, 21.0]', '"knots": [1.0, 11.0]'),
        ('"knots": [1.0, 11.0, 21.0]', '"knots": [1.0, 11.0, 5.0]'),
        ('"coefficients": [20.0', '"coefficients": ["a"'),
        ('"coefficients": [20.0', '"coefficients": [NaN'),
        ("xFunction", "zFunction"),
        ("NANOMETER", "PARSEC"),
        ('"driftDataX": [', '"driftDataX": [1.0, '),
        ("{", "["),
    ],
)
def test_a_damaged_file_is_refused(drift, tmp_path, old, new):
    path = tmp_path / "drift.json"
    write_drift(path, drift)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(TableError, match=r"is not a drift file|has the unit 'PARSEC'"):
        read_drift(path)


def test_a_missing_file_and_a_list(tmp_path):
    with pytest.raises(TableError, match="there is no file"):
        read_drift(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(TableError, match="is a list"):
        read_drift(tmp_path / "list.json")


def pieces(count, coefficients):
    function = {"knots": list(range(count + 1)), "n": count,
                "polynomials": [{"coefficients": coefficients}] * count}  # fmt: skip
    return {"units": "NANOMETER", "xFunction": function, "yFunction": function}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(pieces(20, [1.0] * 1000)), "20 pieces of up to 1000 coefficients"),
        (json.dumps(pieces(1, [10**400])), "not finite|too large|OverflowError"),
        (json.dumps({**pieces(1, [1.0]), "units": ["nm"]}), "the unit"),
        (json.dumps({**pieces(1, [1.0]), "units": 10**400}), "the unit"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"units": ' + "9" * 5000 + "}", "digits|the unit"),
    ],
)
def test_drifts_that_are_none_are_refused(tmp_path, content, said):
    (tmp_path / "d.json").write_text(content)
    with pytest.raises(TableError) as caught:
        read_drift(tmp_path / "d.json")
    assert re.search(f"{said}|is not a drift file", str(caught.value))
    assert len(str(caught.value)) < 600


def test_damaged_drifts_are_read_or_refused(tmp_path):
    chance = random.Random(5)
    content = json.dumps(pieces(3, [1.0, 0.5])).encode()
    for _ in range(300):
        data = bytearray(content)
        for _ in range(chance.choice((1, 3))):
            data[chance.randrange(len(data))] = chance.choice(b'[]{}",:.-e09\xff\0')
        (tmp_path / "d.json").write_bytes(data)
        with contextlib.suppress(TableError):
            assert np.isfinite(read_drift(tmp_path / "d.json").at(np.arange(5))).all()


def test_a_drift_along_z_comes_back(tmp_path):
    line = np.array([[1.0, 0.5]])
    ends, nothing = np.array([0.0, 99.0]), np.zeros(0)
    written = Drift(ends, line, line, nothing, np.zeros((0, 2)), ends, 2.0 * line)
    write_drift(tmp_path / "a.json", written)
    assert read_drift(tmp_path / "a.json").z_at(np.array([10])) == pytest.approx([12.0])
    write_drift(tmp_path / "b.json", replace(written, z_knots=None, z=None))
    assert "zFunction" not in (tmp_path / "b.json").read_text()
    assert read_drift(tmp_path / "b.json").z_at(np.array([10])) == pytest.approx([0.0])
