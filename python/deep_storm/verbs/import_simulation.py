"""``import-simulation``: a ThunderSTORM simulation checked and described."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.config import write_config
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.words import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.psf.table import PsfTable


@dataclass(frozen=True, repr=False)
class ImportResult(Shown):
    """A stack with its ground truth, described.

    Attributes
    ----------
    frames, height_px, width_px, pixel_size_nm
        Size of the stack.
    emitters
        Emitters in all frames.
    camera
        As given, or as the protocol beside the files says; None when neither is there.
    camera_origin
        Where the camera comes from, in words.
    psf, emitter_settings, background
        Settings of a simulation that looks like this one.
    psf_table
        The PSF over depth, where the ground truth says it; else None.
    written
        The configuration file and the PSF, if any.
    """

    frames: int
    height_px: int
    width_px: int
    pixel_size_nm: float
    emitters: int
    camera: Camera | None
    camera_origin: str
    psf: Psf
    emitter_settings: Emitters
    background: Background
    psf_table: PsfTable | None = None
    written: tuple[Path, ...] = ()

    def summary(self) -> str:
        """Return a few lines about the simulation."""
        psf, emitters, background = self.psf, self.emitter_settings, self.background
        return "\n".join(
            [
                f"Stack       {counted(self.frames, 'frame')} of {self.width_px} × "
                f"{self.height_px} px, "
                f"{self.pixel_size_nm:g} nm pixels",
                f"Camera      {self.camera_origin}",
                f"Emitters    {self.emitters / self.frames:.1f} per frame, "
                f"{emitters.density_per_um2:g} ± {emitters.density_std_per_um2:g} per µm²",
                f"Photons     {emitters.intensity_photon:g} ± {emitters.intensity_std_photon:g}",
                f"PSF sigma   {psf.sigma_nm:g} ± {psf.sigma_std_nm:g} nm",
                *([_depth_line(self)] if psf.spread_in_depth_nm > 0 else []),
                f"Background  {background.background_photon:g} ± "
                f"{background.background_std_photon:g} photons per pixel",
                "The ground truth fits the stack.",
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return the size and the settings, one object for each section."""
        return {
            "frames": self.frames,
            "height_px": self.height_px,
            "width_px": self.width_px,
            "pixel_size_nm": self.pixel_size_nm,
            "emitters_per_frame": self.emitters / self.frames,
            "camera_origin": self.camera_origin,
            **self.sections(),
        }

    def sections(self) -> dict[str, dict[str, Any]]:
        """Return the settings as a configuration file has them."""
        settings = (self.camera, self.psf, self.emitter_settings, self.background)
        return {type(s).__name__.lower(): s.model_dump() for s in settings if s is not None}


def _depth_line(result: ImportResult) -> str:
    psf = result.psf
    depths = f"up to ± {psf.depth_reach_nm:g} nm"
    if psf.depth_std_nm > 0:
        depths = f"± {psf.depth_std_nm:g} nm (standard deviation)"
    if result.psf_table is None:
        return f"Depth       {depths}: train with the PSF over depth (--psf-file)"
    return f"Depth       {depths}; the two widths in the ground truth give the PSF over depth"


@verb(
    "check and describe a simulation made by ThunderSTORM",
    Argument("stack", "stack of frames (TIFF)", label="Movie"),
    Argument("truth", "ground truth (CSV)", label="Ground truth"),
    Argument(
        "output",
        "settings file (TOML) to write: the camera, and a simulation that matches; with the PSF "
        "(-psf.toml) beside it where the ground truth gives it over depth",
        writes=True,
        label="Save as",
    ),
    camera=Camera,
)
def import_simulation(
    stack: Path | str | npt.NDArray[np.generic],
    truth: TableSource,
    *,
    output: Path | str | None = None,
    camera: Camera | None = None,
    overwrite: bool = False,
) -> ImportResult:
    """Check that a ground truth belongs to a stack, and describe both.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x).
    truth
        Ground truth (CSV), or a table in memory.
    output
        Configuration file to write, for ``train --config`` and ``simulate --config``. Where the
        ground truth has the two widths of an astigmatic PSF (``sigma1``, ``sigma2``) and ``z``, the
        PSF over depth is written beside it (``NAME-psf.toml``, ``-psf.npz``) and named in it.
    camera
        By default as ThunderSTORM's protocol beside the table or the stack says.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    StackError
        The stack cannot be read.
    TableError
        The truth cannot be read, or does not belong to the stack.
    CameraError
        The camera contradicts the stack, or nothing says how large a pixel is.
    OutputError
        The file exists already or cannot be written.
    """
    from deep_storm.inputs.simulations import read_simulation  # numba, pandas, scipy

    outputs = Outputs.of(
        output,
        {"settings": ".toml", "psf": "-psf.toml", "values": "-psf.npz"},
        name=f"{name_of(stack, 'simulation')}_matched",
        tail="matched",
        overwrite=overwrite,
        any_ending=True,
    )
    outputs.check()
    found = read_simulation(stack, truth, camera)
    result = ImportResult(
        *found.shape,
        found.pixel_size_nm,
        len(found.table),
        found.camera,
        found.camera_origin,
        *found.matched,
        psf_table=found.psf_table,
    )
    if outputs:
        result = _written(result, outputs)
    return replace(result, written=outputs.written)


def _written(result: ImportResult, outputs: Outputs) -> ImportResult:
    """Write the settings; they name the PSF beside them, if there is one."""
    beside = result
    if result.psf_table is not None:
        from deep_storm.io.psf_files import write_psf  # numba, scipy

        with outputs.writing("values"), outputs.writing("psf") as path:
            write_psf(path, result.psf_table, outputs.overwrite)
        beside = replace(result, psf=result.psf.model_copy(update={"psf_file": path.name}))
        whole = str(path.resolve())
        result = replace(result, psf=result.psf.model_copy(update={"psf_file": whole}))
    with outputs.writing("settings") as path:
        write_config(path, beside.sections(), outputs.overwrite)
    return result
