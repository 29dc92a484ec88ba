"""Settings of what is made from a stack or a table, and of its judgement and speed."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, frames_setting, setting


class Reconstruction(Settings):
    """How localizations and image are made from a stack."""

    threshold: float | None = setting(
        None, "minimum confidence of a localization; default: the model's", ge=0, le=1
    )
    upsampling: int | None = setting(
        None,
        "super-resolution pixels per camera pixel, along each axis; default: the model's",
        ge=1,
        le=64,
    )
    refine: bool = setting(
        False,
        "fit the localizations of a frame together, with births, splits and deaths: more accurate, "
        "takes longer",
    )
    fits: bool = setting(
        True, "check on a sample of frames whether camera, PSF and density suit the stack"
    )
    frames: str | None = frames_setting(
        "frames to use, counted from 1, as FIRST:LAST; default: all"
    )
    chunk_frames: int | None = setting(
        None,
        "frames processed at a time; default: depends on the free memory",
        unit="frames",
        ge=1,
        le=1_000_000,
    )
    tile_px: int | None = setting(
        None,
        "size of the tiles into which large frames are cut; default: depends on the free memory",
        unit="px",
        ge=16,
        le=8192,
    )


class Watching(Settings):
    """When a movie that is still being written counts as finished."""

    quiet_seconds: float = setting(
        60.0,
        "the movie is finished when nothing new has come for this time",
        unit="s",
        gt=0,
        le=1e6,
    )
    end_marker: str = setting(
        "*.end",
        "or when a file of this name (* and ? as in a shell) appears beside the frames",
        pattern=r"^[^/\\]+$",
        form="a name without folders",
    )


class Rendering(Settings):
    """How the image is drawn."""

    method: Literal["histogram", "gaussian", "shifted-histogram"] = setting(
        "gaussian",
        "histogram (counts per pixel), gaussian (each localization as wide as its uncertainty) "
        "or shifted-histogram (average of shifted histograms)",
    )
    pixel_size_nm: float = setting(10.0, "pixel size of the image", unit="nm", gt=0, le=10_000)
    sigma_nm: float | None = setting(
        None,
        "the same width for all localizations; default: their uncertainties",
        unit="nm",
        gt=0,
        le=10_000,
    )
    shifts: int = setting(
        4,
        "shifted-histogram: size of a bin, and number of shifts along each axis",
        unit="px",
        ge=1,
        le=64,
    )
    field_nm: tuple[float, float] | None = setting(
        None, "width and height of the image; default: up to the outermost localization", unit="nm"
    )
    colour: Literal["grey", "frame", "density", "confidence"] = setting(
        "grey",
        "what the colour of a pixel encodes; its brightness always is the number of localizations",
    )
    density_sigma_nm: float = setting(
        50.0,
        "colour density: standard deviation of the Gaussian used to measure local density",
        unit="nm",
        gt=0,
        le=100_000,
    )
    depth: Literal["float32", "uint16"] = setting(
        "float32",
        "pixel type of a grey TIFF: float32 (localizations per pixel) or uint16 (scaled); "
        "colour images have 8 bits per channel",
    )


class Evaluation(Settings):
    """How a result is compared with the truth."""

    tolerance_nm: tuple[float, ...] = setting(
        (100.0, 250.0),
        "maximum distance of a localization from its emitter; several give a score each",
        unit="nm",
    )
    border_nm: float = setting(0.0, "border to be ignored on all sides", unit="nm", ge=0, le=1e6)
    frames: str | None = frames_setting(
        "frames to use, counted from 1, as FIRST:LAST; default: those of both tables"
    )
    frc_blocks: int = setting(
        20,
        "Fourier ring correlation: blocks of frames that alternate between the two images",
        unit="blocks",
        ge=2,
        le=100_000,
    )
    frc_pixel_size_nm: float | None = setting(
        None,
        "Fourier ring correlation: pixel size; default: 5 nm, or larger for images of more "
        "than 4096 px",
        unit="nm",
        gt=0,
        le=1000,
    )
    camera_pixel_size_nm: float | None = setting(
        None,
        "pixel size of the wide-field image; default: from its file",
        unit="nm",
        gt=0,
        le=10_000,
    )
