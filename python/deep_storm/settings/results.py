"""Settings of what is made from a stack or a table, and of its judgement and speed."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, frames_setting, setting


class Reconstruction(Settings):
    """How a stack is turned into localizations and an image."""

    threshold: float | None = setting(
        None, "least confidence of a localization; default: the one stored in the model", ge=0, le=1
    )
    upsampling: int | None = setting(
        None,
        "super-resolution pixels along one camera pixel; default: the model's",
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
        "frames to use, 1-based and inclusive, as FIRST:LAST; default: all"
    )
    chunk_frames: int | None = setting(
        None,
        "frames in memory at a time; default: from the free memory",
        unit="frames",
        ge=1,
        le=1_000_000,
    )
    tile_px: int | None = setting(
        None,
        "edge of the tiles that a large frame is cut into; default: from the free memory",
        unit="px",
        ge=16,
        le=8192,
    )


class Watching(Settings):
    """When a movie that is watched while it is written is finished."""

    quiet_seconds: float = setting(
        60.0, "time without anything new after which it is finished", unit="s", gt=0, le=1e6
    )
    end_marker: str = setting(
        "*.end",
        "name of a file (* and ? as in a shell) that says so when it appears beside the frames",
        pattern=r"^[^/\\]+$",
        form="a name without folders",
    )


class Rendering(Settings):
    """How a table is drawn as an image."""

    method: Literal["histogram", "gaussian", "shifted-histogram"] = setting(
        "gaussian",
        "histogram (one count per localization), gaussian (each as wide as its uncertainty) or "
        "shifted-histogram (mean of histograms shifted by whole pixels)",
    )
    pixel_size_nm: float = setting(10.0, "pixel size of the image", unit="nm", gt=0, le=10_000)
    sigma_nm: float | None = setting(
        None,
        "same width for every localization; default: its own uncertainty",
        unit="nm",
        gt=0,
        le=10_000,
    )
    shifts: int = setting(4, "pixels along a bin of the shifted-histogram", unit="px", ge=1, le=64)
    field_nm: tuple[float, float] | None = setting(
        None, "width and height of the image; default: up to the farthest localization", unit="nm"
    )
    colour: Literal["grey", "frame", "density", "confidence"] = setting(
        "grey", "what the hue of a pixel tells; its brightness is the number of localizations"
    )
    density_sigma_nm: float = setting(
        50.0,
        "standard deviation of the Gaussian by which neighbours count for colour density",
        unit="nm",
        gt=0,
        le=100_000,
    )
    depth: Literal["float32", "uint16"] = setting(
        "float32",
        "numbers in a TIFF: localizations per pixel, or scaled to 16 bits; colours have 3 × 8",
    )


class Evaluation(Settings):
    """How a table is compared with the truth."""

    tolerance_nm: tuple[float, ...] = setting(
        (100.0, 250.0), "largest distance of a match", unit="nm"
    )
    border_nm: float = setting(
        0.0, "width of the border that is left out on all sides", unit="nm", ge=0, le=1e6
    )
    frames: str | None = frames_setting(
        "frames to use, 1-based and inclusive, as FIRST:LAST; default: those of both tables"
    )
    frc_blocks: int = setting(
        20,
        "blocks that the frames are cut into; every other one makes an image for the FRC",
        unit="blocks",
        ge=2,
        le=100_000,
    )
    frc_pixel_size_nm: float | None = setting(
        None,
        "pixel size of these two images; default: 5 nm, or what makes them 4096 px wide",
        unit="nm",
        gt=0,
        le=1000,
    )
    camera_pixel_size_nm: float | None = setting(
        None,
        "pixel size of the wide-field image; default: as its file says",
        unit="nm",
        gt=0,
        le=10_000,
    )
