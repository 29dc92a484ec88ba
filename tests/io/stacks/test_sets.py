"""Movies in several files, as microscopes write them and people rename and lose them."""

from __future__ import annotations

import json
import os
import struct

import numpy as np
import pytest
import tifffile

from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import TiffFrames, open_frames, select_frames

STACK = np.random.default_rng(1).integers(90, 4000, (30, 12, 16)).astype("<u2")


def micro_manager(path, stack, planned):
    """Write one file as Micro-Manager does: a summary behind the header, then page after page."""
    summary = json.dumps({"Frames": planned, "Channels": 1, "Slices": 1, "Prefix": "x"}).encode()
    numbers = (54773648, 0, 483765892, 0, 99384722, 0, 2355492, len(summary))
    out = bytearray(b"II*\0" + bytes(4) + struct.pack("<8I", *numbers) + summary)
    pointer = 4
    for frame in stack:
        out += bytes(len(out) % 2)
        struct.pack_into("<I", out, pointer, len(out))
        height, width = frame.shape
        tags = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 1), (262, 3, 1),
                (273, 4, len(out) + 2 + 9 * 12 + 4), (277, 3, 1), (278, 4, height),
                (279, 4, frame.nbytes)]  # fmt: skip
        out += struct.pack("<H", 9)
        out += b"".join(struct.pack("<HHII", a, b, 1, c) for a, b, c in tags)
        pointer = len(out)
        out += bytes(4) + frame.tobytes()
    path.write_bytes(out)


def acquisition(folder, name="orig_1", planned=30, kept=(0, 1, 2)):
    folder.mkdir(exist_ok=True)
    for k in kept:
        file = folder / f"{name}_MMStack_Pos0{f'_{k}' if k else ''}.ome.tif"
        micro_manager(file, STACK[10 * k : 10 * k + 10], planned)
    return folder / f"{name}_MMStack_Pos0.ome.tif"


def assert_reads(path, expected=STACK):
    with TiffFrames(path) as stream:
        np.testing.assert_array_equal(stream.read(0, stream.shape[0]), expected)
        np.testing.assert_array_equal(stream.read(8, 10), expected[8:10])
        return stream.notes


def test_micro_manager_in_several_files(tmp_path):
    assert assert_reads(acquisition(tmp_path / "a [brackets]*?")) == ()


def test_renamed_files_still_belong_together(tmp_path):
    assert assert_reads(acquisition(tmp_path, name="cellA")) == ()


def test_only_the_first_file_is_told(tmp_path):
    (note,) = assert_reads(acquisition(tmp_path, kept=(0,)), STACK[:10])
    assert "holds 10 frames" in note
    assert "noted 30 in it" in note
    assert "orig_1_MMStack_Pos0_1.ome.tif" in note


def test_an_acquisition_that_was_stopped_is_whole(tmp_path):
    (note,) = assert_reads(acquisition(tmp_path, planned=50))
    assert "holds 30 frames, which are all used" in note


def test_a_missing_file_between_others_is_named(tmp_path):
    path = acquisition(tmp_path, kept=(0, 2))
    with pytest.raises(StackError, match=r"Pos0_1\.ome\.tif is missing"):
        TiffFrames(path)
    with open_frames(path, partly=True, tell=False) as stream:
        assert select_frames(stream, "1:10") == (0, 10)
        for some in ("1:11", "3:", None):
            with pytest.raises(StackError, match=r"is missing.*with --frames 1:10"):
                select_frames(stream, some)
        np.testing.assert_array_equal(stream.read(0, 10), STACK[:10])


def ome(names, sizes=(1, 30, 1), own=None):
    """Return OME-XML that lists files of ten frames each; ``own`` is known by its identifier."""
    planes = "".join(
        f'<TiffData FirstT="{t}" IFD="{t % 10}" PlaneCount="1"><UUID FileName="{names[t // 10]}">'
        f"urn:uuid:{t // 10}</UUID></TiffData>"
        for t in range(10 * len(names))
    )
    slices, times, channels = sizes
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:{own}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint16" SizeX="16" SizeY="12" '
        f'SizeZ="{slices}" SizeC="{channels}" SizeT="{times}">{planes}</Pixels></Image></OME>'
    )


def write(path, stack, text=None):
    with tifffile.TiffWriter(path) as tif:
        for k, frame in enumerate(stack):
            about = text if k == 0 else None
            tif.write(frame, description=about, metadata=None, contiguous=False)
    return path


def test_a_single_ome_tiff_may_be_renamed(tmp_path):
    assert_reads(write(tmp_path / "mine.ome.tif", STACK[:10], ome(["old.ome.tif"])), STACK[:10])


def test_a_file_of_a_set_knows_itself_by_its_identifier(tmp_path):
    write(tmp_path / "b.ome.tif", STACK[10:20])
    first = write(tmp_path / "new.ome.tif", STACK[:10], ome(["a.ome.tif", "b.ome.tif"], own=0))
    assert_reads(first, STACK[:20])


@pytest.mark.parametrize("name", ["{out}/b.tif", "../out/b.tif", "..\\out\\b.tif", "/etc/passwd"])
def test_nothing_outside_the_folder_is_read(tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    write(tmp_path / "out" / "b.tif", STACK[10:20])
    text = ome(["a.ome.tif", name.format(out=tmp_path / "out")], own=0)
    first = write(tmp_path / "in" / "a.ome.tif", STACK[:10], text)
    with pytest.raises(StackError, match=r"of which (b\.tif|passwd) is missing"):
        TiffFrames(first)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_links_elsewhere_and_pipes_are_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    other = write(tmp_path / "out" / "b.tif", STACK[10:20])
    first = write(tmp_path / "in" / "a.ome.tif", STACK[:10], ome(["a.ome.tif", "b.tif"], own=0))
    (tmp_path / "in" / "b.tif").symlink_to(other)
    with pytest.raises(StackError, match="a link to another folder"):
        TiffFrames(first)
    (tmp_path / "in" / "b.tif").unlink()
    os.mkfifo(tmp_path / "in" / "b.tif")
    with pytest.raises(StackError, match=r"b\.tif is a pipe"):
        TiffFrames(first)
    with pytest.raises(StackError, match=r"b\.tif is a pipe"):
        TiffFrames(tmp_path / "in" / "b.tif")
    with pytest.raises(StackError, match="is a device"):
        TiffFrames("/dev/zero")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ome([""], (1, 2_000_000_000, 1)), "noted 2000000000 in it"),
        (ome([""], (1, 4, 1)), "noted 4 in it"),
        ("ImageJ=1.53t\nimages=4\nframes=4\n", "noted 4 in it"),
        ("ImageJ=1.53t\nimages=50\nframes=50\n", "stopped early"),
        (f"ImageJ=1.53t\nimages={'9' * 5000}\n", None),
        (f'<OME><Pixels SizeT="{"9" * 5000}"/></OME>', None),
    ],
)
def test_pages_decide_what_a_text_only_says(tmp_path, text, said):
    with TiffFrames(write(tmp_path / "a.tif", STACK[:10], text)) as stream:
        assert stream.shape == (10, 12, 16)
        assert (said is None) == (not stream.notes)
        assert all(said in note for note in stream.notes)


def test_frames_written_one_by_one_are_one_movie(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for frame in STACK:
            tif.write(frame)
    assert assert_reads(tmp_path / "a.tif") == ()
    for frame in STACK:
        tifffile.imwrite(tmp_path / "b.tif", frame, append=True)
    assert assert_reads(tmp_path / "b.tif") == ()


def test_a_preview_is_no_frame(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(STACK[0, ::2, ::2], subfiletype=1, metadata=None)
        for frame in STACK:
            tif.write(frame, metadata=None, contiguous=False)
    assert assert_reads(tmp_path / "a.tif") == ("1 preview or mask in a.tif were left out",)


def test_what_is_told_is_a_warning(tmp_path):
    path = write(tmp_path / "a.tif", STACK[:10], "ImageJ=1.53t\nimages=4\n")
    with pytest.warns(UserWarning, match="holds 10 frames"):
        open_frames(path).close()
