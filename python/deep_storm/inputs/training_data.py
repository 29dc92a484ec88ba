"""Training data of ``train``: a matched simulation or an imported one, and pictures of them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.inputs.camera_maps import corrected
from deep_storm.inputs.movie import examined_movie
from deep_storm.inputs.psf import psf_with_table
from deep_storm.inputs.simulations import read_simulation
from deep_storm.io.images import write_stack
from deep_storm.io.outputs import Outputs
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.tables.writer import write_ground_truth
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.report.plots import patch_sheet, save_figure
from deep_storm.settings import Background, Emitters, Network, Psf, Settings, Training
from deep_storm.simulation.imported import check_brightness
from deep_storm.training.examples import first_patches
from deep_storm.training.schedule import settings_for
from deep_storm.training.session import Imported, Molecules, make_data
from deep_storm.words import WARNING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.model import Model

EXAMPLES = 256
"""Patches that are saved to look at."""
NO_PSF_OVER_DEPTH = (
    "the ground truth has depths, but neither a PSF file (--psf-file) nor columns sigma1 and "
    "sigma2 say what emitters look like there: the model will not give z"
)
SHOWN_FRAMES, SHOWN_PX = 4, 64
"""Frames of a movie that are shown beside simulated ones, and how much of them."""


def matched_molecules(given: dict[str, Any], start: Model | None) -> Molecules:
    """Collect the settings of the simulation: as given, or those of the model to start from.

    Raises
    ------
    SettingsError
        Something is missing.
    """
    classes: dict[str, type[Settings]] = {
        "camera": Camera,
        "psf": Psf,
        "emitters": Emitters,
        "background": Background,
    }
    values: dict[str, Any] = {}
    for name, cls in classes.items():
        value = given[name]
        if value is None and start is not None and not start.card.general:
            value = getattr(start.card, name)
        # Parsing nothing complains about the first thing that is missing.
        values[name] = cls.parse({}) if value is None else value
    table = start.table if start is not None and given["psf"] is None else None
    if table is None:
        values["psf"], table = psf_with_table(values["psf"], values["camera"])
    return Molecules(**values, table=table)


def imported_simulation(
    simulation: tuple[Path | str, Path | str],
    given: dict[str, Any],
    start: Model | None,
    with_maps: bool = False,
) -> tuple[Imported, Molecules]:
    """Open an imported simulation and compute its statistics.

    ``with_maps``: as :func:`~deep_storm.inputs.simulations.read_simulation` takes it.

    Raises
    ------
    SettingsError
        More than the camera was given beside it.
    StackError, TableError, CameraError
        It cannot be used.
    """
    psf = given["psf"]
    extra = [name for name in ("emitters", "background") if given[name] is not None]
    if psf is not None and not psf.psf_file:
        extra = ["psf", *extra]
    if extra:
        raise SettingsError(
            f"settings of {', '.join(extra)} together with --simulation",
            "only the camera and a PSF file: everything else comes from the ground truth",
            "leave them out, or leave --simulation out to train on a matched simulation",
        )
    camera = given["camera"] or (
        start.card.camera if start is not None and not start.card.general else None
    )
    stack, truth = simulation
    found = read_simulation(stack, truth, camera, psf, with_maps)
    if found.camera is None:
        raise CameraError(
            f"the camera of {stack} is unknown",
            "a camera",
            "give --camera camera.toml, or keep ThunderSTORM's protocol beside the table",
        )
    matched = found.matched
    if found.psf_table is None and matched.psf.spread_in_depth_nm > 0:
        warnings.warn(NO_PSF_OVER_DEPTH, stacklevel=2)
        flat = matched.psf.model_copy(update={"depth_std_nm": 0.0, "depth_reach_nm": 0.0})
        matched = matched._replace(psf=flat)
    molecules = Molecules(found.camera, *matched, table=found.psf_table)
    return Imported(open_frames(stack), found.table), molecules


def corrected_simulation(imported: Imported, molecules: Molecules) -> Imported:
    """Return an imported simulation as if all pixels of its camera were alike.

    Raises
    ------
    CameraError
        The maps are not those of the frames, or with them the frames have another brightness than
        the ground truth says.
    """
    if molecules.maps is None:
        return imported
    stream = corrected(imported.stream, molecules.camera, molecules.maps)
    check_brightness(imported.truth, stream, molecules.camera)
    return replace(imported, stream=stream)


def training_set_outputs(stem: Path | str | None, overwrite: bool) -> Outputs:
    """Return the files that show a training set: patches, their emitters, a picture."""
    endings = {"patches": ".tif", "truth": ".csv", "picture": ".png"}
    return Outputs.of(stem, endings, name="training_set", tail="training_set", overwrite=overwrite)


def write_training_set(
    outputs: Outputs,
    molecules: Molecules,
    imported: Imported | None,
    network: Network,
    training: Training,
) -> None:
    """Write the first training patches: stack, ground truth and a picture of some.

    Raises
    ------
    OutputError
        A file exists already or cannot be written.
    """
    if not outputs:
        return

    camera = molecules.camera
    scales = Scales.matching(camera, molecules.psf, molecules.emitters, molecules.background)
    settings = settings_for(make_network(network), training)
    shown = first_patches(make_data(molecules, scales, settings, imported), EXAMPLES)
    overwrite = outputs.overwrite
    with outputs.writing("patches") as path:
        write_stack(path, shown.stack, camera.pixel_size_nm, overwrite)
    with outputs.writing("truth") as path:
        write_ground_truth(path, shown.truth, camera, overwrite)
    figure = patch_sheet(shown.stack, shown.truth, camera.pixel_size_nm)
    with outputs.writing("picture") as path:
        save_figure(figure, path, overwrite)


def frames_of_movie(
    movie: Path | str | npt.NDArray[np.generic], camera: Camera, trust_camera: bool = False
) -> npt.NDArray[np.generic]:
    """Return the middle of a few frames of a movie, (n, y, x) in ADU, and warn if it is unusual.

    Raises
    ------
    StackError
        The movie cannot be read.
    CameraError
        It has other pixels than the camera, or another noise.
    """
    with open_frames(movie) as stream:
        for note in examined_movie(stream, camera, trust_camera).notes:
            warnings.warn(note.removeprefix(WARNING), stacklevel=2)
        count, height, width = stream.shape
        first = max(0, (count - SHOWN_FRAMES) // 2)
        frames = stream.read(first, min(first + SHOWN_FRAMES, count))
    rows, columns = (
        slice(max(0, (n - SHOWN_PX) // 2), (n + SHOWN_PX) // 2) for n in (height, width)
    )
    return frames[:, rows, columns]
