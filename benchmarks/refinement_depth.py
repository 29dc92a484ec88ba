"""What refinement costs with depth, with a PSF table of one plane, and with a Gaussian.

    python benchmarks/refinement_depth.py
    python benchmarks/refinement_depth.py --density 3.3 --frames 40 --rounds 1

Frames of 64 x 64 px are simulated with the settings of ``depth.py``: a cylindrical lens; its PSF in
focus as a table that emitters stretch; and the Gaussian that comes closest to it. No network is
needed: proposals lie beside the truth, the farther the closer the nearest neighbour is; there, some
are missing, unsure, or on the wrong side of the focus, and a few are of no emitter.

All three are refined in turns, in one thread. Printed are processor time for a frame and for a
localization, its multiple of the Gaussian's, Jaccard index (in depth within 250 nm laterally and
500 nm axially, else within 100 nm) and RMSE along one axis of what has a log evidence above 2.
With another version's ``python`` folder in ``PYTHONPATH`` the same frames tell what has changed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from depth import AXIAL_NM, BACKGROUND, CAMERA, LATERAL_NM, PHOTONS, REACH_NM, molecules, psf_table

from deep_storm.camera_maps import photons_from
from deep_storm.inference.refining import refiner_for
from deep_storm.psf.table import PsfTable
from deep_storm.quality.matching import Points, match_points
from deep_storm.refinement.refiner import Proposals, Refined
from deep_storm.settings import Psf
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.session import Molecules

SIZE_PX, BATCH = 64, 8
MIN_EVIDENCE, TOLERANCE_NM = 2.0, 100.0
SIGMA_STD_NM = 8.0


class Frame(NamedTuple):
    """A simulated frame: photons, true places ``(n, 3)`` in px, and proposals."""

    photons: Any
    xyz_px: Any
    proposals: Proposals


def proposed(xyz_px: Any, shape: float | None, rng: np.random.Generator) -> Proposals:
    """Return proposals beside the truth; ``shape``: the usual one, None for depth."""
    n = len(xyz_px)
    apart = np.linalg.norm(xyz_px[:, None, :2] - xyz_px[None, :, :2], axis=2)
    np.fill_diagonal(apart, np.inf)
    crowd = np.exp(-0.5 * (apart.min(axis=1, initial=np.inf) / 2.5) ** 2)
    kept = rng.random(n) >= 0.15 * crowd
    unsure, wrong = (rng.random(n) < share * crowd for share in (0.2, 0.15))
    confidence = np.where(unsure, rng.uniform(0.1, 0.5, n), rng.uniform(0.7, 1.0, n))
    off_px = 0.12 * (1.0 + 3.0 * crowd)
    places = np.clip(xyz_px[:, :2] + rng.normal(0.0, off_px, (2, n)).T, 0.0, SIZE_PX - 1e-3)
    spread_px = 0.4 * (1.0 + 2.5 * crowd)
    z_px = np.where(wrong, -xyz_px[:, 2], xyz_px[:, 2]) + rng.normal(0.0, spread_px)
    false = rng.poisson(0.03 * n)
    z_px = np.concatenate([np.clip(z_px, -4.5, 4.5)[kept], np.zeros(false)])
    known = np.concatenate([np.where(wrong, 2.0, spread_px)[kept], np.full(false, 3.0)])
    count = z_px.size
    places = np.concatenate([places[kept], rng.uniform(0.0, SIZE_PX, (false, 2))])
    return Proposals(
        places[:, 0].copy(),
        places[:, 1].copy(),
        PHOTONS * rng.normal(1.0, 0.05, count),
        z_px if shape is None else np.full(count, shape),
        BACKGROUND * rng.normal(1.0, 0.1, count),
        np.concatenate([confidence[kept], rng.uniform(0.05, 0.4, false)]),
        known if shape is None else np.full(count, np.inf),
    )


def molecules_at(density: float) -> Molecules:
    """Return those of ``depth.py`` at a density, each on in one frame only."""
    known = molecules("MD", psf_table())
    update = {"density_per_um2": density, "seen_frames": 1.0, "beyond_border": True}
    return replace(known, emitters=known.emitters.model_copy(update=update))


def simulated(
    psf: Psf, table: PsfTable | None, density: float, frames: int, seed: int
) -> list[Frame]:
    """Return frames with emitters in depth where the table has it."""
    known, rng = molecules_at(density), np.random.default_rng(3)
    simulator = PatchSimulator(
        CAMERA, psf, known.emitters, known.background, patch_size_px=SIZE_PX, batch=BATCH,
        seed=seed, density_factors=(1.0, 1.0), uniform_share=0.0, table=table,
    )  # fmt: skip
    shape = None if table is not None and len(table.z_nm) > 1 else CAMERA.px(psf.sigma_nm)
    made: list[Frame] = []
    while len(made) < frames:
        batch = simulator.batch_at(len(made) // BATCH)
        for photons, there, xy, z_nm in zip(
            photons_from(batch.adu, CAMERA, batch.maps), batch.present, batch.xy_px, batch.z_nm,
            strict=True,
        ):  # fmt: skip
            xyz = np.column_stack([xy[there], CAMERA.px(1.0) * z_nm[there]]).astype(np.float64)
            made.append(Frame(photons, xyz, proposed(xyz, shape, rng)))
    return made[:frames]


def scores(found: list[Refined], frames: list[Frame]) -> str:
    """Return Jaccard index and RMSE in words."""
    nm, in_depth = CAMERA.pixel_size_nm, found[0].z_px.size > 0
    sure = [one.evidence > MIN_EVIDENCE for one in found]
    frame = np.repeat(np.arange(len(found)), [int(s.sum()) for s in sure])
    names = ("x_px", "y_px", "z_px")[: 3 if in_depth else 2]
    places = [
        nm * np.concatenate([getattr(one, name)[s] for one, s in zip(found, sure, strict=True)])
        for name in names
    ]
    true_frame = np.repeat(np.arange(len(frames)), [len(f.xyz_px) for f in frames])
    truth = nm * np.concatenate([f.xyz_px for f in frames])[:, : len(names)]
    tolerances = (LATERAL_NM, AXIAL_NM) if in_depth else (TOLERANCE_NM,)
    matches = match_points(Points(frame, *places), Points(true_frame, *truth.T), *tolerances)
    right = len(matches.emitter)
    jaccard = right / (len(frame) + len(true_frame) - right)
    said = f"Jaccard {jaccard:.4f} RMSE {np.sqrt(np.mean(matches.distance_nm**2) / 2):.2f}"
    if in_depth:
        off = places[2][matches.localization] - truth[matches.emitter, 2]
        said += f", {np.sqrt(np.mean(off**2)):.2f} along z"
    return f"{said} nm"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--density", type=float, default=1.6, help="emitters per µm²")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    table = psf_table()
    sigma_nm = table.effective_sigma_nm
    plane = table.plane(0.0)[None].astype(np.float32)
    flat = PsfTable(
        plane, np.zeros(1), table.pixel_size_nm, table.samples_per_px, source="measured"
    )
    wide = Psf(sigma_nm=sigma_nm, sigma_std_nm=SIGMA_STD_NM)
    kinds = {
        "Gaussian": (wide, None),
        "table": (wide, flat),
        "depth": (Psf(sigma_nm=sigma_nm, depth_reach_nm=REACH_NM), table),
    }
    known = molecules_at(options.density)
    work: dict[str, Any] = {}
    for kind, (psf, one) in kinds.items():
        card = SimpleNamespace(
            camera=CAMERA, psf=psf, emitters=known.emitters, background=known.background
        )
        frames = simulated(psf, one, options.density, options.frames, options.seed)
        work[kind] = refiner_for(card, one), frames
        work[kind][0].refine(frames[0].photons, frames[0].proposals)  # compiled
    best, found = dict.fromkeys(kinds, np.inf), {}
    for _ in range(options.rounds):
        for kind, (refiner, frames) in work.items():
            began = time.process_time()
            found[kind] = [refiner.refine(f.photons, f.proposals) for f in frames]
            best[kind] = min(best[kind], time.process_time() - began)
    each = {kind: best[kind] / sum(one.x_px.size for one in found[kind]) for kind in kinds}
    for kind in kinds:
        print(
            f"{kind:<9}{1e3 * best[kind] / options.frames:7.2f} ms a frame "
            f"{1e6 * each[kind]:6.1f} µs a localization {each[kind] / each['Gaussian']:5.2f} x  "
            f"{scores(found[kind], work[kind][1])}",
            flush=True,
        )


if __name__ == "__main__":
    main()
