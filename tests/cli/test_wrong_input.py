"""Wrong input gets one sentence, exit code 2 and leaves nothing behind.

Each case runs the command line as a person would; the sentence must say what was received, what
was expected and what to do.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.cli import main
from deep_storm.io.camera_maps import write_camera_maps
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf

pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
CAMERA_TOML = "[camera]\npixel_size_nm = 100\nbaseline_adu = 100\nphotons_per_adu = 0.5\n"
MOLECULES = {
    "psf": Psf(sigma_nm=110),
    "emitters": Emitters(density_per_um2=2, intensity_photon=1500),
    "background": Background(background_photon=20),
}
MATCHED_TOML = (
    CAMERA_TOML + "[psf]\nsigma_nm = 110\n"
    "[emitters]\ndensity_per_um2 = 2\nintensity_photon = 1500\n"
    "[background]\nbackground_photon = 20\n"
)
TRAIN = [
    "train", "--camera", "camera.toml", "--steps", "2", "--batch", "2", "--patch-size-px", "24",
    "-o", "new/model",
]  # fmt: skip
RECONSTRUCT = ["--model", "model", "-o", "new/out"]


def untrained(camera=CAMERA):
    scales = Scales.matching(camera, *MOLECULES.values())
    card = ModelCard(network=Network(upsampling=2), camera=camera, scales=scales, **MOLECULES)
    return Model(card, make_network(card.network).build())


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Make a folder with everything that a user needs, all of it right."""
    folder = tmp_path_factory.mktemp("right")
    ds.simulate(
        output=folder / "sim", camera=CAMERA, frames=4, width_px=40, height_px=36, **MOLECULES
    )
    (folder / "sim-protocol.txt").unlink()
    (folder / "camera.toml").write_text(CAMERA_TOML)
    (folder / "matched.toml").write_text(MATCHED_TOML)
    untrained().save(folder / "model")
    return folder


@pytest.fixture
def place(template, tmp_path, monkeypatch):
    """Stand in a fresh copy of that folder."""
    folder = Path(shutil.copytree(template, tmp_path / "work"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def refused(place, capsys, options_of):
    """Run a command line that must be refused, and look at what it says and leaves."""

    def run(arguments, *words):
        before = contents(place)
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        lines = captured.err.strip().splitlines()
        assert code == 2, captured.err
        assert captured.out == ""
        assert len(lines) == 1, captured.err
        assert lines[0].startswith("deep-storm ")
        assert lines[0].endswith((".", "?"))
        for word in words:
            assert re.search(word, lines[0]), lines[0]
        assert not strange_options(lines[0], options_of(arguments[0]))
        assert contents(place) == before
        assert not [path for path in place.rglob("*") if ".part" in path.name]
        return lines[0]

    return run


def strange_options(sentence, own):
    """Return the options that a sentence names and its verb does not have."""
    others = set(re.findall(r"deep-storm \S+ (--[a-z][a-z-]+)", sentence))
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", sentence)) - own - others


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def stack_of(place):
    return tifffile.imread(place / "sim.tif")


def truth_of(place):
    return pd.read_csv(place / "sim.csv")


READERS = [
    ["reconstruct", "{}", *RECONSTRUCT],
    ["preview", "{}", "--model", "model", "-o", "new/p.png"],
    ["import-simulation", "{}", "sim.csv", "--camera", "camera.toml", "-o", "new/m.toml"],
    [*TRAIN, "--simulation", "{}", "sim.csv"],
]
READER_NAMES = ["reconstruct", "preview", "import-simulation", "train"]


def of(arguments, *names):
    names = iter(names)
    return [next(names) if a == "{}" else a for a in arguments]


# Stacks


def a_text(path):
    path.write_text("frame,x,y\n1,2,3\n")


def a_picture(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))


def a_colour_image(path):
    colours = np.zeros((4, 36, 40, 3), np.uint8)
    tifffile.imwrite(path, colours, photometric="rgb")


def all_nan(path):
    tifffile.imwrite(path, np.full((4, 36, 40), np.nan, np.float32), photometric="minisblack")


def no_frames(path):
    path.write_bytes(b"II*\x00\x00\x00\x00\x00")


def half_a_file(path):
    path.write_bytes(Path("sim.tif").read_bytes()[:5000])


@pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_text, ("looks like text", "expected a TIFF", "save it as TIFF")),
        (a_picture, ("PNG", "expected a TIFF", "save it as TIFF")),
        (a_colour_image, ("colour image", "expected grey values", "16-bit")),
        (all_nan, ("NaN everywhere", "expected pixel values", "raw camera frames")),
        (no_frames, ("frames|damaged", "expected", ": ")),
        (half_a_file, ("ends within frame|damaged", "expected a whole", "copy the file again")),
    ],
)
def test_a_stack_that_is_none(reader, make, words, place, refused):
    make(place / "movie.tif")
    refused(of(reader, "movie.tif"), *words)


@pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)
def test_a_stack_that_is_not_there(reader, refused):
    refused(of(reader, "none.tif"), "no file none.tif", "expected a TIFF", "check the spelling")


def test_single_nan_pixels_are_filled_and_counted(place, capsys):
    stack = stack_of(place).astype(np.float32)
    stack[1:, 5, 5] = np.nan
    tifffile.imwrite(place / "nan.tif", stack, photometric="minisblack")
    assert main(["reconstruct", "nan.tif", *RECONSTRUCT]) == 0
    assert "\n1 pixel " in capsys.readouterr().out


def test_one_frame_is_enough_to_reconstruct(place, capsys):
    tifffile.imwrite(place / "one.tif", stack_of(place)[0])
    assert main(["reconstruct", "one.tif", *RECONSTRUCT]) == 0
    assert "in 1 frame of" in capsys.readouterr().out


def test_one_frame_is_too_little_to_train_on(place, refused):
    tifffile.imwrite(place / "one.tif", stack_of(place)[:1])
    truth = truth_of(place)
    truth[truth["frame"] == 1].to_csv(place / "one.csv", index=False)
    command = [*TRAIN, "--simulation", "one.tif", "one.csv"]
    refused(command, "emitters in 1 frame", "expected at least 2 frames", "ground truth")


def test_frames_that_the_stack_does_not_have(refused):
    command = ["reconstruct", "sim.tif", *RECONSTRUCT, "--frames", "3:9"]
    refused(command, "has 4 frames", "expected FIRST:LAST", "change --frames")
    for frame in ("9", "0", "-1"):
        command = ["preview", "sim.tif", "--model", "model", "--frame", frame]
        refused(command, "has 4 frames", "expected a frame from 1 to 4", r"change --frame\.$")


# Ground truths

TRUTH_READERS = {
    "import-simulation": ["import-simulation", "sim.tif", "{}", "-o", "new/m.toml"],
    "train": [*TRAIN, "--simulation", "sim.tif", "{}"],
}


@pytest.fixture(params=sorted(TRUTH_READERS))
def truth_reader(request):
    command = TRUTH_READERS[request.param]
    return command if "--camera" in command else [*command, "--camera", "camera.toml"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.assign(frame=t["frame"] + 100),
            ("frames 101 to 104", "none in common", "expected frames of the same stack", ": give"),
        ),
        (
            lambda t: t.assign(**{"x [nm]": t["x [nm]"] + 90_000}),
            ("x of the ground truth goes from", "expected 0 to 4000 nm", "pixel size"),
        ),
        (
            lambda t: t.assign(**{"x [nm]": t["x [nm]"] / 100, "y [nm]": t["y [nm]"] / 100}),
            ("reach", "expected coordinates in nm", "look like pixels"),
        ),
        (
            lambda t: t.drop(columns="y [nm]"),
            ("no column 'y", "expected at least frame, x", ": export"),
        ),
        (
            lambda t: t.rename(columns={"x [nm]": "X [nm]"}),
            ("no column 'x", "expected at least frame, x", "did you mean 'X"),
        ),
        (
            lambda t: t.rename(columns={"x [nm]": "x [furlong]"}),
            ("unknown unit", "expected x in", "export"),
        ),
        (
            lambda t: t.drop(columns="sigma [nm]"),
            ("no column .*sigma", "expected", "export"),
        ),
        (
            lambda t: t.rename(columns={"intensity [photon]": "brightness [photon]"}),
            ("no column .*intensity", "expected", "export"),
        ),
        (
            lambda t: t.iloc[:0],
            ("no emitters", "expected at least one", "export"),
        ),
        (
            lambda t: t.rename(columns={"x [nm]": "y [nm]", "y [nm]": "x [nm]"}),
            ("bright where the ground truth has emitters", "expected more light", "swapped"),
        ),
    ],
    ids=[
        "no common frames", "outside", "in pixels", "missing column", "misspelt column",
        "unknown unit", "no sigma", "unknown column", "empty", "swapped",
    ],
)  # fmt: skip
def test_a_truth_that_does_not_belong(truth_reader, change, words, place, refused):
    change(truth_of(place)).to_csv(place / "t.csv", index=False)
    refused(of(truth_reader, "t.csv"), *words)


def test_decimal_commas(truth_reader, place, refused):
    truth = truth_of(place)
    truth.to_csv(place / "t.csv", index=False, decimal=",", sep=";")
    refused(of(truth_reader, "t.csv"), "separated by semicolons", "expected commas", "export it")
    text = (place / "sim.csv").read_text().splitlines()
    text[1:] = [line.replace(".", ",") for line in text[1:]]
    (place / "t.csv").write_text("\n".join(text))
    refused(of(truth_reader, "t.csv"), r"row 1 \(line 2\)", "expected as many", "decimal commas")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("none.csv", ("no file none.csv", "expected", "check the spelling")),
        ("sim.tif", ("looks like", "expected a table", "export")),
        ("late.csv", ("frames", "expected", ": ")),
        ("pixels.csv", ("px", "expected nm, or a camera", "give --camera")),
    ],
)
def test_a_table_that_cannot_be_judged(found, words, place, refused):
    truth = truth_of(place)
    truth.assign(frame=truth["frame"] + 100).to_csv(place / "late.csv", index=False)
    truth.rename(columns={"x [nm]": "x [px]"}).to_csv(place / "pixels.csv", index=False)
    refused(["evaluate", found, "sim.csv"], *words)


# Cameras and models


@pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)
def test_a_camera_whose_baseline_lies_above_the_stack(reader, place, refused):
    (place / "camera.toml").write_text(CAMERA_TOML.replace("100\nphotons", "5000\nphotons"))
    untrained(CAMERA.model_copy(update={"baseline_adu": 5000.0})).save(
        place / "model", overwrite=True
    )
    refused(of(reader, "sim.tif"), "5000 ADU lies above", "expected a baseline", "measure")


@pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)
def test_a_camera_with_another_pixel_size_than_the_file(reader, place, refused):
    (place / "camera.toml").write_text(CAMERA_TOML.replace("= 100\nbase", "= 160\nbase"))
    untrained(CAMERA.model_copy(update={"pixel_size_nm": 160.0})).save(
        place / "model", overwrite=True
    )
    said = ("pixel size of 100 nm", "the camera 160 nm", "expected the same pixel size", "correct")
    refused(of(reader, "sim.tif"), *said)


def test_a_camera_that_is_not_the_models(place, refused):
    (place / "camera.toml").write_text(CAMERA_TOML.replace("= 100\nbase", "= 160\nbase"))
    command = ["reconstruct", "sim.tif", *RECONSTRUCT, "--camera", "camera.toml"]
    said = ("pixel size of 100 nm, the camera 160 nm", "expected the same", "correct pixel_size_nm")
    refused(command, *said)


@pytest.mark.parametrize("verb", ["reconstruct", "preview"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda m: (m / "model.toml").unlink(), ("no model.toml", "did not finish")),
        (lambda m: (m / "weights.npz").unlink(), ("no weights.npz", "train again")),
        (
            lambda m: (m / "weights.npz").write_bytes((m / "weights.npz").read_bytes()[:-9]),
            ("does not match its checksum", "copy the model folder again"),
        ),
        (
            lambda m: (m / "model.toml").write_text("format_version = 9"),
            ("format version 9", "expected version 1", "train again"),
        ),
        (shutil.rmtree, ("is missing", "deep-storm train")),
    ],
    ids=["unfinished", "no weights", "cut", "format", "missing"],
)
def test_a_model_folder_that_is_none(verb, damage, words, place, refused):
    damage(place / "model")
    refused([verb, "sim.tif", "--model", "model", "-o", "new/out.png"], "expected", *words)


def test_the_general_model_needs_a_camera(refused):
    command = ["reconstruct", "sim.tif", "--model", "general", "-o", "new/out"]
    refused(command, "does not determine the camera", "expected the camera", "--camera camera.toml")


def test_camera_maps_that_do_not_fit(place, refused):
    write_camera_maps(place / "maps.tif", CameraMaps(np.full((40, 36), 100, np.float32)))
    command = ["reconstruct", "sim.tif", *RECONSTRUCT, "--camera-maps"]
    refused([*command, "maps.tif"], "maps of 36 × 40 px", "expected 40 × 36 px", "crop")
    refused([*command, "sim.tif"], "holds 4 × 36 × 40", "expected three pages", "stack the three")
    refused([*command, "sim.csv"], "looks like text", "expected a TIFF", "save it as TIFF")


# Outputs

WRITERS = {
    "simulate": (["simulate", "--config", "matched.toml", "--frames", "40", "-o", "{}"], "tif"),
    "import-simulation": (
        ["import-simulation", "sim.tif", "sim.csv", "--camera", "camera.toml", "-o", "{}"],
        "toml",
    ),
    "train": (
        ["train", "--config", "matched.toml", "--from", "none", "--steps", "1", "--batch", "1",
         "-o", "{}"],
        "folder",
    ),
    "preview": (["preview", "sim.tif", "--model", "model", "-o", "{}"], "png"),
    "reconstruct": (["reconstruct", "sim.tif", "--model", "model", "-o", "{}"], "tif"),
    "render": (["render", "sim.csv", "--method", "histogram", "-o", "{}"], "tif"),
}  # fmt: skip


@pytest.fixture(params=sorted(WRITERS))
def writer(request):
    return WRITERS[request.param]


def name_of(ending):
    return f"out.{ending}" if ending in ("png", "tif", "toml") else "out"


def test_an_output_that_exists(writer, place, refused):
    command, ending = writer
    if ending == "folder":
        shutil.copytree(place / "model", place / "out")
    else:
        (place / name_of(ending)).write_text("precious")
    # An image that Deep-STORM did not write is somebody's movie, and not for --overwrite.
    way_out = "choose another name" if ending == "tif" else "--overwrite"
    refused(of(command, name_of(ending)), "out.* exists? already", "expected", way_out)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_is_not_writable(writer, place, refused):
    command, ending = writer
    (place / "locked").mkdir(mode=0o500)
    refused(of(command, f"locked/{name_of(ending)}"), "you may not write there", ": choose")


def test_a_folder_that_may_not_be_written(writer, place, refused, monkeypatch):
    (place / "locked").mkdir()
    temporary = tempfile.TemporaryFile

    def forbidden(*arguments, dir, **options):
        if "locked" in Path(dir).parts:
            raise PermissionError(13, "Permission denied", str(dir))
        return temporary(*arguments, dir=dir, **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", forbidden)
    command, ending = writer
    refused(of(command, f"locked/{name_of(ending)}"), "you may not write there", ": choose")


def test_a_folder_that_is_a_file(writer, refused):
    command, ending = writer
    refused(of(command, f"sim.csv/{name_of(ending)}"), "a file, not a folder", ": choose")


@contextmanager
def room_for(size):
    """Let no file grow larger than that many bytes, as on a full disk."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(os.name == "nt", reason="limits as on POSIX")
@pytest.mark.parametrize("size", [0, 300])
def test_a_full_disk(writer, size, refused):
    command, ending = writer
    with room_for(size):
        refused(
            of(command, f"new/{name_of(ending)}"),
            "disk is full|file size",
            "free some space|raise the limit",
        )


@pytest.mark.skipif(os.name == "nt", reason="limits as on POSIX")
def test_a_disk_that_fills_up_in_the_middle(place, refused):
    command = ["simulate", "--config", "matched.toml", "--frames", "400", "-o", "new/sim"]
    with room_for(500_000):
        refused(command, "disk is full|file size", "free some space|raise the limit")
