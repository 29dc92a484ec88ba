"""Whether training in bfloat16 learns as well as in float32, and how much less it costs.

    python benchmarks/training_precision.py --seeds 1 2

From the general model, on a crowd of blinking molecules; the loss is that of the weights with the
least validation loss, worked out in float32 on 40 batches that no training saw. Both begin alike
and see the same batches.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import deep_storm as ds
from deep_storm.model import Model
from deep_storm.networks import make_network
from deep_storm.networks.base import LocalizationNetwork
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.networks.precision import bfloat16_gain
from deep_storm.progress import silent
from deep_storm.settings import Background, Emitters, Network, Psf, Training
from deep_storm.training.data import TrainingData
from deep_storm.training.loop import train_network
from deep_storm.training.schedule import settings_for
from deep_storm.training.session import Molecules, make_data
from deep_storm.training.steps import compiled, tensors_of

MOLECULES = Molecules(
    ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=4),
    Psf(sigma_nm=115, sigma_std_nm=5),
    Emitters(
        density_per_um2=1.2,
        intensity_photon=900,
        intensity_std_photon=700,
        spread="gamma",
        seen_frames=3.5,
    ),
    Background(background_photon=20),
)
JUDGE_SEED, JUDGE_BATCHES = 777, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    quiet_tensorflow()
    if not bfloat16_gain():
        parser.error("this processor has no bfloat16")
    network = make_network(Network())
    general = Model.load("general").keras_model.get_weights()
    judge = network.build()
    _, loss, _ = compiled(judge, network)
    unseen = [tensors_of(_data(network, JUDGE_SEED, 1).batch(k)) for k in range(JUDGE_BATCHES)]
    print(f"{'seed':>4} {'precision':10}{'loss':>9}{'core-s':>9}")
    for seed in options.seeds:
        for dtype in ("float32", "bfloat16"):
            model = network.build(dtype)
            model.set_weights(general)
            data = _data(network, seed, options.steps)
            settings = settings_for(network, Training(steps=options.steps, seed=seed))
            began = time.process_time()
            trained = train_network(model, network, data, settings, silent)
            spent = time.process_time() - began
            judge.set_weights(trained.best)
            value = np.mean([loss(*batch) for batch in unseen])
            print(f"{seed:4d} {dtype:10}{value:9.3f}{spent:9.1f}", flush=True)


def _data(network: LocalizationNetwork, seed: int, steps: int) -> TrainingData:
    settings = settings_for(network, Training(steps=steps, seed=seed))
    return make_data(MOLECULES, MOLECULES.scales(), settings)


if __name__ == "__main__":
    main()
