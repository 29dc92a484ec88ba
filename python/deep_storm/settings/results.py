"""Settings of reconstruction, rendering and evaluation."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting
from deep_storm.settings.frames import frames_setting


class Reconstruction(Settings):
    """How localizations and image are made from a stack."""

    threshold: float | None = setting(
        None,
        "minimum confidence of a localization; default: the model's",
        ge=0,
        le=1,
        label="Minimum confidence",
    )
    upsampling: int | None = setting(
        None,
        "super-resolution pixels per camera pixel, along each axis; default: the model's",
        ge=1,
        le=64,
        label="Super-resolution pixels per pixel",
    )
    refine: bool = setting(
        False,
        "fit the localizations of a frame together, with births, splits and deaths: more accurate, "
        "takes longer",
        label="Refine (more accurate, takes longer)",
    )
    fits: bool = setting(
        True,
        "check on a sample of frames whether camera, PSF and density fit the stack",
        label="Check that everything fits",
    )
    frames: str | None = frames_setting(
        "frames to use, counted from 1, as FIRST:LAST; default: all", label="Frames"
    )
    chunk_frames: int | None = setting(
        None,
        "frames processed at a time; default: depends on the free memory",
        unit="frames",
        ge=1,
        le=1_000_000,
        label="Frames at a time",
    )
    tile_px: int | None = setting(
        None,
        "size of the tiles into which large frames are cut; default: depends on the free memory",
        unit="px",
        ge=16,
        le=8192,
        label="Size of a tile",
    )


class Watching(Settings):
    """When a movie that is being written counts as finished."""

    quiet_seconds: float = setting(
        60.0,
        "the movie counts as finished when nothing new has arrived for this time",
        unit="s",
        gt=0,
        le=1e6,
        label="Finished after silence of",
    )
    end_marker: str = setting(
        "*.end",
        "or when a file of this name (* and ? as in a shell) appears beside the frames",
        pattern=r"^[^/\\]+$",
        form="a name without folders",
        label="Finished when there is",
    )


class Rendering(Settings):
    """How the image is drawn."""

    method: Literal["histogram", "gaussian", "shifted-histogram"] = setting(
        "gaussian",
        "histogram (counts per pixel), gaussian (each localization as wide as its uncertainty) "
        "or shifted-histogram (average of shifted histograms)",
        label="Method",
    )
    pixel_size_nm: float = setting(
        10.0, "pixel size of the image", unit="nm", gt=0, le=10_000, label="Pixel size of the image"
    )
    sigma_nm: float | None = setting(
        None,
        "the same width for all localizations; default: their uncertainties",
        unit="nm",
        gt=0,
        le=10_000,
        label="Width of a localization",
    )
    shifts: int = setting(
        4,
        "shifted-histogram: size of a bin, and number of shifts along each axis",
        unit="px",
        ge=1,
        le=64,
        label="Shifts of the histogram",
    )
    field_nm: tuple[float, float] | None = setting(
        None,
        "width and height of the image; default: up to the outermost localization",
        unit="nm",
        label="Width and height",
    )
    corner_nm: tuple[float, float] | None = setting(
        None,
        "x and y of the image's upper left corner, for a table in the coordinates of a stage; "
        "default: 0, 0",
        unit="nm",
        label="Upper left corner",
    )
    view: Literal["xy", "xz", "yz"] = setting(
        "xy",
        "direction of view: xy (from above), or from the side (xz, yz; z upwards), which needs "
        "depths. From the side, corner_nm is where the upper left corner lies along both axes",
        label="View",
    )
    slice_nm: float | None = setting(
        None,
        "thickness of slices along z: the image becomes a stack, a slice for each; default: one "
        "image",
        unit="nm",
        example=50.0,
        gt=0,
        le=100_000,
        label="Slices along z",
    )
    colour: Literal["grey", "z", "frame", "density", "confidence"] = setting(
        "grey",
        "what the colour of a pixel encodes; its brightness always is the number of localizations",
        label="Colour shows",
    )
    density_sigma_nm: float = setting(
        50.0,
        "colour density: standard deviation of the Gaussian used to measure local density",
        unit="nm",
        gt=0,
        le=100_000,
        label="Density measured over",
    )
    depth: Literal["float32", "uint16"] = setting(
        "float32",
        "pixel type of a grey TIFF: float32 (localizations per pixel) or uint16 (scaled); "
        "colour images have 8 bits per channel",
        label="Pixel type",
    )


class Evaluation(Settings):
    """How a result is compared with the truth."""

    tolerance_nm: tuple[float, ...] = setting(
        (100.0, 250.0),
        "maximum distance of a localization from its emitter; give several for a score each",
        unit="nm",
        label="Maximum distances",
    )
    axial_tolerance_nm: float | None = setting(
        None,
        "maximum difference of the depths of a localization and its emitter; needs z in both "
        "tables; default: depths do not matter",
        unit="nm",
        example=500.0,
        gt=0,
        le=100_000,
        label="Maximum difference in depth",
    )
    border_nm: float = setting(
        0.0, "border to be ignored on all sides", unit="nm", ge=0, le=1e6, label="Border to ignore"
    )
    frames: str | None = frames_setting(
        "frames to use, counted from 1, as FIRST:LAST; default: those of both tables",
        label="Frames",
    )
    frc_blocks: int = setting(
        20,
        "Fourier ring correlation: blocks of frames that alternate between the two images",
        unit="blocks",
        ge=2,
        le=100_000,
        label="Blocks of the FRC",
    )
    frc_pixel_size_nm: float | None = setting(
        None,
        "Fourier ring correlation: pixel size; default: 5 nm, or larger for images of more "
        "than 4096 px",
        unit="nm",
        gt=0,
        le=1000,
        label="Pixel size of the FRC",
    )
    camera_pixel_size_nm: float | None = setting(
        None,
        "pixel size of the wide-field image; default: from its file",
        unit="nm",
        gt=0,
        le=10_000,
        label="Pixel size of the camera",
    )
