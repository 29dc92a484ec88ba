"""TIFF stacks of every flavour, whole and damaged."""

from __future__ import annotations

import uuid
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import tifffile

from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import TiffFrames

DATA = Path(__file__).parents[2] / "data"
STACK = np.random.default_rng(1).integers(90, 4000, (12, 20, 24)).astype(np.uint16)


def assert_reads(path: Path, expected: np.ndarray = STACK) -> None:
    with TiffFrames(path) as stream:
        assert stream.shape == expected.shape
        assert stream.dtype == expected.dtype
        assert stream.name == path.name
        np.testing.assert_array_equal(stream.read(0, len(expected)), expected)
        np.testing.assert_array_equal(stream.read(3, 5), expected[3:5])
        np.testing.assert_array_equal(stream.read(7, 8), expected[7:8])


def write_pages(path: Path, stack: np.ndarray = STACK, **options: object) -> None:
    with tifffile.TiffWriter(path) as writer:
        for frame in stack:
            writer.write(frame, metadata=None, contiguous=False, **options)


def imagej_with_one_directory(path: Path, stack: np.ndarray = STACK) -> None:
    """Write as ImageJ does beyond 4 GB: one directory, the frames behind it in one piece."""
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        end, pointer = page.dataoffsets[0] + stack.nbytes, page.offset + 2 + 12 * len(page.tags)
    content = bytearray(path.read_bytes()[:end])
    content[pointer : pointer + 4] = bytes(4)
    path.write_bytes(content)


def write_ome_parts(folder: Path, counts: tuple[int, ...] = (8, 4)) -> list[Path]:
    """Write an OME-TIFF in several files, as microscopes do."""
    paths = [folder / f"part_{i}.ome.tif" for i in range(len(counts))]
    identifiers = [f"urn:uuid:{uuid.UUID(int=i + 1)}" for i in range(len(counts))]
    places = [(part, ifd) for part, count in enumerate(counts) for ifd in range(count)]
    planes = "".join(
        f'<TiffData FirstT="{t}" FirstC="0" FirstZ="0" IFD="{ifd}" PlaneCount="1">'
        f'<UUID FileName="{paths[part].name}">{identifiers[part]}</UUID></TiffData>'
        for t, (part, ifd) in enumerate(places)
    )
    start = 0
    for part, count in enumerate(counts):
        about = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{identifiers[part]}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeX="24" SizeY="20" SizeZ="1" SizeC="1" '
            f'SizeT="{len(places)}" PhysicalSizeX="0.1" PhysicalSizeY="0.1">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(paths[part]) as writer:
            for ifd in range(count):
                text = about if ifd == 0 else None
                frame = STACK[start + ifd]
                writer.write(frame, description=text, metadata=None, contiguous=False)
        start += count
    return paths


def cut(path: Path, size: int) -> Path:
    path.write_bytes(path.read_bytes()[:size])
    return path


def test_a_stack_of_thunderstorm_keeps_its_scale():
    with TiffFrames(DATA / "emccd_d1_first10.tif") as stream:
        assert stream.shape == (10, 64, 64)
        assert stream.dtype == np.uint16
        assert stream.dtype.isnative  # the file is big-endian
        assert stream.pixel_size_nm == pytest.approx(100.0)
        values = stream.read(0, 10)
    np.testing.assert_array_equal(values, tifffile.imread(DATA / "emccd_d1_first10.tif"))
    assert values.dtype.isnative
    assert 200 < np.median(values) < 1000  # ADU above the baseline of 200


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "CYX"])
def test_imagej(tmp_path, axes):
    # tifffile calls a first axis without a name "C"; no camera has twelve channels
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": axes})
    assert_reads(tmp_path / "a.tif")


def test_imagej_beyond_4_gb_has_one_directory(tmp_path):
    imagej_with_one_directory(tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert len(tif.pages) == 1
    assert_reads(tmp_path / "a.tif")


def test_bigtiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, bigtiff=True)
    assert_reads(tmp_path / "a.tif")


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_plain_pages_in_either_byte_order(tmp_path, byteorder):
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=byteorder) as writer:
        for frame in STACK:
            writer.write(frame, metadata=None, contiguous=False)
    assert_reads(tmp_path / "a.tif")


@pytest.mark.parametrize("metadata", [None, {"axes": "TYX"}])
def test_compressed(tmp_path, metadata):
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression="zlib", metadata=metadata)
    assert_reads(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
def test_pixel_types(tmp_path, dtype):
    values = (STACK % 200).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values)
    assert_reads(tmp_path / "a.tif", values)


def test_ome_in_one_file(tmp_path):
    about = {"axes": "TYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata=about)
    assert_reads(tmp_path / "a.ome.tif")


def test_ome_in_several_files(tmp_path):
    for path in write_ome_parts(tmp_path):
        assert_reads(path)
        with TiffFrames(path) as stream:
            assert stream.pixel_size_nm == pytest.approx(100.0)
            np.testing.assert_array_equal(stream.read(9, 10), STACK[9:10])


def test_ome_with_a_missing_file_is_refused(tmp_path):
    first, second = write_ome_parts(tmp_path)
    second.unlink()
    with pytest.raises(StackError, match=r"part_1\.ome\.tif"):
        TiffFrames(first)


def test_a_mere_part_of_an_ome_tiff_names_its_main_file(tmp_path):
    about = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="main.ome.tif" UUID="urn:uuid:1"/></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0], description=about, metadata=None)
    with pytest.raises(StackError, match=r"open main\.ome\.tif instead"):
        TiffFrames(tmp_path / "a.ome.tif")


def test_one_frame(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0])
    with TiffFrames(tmp_path / "a.tif") as stream:
        assert stream.shape == (1, 20, 24)


def test_threads_may_share_a_stream(tmp_path):
    write_pages(tmp_path / "a.tif", compression="zlib")
    wrong: list[int] = []
    with TiffFrames(tmp_path / "a.tif") as stream:

        def read() -> None:
            for i in range(len(STACK)):
                if not np.array_equal(stream.read(i, i + 1)[0], STACK[i]):
                    wrong.append(i)

        threads = [Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_closed_stack_says_so(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK)
    stream = TiffFrames(tmp_path / "a.tif")
    stream.close()
    with pytest.raises(StackError, match="is closed"):
        stream.read(0, 1)


def test_only_the_frames_asked_for_are_read(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "TYX"})
    with TiffFrames(path) as stream:
        cut(path, path.stat().st_size // 2)  # behind its back, after opening
        np.testing.assert_array_equal(stream.read(0, 3), STACK[:3])
        with pytest.raises(StackError, match="ends within frame"):
            stream.read(0, 12)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "looks like a PNG image"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "looks like an HDF5 file"),
        (b'"id","frame","x [nm]"\n', "looks like text that starts with"),
        (b"", "looks like an empty file"),
        (bytes(100), "looks like binary data"),
        (b"ZISRAWFILE" + bytes(20), "looks like a Zeiss CZI file"),
    ],
)
def test_what_is_no_tiff_is_told_apart(tmp_path, content, words):
    path = tmp_path / "movie.tif"
    path.write_bytes(content)
    with pytest.raises(StackError, match=f"is not a TIFF: it {words}.*expected a TIFF stack"):
        TiffFrames(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(StackError, match="there is no file"):
        TiffFrames(tmp_path / "nothing.tif")
    with pytest.raises(StackError, match="is a folder"):
        TiffFrames(tmp_path)


def test_a_header_alone_is_refused(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0\0\0\0\0")
    with pytest.raises(StackError, match=r"no frames|damaged"):
        TiffFrames(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("stack", "options", "words"),
    [
        (np.zeros((5, 20, 24, 3), np.uint8), {"photometric": "rgb"}, "colour image"),
        (STACK.astype(np.complex64), {}, "complex numbers"),
        (STACK > 500, {}, "true/false"),
        (STACK.reshape(3, 4, 20, 24), {"imagej": True, "metadata": {"axes": "TZYX"}},
         "3 time points × 4 z planes"),
        (STACK.reshape(6, 2, 20, 24), {"imagej": True, "metadata": {"axes": "TCYX"}},
         "6 time points × 2 channels"),
        (STACK[:2], {"imagej": True, "metadata": {"axes": "CYX"}}, "2 channels"),
        (np.full((2, 9, 9), np.nan, np.float32), {}, "NaN everywhere"),
    ],
)  # fmt: skip
def test_tiffs_that_are_no_stack_of_grey_frames_are_refused(tmp_path, stack, options, words):
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    with pytest.raises(StackError, match=words) as caught:
        TiffFrames(tmp_path / "a.tif")
    assert caught.value.expected
    assert caught.value.advice


def test_images_of_several_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[0], metadata=None)
        writer.write(STACK[0, :10], metadata=None)
    with pytest.raises(StackError, match="2 separate images"):
        TiffFrames(tmp_path / "a.tif")


def test_a_truncated_imagej_stack_names_the_frame(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[0].dataoffsets[0]
    cut(path, start + 5 * STACK[0].nbytes + 100)
    with pytest.raises(
        StackError, match=r"claims 12 frames.*ends within frame 6 \(5 frames are readable"
    ):
        TiffFrames(path)


def test_a_truncated_imagej_stack_beyond_4_gb_names_the_frame(tmp_path):
    imagej_with_one_directory(tmp_path / "a.tif")
    size = (tmp_path / "a.tif").stat().st_size
    with pytest.raises(StackError, match=r"ends within frame 12 \(11 frames are readable"):
        TiffFrames(cut(tmp_path / "a.tif", size - 10))


def test_truncated_pages_name_the_frame(tmp_path):
    write_pages(tmp_path / "a.tif", compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        middle = tif.pages[6].dataoffsets[0] + 10
    with pytest.raises(StackError, match=r"ends within frame 7 \(6 frames are readable"):
        TiffFrames(cut(tmp_path / "a.tif", middle))


def test_a_cut_between_pages_is_noticed(tmp_path):
    write_pages(tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        between = tif.pages[6].offset
    with pytest.raises(StackError, match=r"6 frames are readable"):
        TiffFrames(cut(tmp_path / "a.tif", between))


def test_a_damaged_frame_in_the_middle_is_named_when_it_is_read(tmp_path):
    path = tmp_path / "a.tif"
    write_pages(path, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[6]
        place = page.dataoffsets[0] + page.databytecounts[0] // 2
    content = bytearray(path.read_bytes())
    content[place : place + 40] = bytes(40)
    path.write_bytes(content)
    with TiffFrames(path) as stream:
        np.testing.assert_array_equal(stream.read(0, 6), STACK[:6])
        with pytest.raises(StackError, match=r"frame 7 of 12 in a\.tif cannot be read"):
            stream.read(4, 9)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_header_that_promises_too_much_takes_no_memory(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], compression=compression, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(60_000)
        tif.pages[0].tags["ImageLength"].overwrite(60_000)
        tif.pages[0].tags["RowsPerStrip"].overwrite(60_000)
    with pytest.raises(StackError, match=r"60000 × 60000 px \(7,200,000,000 bytes\)"):
        TiffFrames(path)


def test_an_unknown_compression_is_told_on_opening(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["Compression"].overwrite(34676)  # SGILOG: nobody decodes it
    with pytest.raises(StackError, match="cannot be read"):
        TiffFrames(path)
