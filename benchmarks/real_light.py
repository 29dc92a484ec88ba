"""Accuracy on frames as a microscope makes them: aberrated, in depth, on uneven background.

    python benchmarks/real_light.py                    # all sets, blind and with the PSF known
    python benchmarks/real_light.py --sets airy_d1.5 --ways known --refine

Sets: the movies of ``../shared/realistic`` (a physical simulator; its README says what each is).
The camera is given as that page describes it. Ways: ``blind`` (nothing else is given: PSF, photons,
background and density are estimated from the movie), ``known`` (the PSF of the simulator's pupil,
and photons, background and density from the truth table: what a perfect estimate would give),
``trained`` (blind, then ``--minutes`` or ``--steps`` of training on matched light), ``classic``
(the published network, trained from nothing on that light for as long), ``limit`` (no search: a
joint fit that starts at the truth, with the true PSF; ``limit.py``; and where molecules stay on,
``limit, 3 frames``: the same molecule's fits in a frame and in those beside it, averaged).

True emitters below 100 photons cannot be seen: they are left out of both sides of the count, and so
are localizations that are matched to one. Thresholds and confidences come from simulation, never
from these frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from limit import prior_for, settled
from scipy.spatial import cKDTree

import deep_storm as ds
from deep_storm.inference.refining import map_frames
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.frames import open_frames
from deep_storm.model import Model
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.psf.pupil import pupil_table
from deep_storm.quality.calibration import calibration_error
from deep_storm.quality.matching import match_points, points_of
from deep_storm.settings import (
    Background,
    Device,
    Emitters,
    Network,
    Psf,
    Pupil,
    Reconstruction,
    Training,
)
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules, train_model

DATA = Path(__file__).resolve().parents[2] / "shared" / "realistic"
MIN_PHOTON = 100.0
TOLERANCE_NM = 100.0
CLOSE_NM = 50, 100, 200
DEPTHS_NM = np.linspace(-600.0, 600.0, 13)


class Light(NamedTuple):
    """What the description of a movie says of its light."""

    aberrations: dict[str, float]
    depth_std_nm: float
    background: dict[str, float]
    read_noise_photon: float = 0.0
    structure: str = "uniform"
    on_time_frames: float = 0.0
    response_std: float = 0.0


SETS = {
    "airy_d1.5": Light({}, 0.0, {"background_photon": 20.0}),
    "aberrated_d1": Light(
        {
            "astigmatism_waves": -0.04,
            "horizontal_coma_waves": -0.05,
            "spherical_waves": 0.06,
            "oblique_trefoil_waves": -0.03,
        },
        0.0,
        {"background_photon": 20.0},
    ),
    "depth_d1": Light({"spherical_waves": 0.05}, 180.0, {"background_photon": 20.0}),
    "background_d1": Light(
        {}, 0.0, {"background_photon": 45.0, "unevenness": 0.4, "haze_per_um2": 0.8}
    ),
    "blinking_d1": Light(
        {}, 0.0, {"background_photon": 20.0}, 2.0, on_time_frames=2.5, response_std=0.05
    ),
    "everything_filaments": Light(
        {
            "astigmatism_waves": 0.03,
            "horizontal_coma_waves": -0.04,
            "spherical_waves": 0.05,
        },
        150.0,
        {"background_photon": 30.0, "unevenness": 0.35, "haze_per_um2": 0.4},
        2.0,
        "filaments",
        2.0,
        0.05,
    ),
}


def camera_of(light: Light) -> ds.Camera:
    """Return the camera as it is described; an sCMOS camera's pixels are not known one by one."""
    return ds.Camera(
        pixel_size_nm=100.0,
        baseline_adu=100.0,
        photons_per_adu=0.5,
        read_noise_adu=light.read_noise_photon / 0.5,
    )


def known_molecules(light: Light, truth: pd.DataFrame, frames: int) -> Molecules:
    """Return what a perfect estimate would say."""
    pupil = Pupil(
        numerical_aperture=1.4,
        wavelength_nm=670.0,
        immersion_index=1.515,
        apodization="aplanatic",
        **light.aberrations,
    )
    # The simulator's origin is the pupil's: where the emitter is, not the brightest place.
    table = pupil_table(pupil, 100.0, DEPTHS_NM, refocused=False)
    seen = truth["intensity_photon"] >= MIN_PHOTON
    photons = truth["intensity_photon"]
    return Molecules(
        camera_of(light).model_copy(update={"response_std": light.response_std}),
        Psf(
            sigma_nm=table.effective_sigma_nm,
            sigma_std_nm=3.0 if light.depth_std_nm == 0 else 15.0,
            depth_std_nm=light.depth_std_nm,
        ),
        Emitters(
            density_per_um2=float(seen.sum()) / frames / 6.4**2,
            intensity_photon=float(photons.mean()),
            intensity_std_photon=float(photons.std()),
            spread="gamma",
            structure=light.structure,
            seen_frames=light.on_time_frames + 1.0,  # the photons are those of all rows
            beyond_border=False,  # the frames get darker towards it
        ),
        Background(**light.background),
        table=table,
    )


def read_truth(path: Path) -> pd.DataFrame:
    """Return frame (from 0), x, y, z (nm) and photons of the true emitters, frame by frame."""
    table = pd.read_csv(path)
    table.columns = [c.split(" ")[0] for c in table.columns]
    truth = pd.DataFrame(
        {
            "frame": table["frame"] - 1,
            "x_nm": table["x"],
            "y_nm": table["y"],
            "z_nm": table["z"],
            "intensity_photon": table["intensity"],
        }
    )
    return truth.sort_values("frame", kind="stable", ignore_index=True)


def scored(table: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    """Return the scores of a table; invisible emitters and what is matched to them do not count."""
    matches = match_points(points_of(table), points_of(truth), TOLERANCE_NM)
    visible = (truth["intensity_photon"] >= MIN_PHOTON).to_numpy()
    counts = visible[matches.emitter]
    kept = np.ones(len(table), bool)
    kept[matches.localization[~counts]] = False
    correct = np.zeros(len(table), bool)
    correct[matches.localization[counts]] = True
    right = int(counts.sum())
    distance = matches.distance_nm[counts]
    stated = table["uncertainty_xy_nm"].to_numpy()[matches.localization[counts]]
    rows = table.iloc[matches.localization[counts]]
    true = truth.iloc[matches.emitter[counts]]
    return {
        "Jaccard": right / (kept.sum() + visible.sum() - right),
        "precision": right / kept.sum(),
        "recall": right / visible.sum(),
        "RMSE": float(np.sqrt(np.mean(distance**2))),
        "bias x": float(np.mean(rows["x_nm"].to_numpy() - true["x_nm"].to_numpy())),
        "bias y": float(np.mean(rows["y_nm"].to_numpy() - true["y_nm"].to_numpy())),
        "ECE": calibration_error(table["confidence"].to_numpy()[kept], correct[kept]),
        "err/unc": float(np.sqrt(np.mean(distance**2 / 2.0 / stated**2))),
    }


def limit_of(path: Path, known: Molecules, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the table of a fit that starts at the truth, with the true PSF."""
    camera, nm = known.camera, known.camera.pixel_size_nm
    prior = prior_for(camera, known.psf, known.emitters, known.table)
    names = ["x_nm", "y_nm", "intensity_photon", "z_nm"]
    start = truth[names].to_numpy() / (nm, nm, 1.0, nm)
    frame = truth["frame"].to_numpy()
    rise = camera.read_noise_photon**2 / prior.excess
    level = known.background.background_photon
    with open_frames(path) as stream:
        photons = camera.photons(stream.read(0, stream.shape[0]))

    def places(number: int) -> npt.NDArray[np.float64]:
        return settled(photons[number], start[frame == number], rise, level, prior)[:, :2] * nm

    found = np.concatenate(map_frames(places, np.unique(frame).tolist()))
    table = pd.DataFrame({"frame": frame, "x_nm": found[:, 0], "y_nm": found[:, 1]})
    return table.assign(confidence=1.0, uncertainty_xy_nm=np.nan)


def crowded(truth: pd.DataFrame) -> str:
    """Say how many of the visible emitters have another one close to them in their frame."""
    visible = truth[truth["intensity_photon"] >= MIN_PHOTON]
    frames = (frame[["x_nm", "y_nm"]].to_numpy() for _, frame in visible.groupby("frame"))
    nearest = [cKDTree(places).query(places, k=2)[0][:, 1] for places in frames]  # inf: alone
    distance_nm = np.concatenate(nearest)
    shares = (f"{np.mean(distance_nm < nm):.3f} within {nm} nm" for nm in CLOSE_NM)
    return "have another one in their frame: " + ", ".join(shares)


def averaged(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return fits from the truth, each averaged with those of its molecule in the frames beside."""
    places = ["x_nm", "y_nm"]
    rows = table.assign(photons=truth["intensity_photon"], molecule=truth.groupby(places).ngroup())
    sums = []
    for step in (-1, 0, 1):
        other = rows.assign(frame=rows["frame"] + step).set_index(["molecule", "frame"])
        weighted = other[places].mul(other["photons"], axis=0).assign(photons=other["photons"])
        sums.append(weighted.reindex(pd.MultiIndex.from_frame(rows[["molecule", "frame"]])))
    total = np.nansum([part.to_numpy() for part in sums], axis=0)
    return table.assign(x_nm=total[:, 0] / total[:, 2], y_nm=total[:, 1] / total[:, 2])


def model_for(way: str, light: Light, name: str, truth: pd.DataFrame, training: Training) -> Model:
    """Return a model that is ready for a set."""
    general = ds.Model.load("general")
    with open_frames(DATA / f"{name}.tif") as stream:
        if way == "known":
            return adapted(general, known_molecules(light, truth, stream.shape[0]))
        movie = examined_movie(stream, camera_of(light))
        blind = ready_model(general, Expected(movie.camera), movie, measure_psf=True).model
        if way == "blind":
            return blind
        card, noise = blind.card, movie.frames.noise
        found = card.camera, card.psf, card.emitters, card.background
        molecules = Molecules(*found, maps=noise, table=blind.table)
    if way == "classic":
        return train_model(molecules, Network(network="classic"), training, Device())[0]
    return train_model(molecules, Network(), training, Device(), start=general)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=("blind", "known", "trained", "classic", "limit"),
        default=["blind", "known", "limit"],
    )
    parser.add_argument("--refine", action="store_true", help="with refinement too")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training")
    parser.add_argument("--steps", type=int, help="of training, instead of minutes")
    options = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"{DATA} is not there: these movies do not come with the project")
    quiet_tensorflow()
    training = Training(minutes=options.minutes, steps=options.steps)
    heads: list[str] = []
    for name in options.sets:
        truth = read_truth(DATA / f"{name}_gt.csv")
        for way in options.ways:
            try:
                found = list(tables(way, name, truth, training, options.refine))
            except ds.DeepStormError as error:
                print(f"{name:21} {way:15} {error}", flush=True)
                continue
            for label, table in found:
                values = scored(table, truth)
                if not heads:
                    heads = list(values)
                    print(f"{'set':21} {'way':15}" + "".join(f"{h:>10}" for h in heads))
                row = "".join(f"{v:10.3f}" for v in values.values())
                print(f"{name:21} {label:15}{row}", flush=True)
            if way == "limit":
                print(f"{name:21} molecules that {crowded(truth)}", flush=True)


def tables(
    way: str, name: str, truth: pd.DataFrame, training: Training, refine: bool
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield what each way finds in a set: its name and its table."""
    path, light = DATA / f"{name}.tif", SETS[name]
    if way == "limit":
        with open_frames(path) as stream:
            known = known_molecules(light, truth, stream.shape[0])
        found = limit_of(path, known, truth)
        yield way, found
        if light.on_time_frames > 0:
            yield f"{way}, 3 frames", averaged(found, truth)
        return
    model = model_for(way, light, name, truth, training)
    for refined in (False, True)[: 1 + refine]:
        result = ds.reconstruct(path, model=model, settings=Reconstruction(refine=refined))
        yield way + "+refine" * refined, result.table


if __name__ == "__main__":
    main()
