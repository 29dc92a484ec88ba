"""Wrong input gets one sentence, exit code 2 and leaves nothing behind.

Each case runs the command line as a person would; the sentence must say what was received, what
was expected and what to do.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from deep_storm.camera_maps import CameraMaps
from deep_storm.cli import main
from deep_storm.io.camera_maps import write_camera_maps

pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")
TRAIN = [
    "train", "--camera", "camera.toml", "--steps", "2", "--batch", "2", "--patch-size-px", "24",
    "-o", "new/model",
]  # fmt: skip
RECONSTRUCT = ["--model", "model", "-o", "new/out"]


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
        (half_a_file, ("ends within frame|damaged", "expected a complete", "copy the file again")),
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


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)
def test_a_camera_whose_baseline_lies_above_the_stack(reader, place, untrained, refused):
    rewrite(place / "camera.toml", "baseline_adu = 100", "baseline_adu = 5000")
    untrained(baseline_adu=5000.0).save(place / "model", overwrite=True)
    refused(of(reader, "sim.tif"), "5000 ADU lies above", "expected a baseline", "measure")


@pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)
def test_a_camera_with_another_pixel_size_than_the_file(reader, place, untrained, refused):
    rewrite(place / "camera.toml", "pixel_size_nm = 100", "pixel_size_nm = 160")
    untrained(pixel_size_nm=160.0).save(place / "model", overwrite=True)
    said = ("pixel size of 100 nm", "the camera 160 nm", "expected the same pixel size", "correct")
    refused(of(reader, "sim.tif"), *said)


def test_a_camera_that_is_not_the_models(place, refused):
    rewrite(place / "camera.toml", "pixel_size_nm = 100", "pixel_size_nm = 160")
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
