"""What each part is worth: the general model with one part left out or given wrongly.

    python benchmarks/ablation.py --sets cmos_d2 own_5

Prints Jaccard index, RMSE and calibration error at 100 nm. Nothing is trained; confidence and
threshold are learnt anew on simulation for each row, with the part left out there too, except where
the model is given something wrong: then it is given that on the simulation as well.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import accuracy
import numpy as np

from deep_storm.cells import BACKGROUND_CHANNEL, CELLS, FIELDS
from deep_storm.extraction import native
from deep_storm.extraction.candidates import Candidates
from deep_storm.networks.base import Inference
from deep_storm.refinement import search

HEAD = f"{'set':<18}{'part':<44}{'Jaccard':>9}{'recall':>8}{'prec.':>7}{'RMSE':>7}{'ECE':>7}"


class Part(NamedTuple):
    """A row of the table: what is replaced, whether it is refined, and what is given wrongly.

    ``flips``: the network answers for every flip and rotation of a frame.
    """

    name: str
    replaced: tuple[tuple[Any, str, Callable[..., Any]], ...] = ()
    refine: bool = False
    photons: float = 1.0
    flips: bool = False


def cells_alone(cells: Any, first: int, *_: Any) -> Candidates:
    """Return each active cell as a candidate: nothing is gathered."""
    v = cells.values.T
    spread = np.sqrt((v[5] ** 2 + v[6] ** 2) / 2.0)
    frames = cells.frame.astype(np.int64) + first
    return Candidates(frames, v[1], v[2], spread, v[0], v[3], v[4], v[8])


def nothing(*_: Any) -> None:
    """Leave a move out."""


def over_flips(inference: Callable[..., Inference]) -> Callable[..., Inference]:
    """Answer with the mean over all flips and rotations of a frame by 90 degrees."""

    from lever_networks import mirrored

    def transposed(raw: np.ndarray) -> np.ndarray:
        cells = raw[..., :BACKGROUND_CHANNEL].reshape(*raw.shape[:3], CELLS, CELLS, FIELDS)
        cells = cells.transpose(0, 2, 1, 4, 3, 5)[..., [0, 2, 1, 3, 4, 6, 5, 7, 8]]
        background = raw[..., BACKGROUND_CHANNEL:].transpose(0, 2, 1, 3)
        return np.concatenate([cells.reshape(*background.shape[:3], -1), background], axis=-1)

    def made(*given: Any, **more: Any) -> Inference:
        infer = inference(*given, **more)

        def answer(frames: np.ndarray) -> np.ndarray:
            answers = []
            for turned, *axes in itertools.product((False, True), (0, 1), (0, 2)):
                flips = [axis for axis in axes if axis]
                seen = np.flip(frames, flips)
                seen = seen.transpose(0, 2, 1, 3) if turned else seen
                raw = infer(np.ascontiguousarray(seen))
                raw = transposed(raw) if turned else raw
                for axis in flips:
                    raw = mirrored(raw, axis)
                answers.append(raw)
            return np.mean(answers, axis=0)

        return answer

    return made


NO_SPLIT = (search, "split", nothing)
NO_BIRTH = (search, "give_birth", nothing)
NO_DEATH = (search, "change", nothing)
PARTS = (
    Part("all of it"),
    Part("each cell for itself, not gathered", ((native, "read_candidates", cells_alone),)),
    Part("mean of eight flips and rotations", flips=True),
    Part("given 25 % too few photons", photons=0.75),
    Part("given 30 % too many photons", photons=1.3),
    Part("refined", refine=True),
    Part("refined, no split", (NO_SPLIT,), True),
    Part("refined, no birth", (NO_BIRTH,), True),
    Part("joint fit alone: no split, birth or death", (NO_BIRTH, NO_DEATH), True),
    Part("refined, given 25 % too few photons", refine=True, photons=0.75),
    Part("refined, given 30 % too many photons", refine=True, photons=1.3),
)


@contextmanager
def replaced(part: Part) -> Iterator[None]:
    """Leave a part out."""
    with ExitStack() as stack:
        for module, name, other in part.replaced:
            stack.enter_context(patch.object(module, name, other))
        if part.flips:
            from deep_storm.networks.native import NativeNetwork

            mean = over_flips(NativeNetwork.inference)
            stack.enter_context(patch.object(NativeNetwork, "inference", mean))
        yield


def as_given(data: accuracy.Set, part: Part) -> accuracy.Set:
    """Return the set with what the model is given."""
    photons = part.photons * data.emitters.intensity_photon
    emitters = data.emitters.model_copy(update={"intensity_photon": photons})
    return data._replace(emitters=emitters)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=["cmos_d2", "own_5"])
    parser.add_argument("--only", default="", help="parts whose name contains this")
    options = parser.parse_args()
    from deep_storm.networks.device import quiet_tensorflow

    quiet_tensorflow()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            data = accuracy.named_set(name, Path(folder))
            for part in (p for p in PARTS if options.only in p.name):
                with replaced(part):
                    model, _ = accuracy.model_for("general", as_given(data, part), 0, None, 1)
                    row = accuracy.measured(data, "general", model, 0, part.refine)
                print(
                    f"{data.name:<18}{part.name:<44}{row['jaccard']:>9.3f}{row['recall']:>8.3f}"
                    f"{row['precision']:>7.3f}{row['rmse_nm']:>7.1f}"
                    f"{row['calibration_error']:>7.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
