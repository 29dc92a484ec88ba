"""Movies without a header: Picasso's .raw and .dax."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import open_frames

PICASSO = (
    "Byte Order: '{order}'\nCamera: Andor\nData Type: {kind}\nFile: movie.tif\nFrames: 7\n"
    "Height: 5\nWidth: 6\n---\nBox Size: 7\nPixelsize: 130\n"
)
DAX = (
    "information file for\nmovie.dax\nframe dimensions = 6 x 5\nnumber of frames = 7\n"
    "data type = 16 bit integers (binary, {order} endian)\n"
)


def frames_of(kind):
    return np.random.default_rng(2).integers(0, 250, (7, 5, 6)).astype(kind)


def test_what_micro_manager_said_stands_in_picassos_text(tmp_path):
    frames_of("<u2").tofile(tmp_path / "movie.raw")
    lines = "Core-Camera: Andor", "Andor-EMSwitch: 'On'", "Andor-Gain: '90'"
    said = "".join(["Micro-Manager Metadata:\n", *(f"  {line}\n" for line in lines)])
    text = PICASSO.format(order="<", kind="uint16").replace("Width: 6\n", f"Width: 6\n{said}")
    (tmp_path / "movie.yaml").write_text(text)
    with open_frames(tmp_path / "movie.raw") as stream:
        assert stream.camera_said.em_gain == 90


@pytest.mark.parametrize(
    ("ending", "text", "kind"),
    [
        (".raw", PICASSO.format(order="<", kind="uint16"), "<u2"),
        (".raw", PICASSO.format(order=">", kind="uint16"), ">u2"),
        (".raw", PICASSO.format(order="<", kind="uint8"), "u1"),
        (".dax", DAX.format(order="big"), ">u2"),
        (".dax", DAX.format(order="little"), "<u2"),
    ],
)
def test_frames_are_those_that_were_written(tmp_path, ending, text, kind):
    frames = frames_of(kind)
    frames.tofile(tmp_path / f"movie{ending}")
    (tmp_path / ("movie.yaml" if ending == ".raw" else "movie.inf")).write_text(text)
    with open_frames(tmp_path / f"movie{ending}") as stream:
        assert stream.shape == (7, 5, 6)
        assert stream.dtype.isnative
        np.testing.assert_array_equal(stream.read(2, 6), frames[2:6])
        assert stream.pixel_size_nm == (130.0 if ending == ".raw" else None)
        assert len(stream.files) == 2


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(StackError, match="there is no file"):
        open_frames(tmp_path / "movie.raw")
    frames_of("<u2").tofile(tmp_path / "movie.raw")
    with pytest.raises(StackError, match="is not beside it"):
        open_frames(tmp_path / "movie.raw")
    (tmp_path / "movie.yaml").write_text("Frames: 7\n")
    with pytest.raises(StackError, match="does not say how many frames"):
        open_frames(tmp_path / "movie.raw")


def test_a_movie_that_is_cut_off_says_how_much_there_is(tmp_path):
    frames_of("<u2")[:4].tofile(tmp_path / "movie.raw")
    (tmp_path / "movie.yaml").write_text(PICASSO.format(order="<", kind="uint16"))
    with pytest.raises(StackError, match="4 of 7 frames"):
        open_frames(tmp_path / "movie.raw")
    with open_frames(tmp_path / "movie.raw", partly=True) as stream:
        assert stream.shape == (4, 5, 6)
        assert stream.cut_off is not None
