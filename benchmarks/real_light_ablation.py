"""What each thing is worth that the general model is told about real light.

    python benchmarks/real_light_ablation.py
    python benchmarks/real_light_ablation.py --sets aberrated_d1 --refine

The general model is given what the description of a movie says (``real_light.py``, way ``known``)
and then the same with one thing left out or taken for simpler than it is. Threshold, confidence and
uncertainty are learnt anew on simulation of what is given. Prints Jaccard index, precision, RMSE,
calibration error and error over uncertainty.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from real_light import DATA, SETS, camera_of, known_molecules, read_truth, scored

import deep_storm as ds
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.frames import open_frames
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.settings import Reconstruction
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

NAMES = ("Jaccard", "precision", "RMSE", "ECE", "err/unc")


def gaussian(known: Molecules) -> Molecules:
    """Take the PSF for the Gaussian that fits it best, and say so to the network."""
    return replace(known, table=None)


def shape_unknown(known: Molecules) -> Molecules:
    """The same without saying what the shape is."""
    return replace(known, table=None, shape_known=False)


def in_focus(known: Molecules) -> Molecules:
    """Leave the depths out."""
    return replace(known, psf=known.psf.model_copy(update={"depth_std_nm": 0.0}))


def even(known: Molecules) -> Molecules:
    """Take the background for even, as bright as all of it is."""
    whole = known.background.background_photon
    haze_photon = known.background.haze_per_um2 * known.emitters.intensity_photon / 100.0
    update = {"unevenness": 0.0, "haze_per_um2": 0.0, "background_photon": whole + haze_photon}
    return replace(known, background=known.background.model_copy(update=update))


def alike(known: Molecules) -> Molecules:
    """Take molecules for about equally bright."""
    spread = 0.2 * known.emitters.intensity_photon
    update = {"intensity_std_photon": spread, "spread": "normal"}
    return replace(known, emitters=known.emitters.model_copy(update=update))


def anywhere(known: Molecules) -> Molecules:
    """Take molecules for anywhere instead of on a structure."""
    return replace(known, emitters=known.emitters.model_copy(update={"structure": "uniform"}))


def alike_pixels(known: Molecules) -> Molecules:
    """Take all pixels for equally noisy."""
    return replace(known, maps=None)


def told(molecules: Molecules) -> tuple[object, ...]:
    """Return what the network and its calibration are told, to be compared."""
    known = molecules.shape_known, molecules.table is None, molecules.maps is None
    return (molecules.psf, molecules.emitters, molecules.background, *known)


PARTS: dict[str, Callable[[Molecules], Molecules]] = {
    "PSF taken for a Gaussian": gaussian,
    "PSF's shape not told": shape_unknown,
    "depths not told": in_focus,
    "background taken for even": even,
    "photons taken for alike": alike,
    "structure not told": anywhere,
    "noisy pixels not told": alike_pixels,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--refine", action="store_true", help="with refinement")
    options = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"{DATA} is not there: these movies do not come with the project")
    quiet_tensorflow()
    general = ds.Model.load("general")
    print(f"{'set':21} {'given':27}" + "".join(f"{name:>10}" for name in NAMES))
    for name in options.sets:
        path, light = DATA / f"{name}.tif", SETS[name]
        truth = read_truth(DATA / f"{name}_gt.csv")
        with open_frames(path) as stream:
            known = known_molecules(light, truth, stream.shape[0])
            known = replace(known, maps=examined_movie(stream, camera_of(light)).frames.noise)
        rows = {"all of it": known}
        for part, change in PARTS.items():
            changed = change(known)
            if told(changed) != told(known):
                rows[part] = changed
        for part, molecules in rows.items():
            model = adapted(general, molecules)
            settings = Reconstruction(refine=options.refine)
            table = ds.reconstruct(path, model=model, settings=settings).table
            values = scored(table, truth)
            print(f"{name:21} {part:27}" + "".join(f"{values[n]:10.3f}" for n in NAMES), flush=True)


if __name__ == "__main__":
    main()
