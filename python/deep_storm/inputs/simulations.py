"""Simulations that another program made: a stack with its ground truth, checked and described."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, PsfError
from deep_storm.estimation.border import ends_at_border
from deep_storm.estimation.matching import Matched, match_settings, with_one_sigma
from deep_storm.estimation.truth_psf import astigmatic_psf, check_direction, lit_frames
from deep_storm.inputs.psf import psf_with_table
from deep_storm.inputs.tables import TableSource, table_of
from deep_storm.io.camera_files import check_camera
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.sampled import mean_frame
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.io.tables.protocol import find_protocol, read_protocol
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Psf
from deep_storm.simulation.imported import check_brightness, check_truth


@dataclass(frozen=True)
class ReadSimulation:
    """A stack with its ground truth.

    Attributes
    ----------
    shape, pixel_size_nm
        Of the stack: frames, height, width.
    table
        The ground truth.
    camera
        As given, or as the protocol beside the files says; None when neither is there.
    camera_origin
        Where the camera comes from, in words.
    matched
        Settings of a simulation that looks like this one.
    psf_table
        The PSF over depth: as given, or as the widths in the ground truth say; None where neither
        tells it.
    """

    shape: tuple[int, int, int]
    pixel_size_nm: float
    table: pd.DataFrame
    camera: Camera | None
    camera_origin: str
    matched: Matched
    psf_table: PsfTable | None = None


def read_simulation(
    stack: Path | str | npt.NDArray[np.generic],
    truth: TableSource,
    camera: Camera | None = None,
    psf: Psf | None = None,
    with_maps: bool = False,
) -> ReadSimulation:
    """Check that a ground truth belongs to a stack, and describe both.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x).
    truth
        Ground truth (CSV), or a table in memory.
    camera
        By default as ThunderSTORM's protocol beside the table or the stack says.
    psf
        Names the file of the PSF that the frames were made with, if known.
    with_maps
        Whether camera maps will correct the frames, whose brightness is to be checked after that.

    Raises
    ------
    StackError
        The stack cannot be read.
    TableError
        The truth cannot be read, or does not belong to the stack.
    CameraError
        The camera contradicts the stack, or nothing says how large a pixel is.
    PsfError, SettingsError
        The PSF cannot be read, has other pixels, not the depths of the truth, or runs against them.
    """
    origin = "as given"
    if camera is None:
        camera, origin = _camera_beside(truth, stack)
    with open_frames(stack) as stream:
        if camera is not None:
            check_camera(camera, stream)
        table = table_of(truth, "ground truth", camera)
        frames, height, width = stream.shape
        pixel_size_nm = _pixel_size_nm(camera, stream)
        check_truth(table, stream, pixel_size_nm)
        given, shape = None, None
        if camera is not None:
            if not with_maps:
                check_brightness(table, stream, camera)
            given, shape = (None, None) if psf is None else psf_with_table(psf, camera)
            if shape is None:
                shape = _psf_over_depth(table, stream, camera)
            elif _has_depths(table):
                _check_depths(table, shape, stream, camera)
        mean_photon = None if camera is None else camera.photons(mean_frame(stream))
    table = _with_sigma(table, shape)
    field_um2 = height * width * (pixel_size_nm / 1000.0) ** 2
    matched = match_settings(table, field_um2, frames)
    if shape is not None:
        known = {"sigma_nm": round(shape.effective_sigma_nm, 3), "sigma_std_nm": 0.0}
        file = {} if given is None else {"psf_file": given.psf_file}
        matched = matched._replace(psf=matched.psf.model_copy(update=known | file))
    if mean_photon is not None:
        matched = _bordered(matched, mean_photon, pixel_size_nm)
    return ReadSimulation(
        (frames, height, width), pixel_size_nm, table, camera, origin, matched, shape
    )


def _bordered(
    matched: Matched, mean_photon: npt.NDArray[np.floating], pixel_size_nm: float
) -> Matched:
    """Note whether there are emitters beyond the border, of which a ground truth says nothing."""
    background_photon = matched.background.background_photon
    sigma_px = matched.psf.sigma_nm / pixel_size_nm
    beyond = not ends_at_border(mean_photon, background_photon, sigma_px)
    return matched._replace(emitters=matched.emitters.model_copy(update={"beyond_border": beyond}))


def _has_depths(truth: pd.DataFrame) -> bool:
    return "z_nm" in truth.columns and bool(truth["z_nm"].notna().all())


def _psf_over_depth(truth: pd.DataFrame, stream: FrameStream, camera: Camera) -> PsfTable | None:
    """Return the PSF over depth that the truth and the frames tell."""
    if not _has_depths(truth):
        return None
    return astigmatic_psf(truth, lit_frames(truth, stream, camera), camera.pixel_size_nm)


def _check_depths(
    truth: pd.DataFrame, shape: PsfTable, stream: FrameStream, camera: Camera
) -> None:
    """Check that a PSF has the depths of a truth, and runs the same way."""
    low, high = float(shape.z_nm[0]), float(shape.z_nm[-1])
    nearest, farthest = float(truth["z_nm"].min()), float(truth["z_nm"].max())
    if len(shape.z_nm) == 1 or max(abs(nearest), abs(farthest)) > min(-low, high) + 0.5:
        depths = "without depth" if len(shape.z_nm) == 1 else f"from {low:.0f} to {high:.0f} nm"
        raise PsfError(
            f"a ground truth with depths from {nearest:.0f} to {farthest:.0f} nm, and a PSF "
            f"{depths}",
            "a PSF that covers the depths on both sides of the focus",
            "compute or calibrate it over a larger range, or leave out rows of the ground truth "
            "and their frames",
        )
    check_direction(shape, lit_frames(truth, stream, camera))


def _with_sigma(truth: pd.DataFrame, shape: PsfTable | None) -> pd.DataFrame:
    """Return the truth with one sigma for each emitter; a PSF says it where the truth does not."""
    truth = with_one_sigma(truth)
    if "sigma_nm" in truth.columns or shape is None or not _has_depths(truth):
        return truth
    return truth.assign(sigma_nm=shape.sigma_at_nm(truth["z_nm"].to_numpy(np.float64)))


def _camera_beside(*sources: object) -> tuple[Camera | None, str]:
    """Find ThunderSTORM's protocol beside one of the files."""
    for source in sources:
        path = find_protocol(source) if isinstance(source, (str, Path)) else None
        if path is not None:
            return read_protocol(path), f"as {path.name} says"
    return None, "unknown: give --camera camera.toml, no protocol lies beside the files"


def _pixel_size_nm(camera: Camera | None, stream: FrameStream) -> float:
    """Return the pixel size that the camera or the file says."""
    pixel_size_nm = camera.pixel_size_nm if camera is not None else stream.pixel_size_nm
    if pixel_size_nm is None:
        raise CameraError(
            f"the pixel size of {stream.name} is unknown",
            "a camera, or a scale in the file",
            "give --camera camera.toml, or set the scale in Fiji (Image > Properties...)",
        )
    return pixel_size_nm
