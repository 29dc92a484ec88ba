"""Ways to make the native network faster that were tried: frames per second, and what they change.

    python benchmarks/fast_paths.py

Each way runs on the same 64 frames of 64 x 64 px, several rounds in turn; the best round counts. It
prints speed against the network as Deep-STORM runs it, and the largest difference in the
probability of a cell where the weights are the same: a frozen graph, XLA, bfloat16 where the probe
has found it, 8-bit integers (LiteRT, calibrated on the same frames), other numbers of channels. The
last lines say how close light that has active cells comes to mere noise: whether tiles without a
molecule could be left out.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
from memory import EXPECTED, Endless

from deep_storm.cells import BACKGROUND_CHANNEL, FIELDS, MIN_PROBABILITY
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.networks.base import FRAMES_AT_ONCE
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.networks.precision import bfloat16_gain
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters

FRAMES, PATCHES, PATCH_PX = 64, 400, 32
CHANNELS = [(24, 48, 96), (30, 60, 120), (32, 48, 96), (32, 64, 128), (40, 80, 160)]


def ways(model):
    """Return the functions to compare, by name."""
    network, scales = model.network, model.card.scales
    made = {"as it runs": network.inference(model.keras_model, scales)}
    made["frozen graph"] = frozen(model)
    made["XLA"] = network.inference(model.keras_model, scales, xla=True)
    if bfloat16_gain():
        made["bfloat16"] = network.inference(model.keras_model, scales, "bfloat16")
    try:
        made["8-bit integers"] = integers(model)
    except Exception as error:  # noqa: BLE001 - a way that does not work here is a result, too
        print(f"8-bit integers: {type(error).__name__}: {str(error)[:200]}")
    return made


def with_channels(model, channels):
    """Return an untrained network of other widths."""
    from deep_storm.networks import native, unet

    other = unet.build(channels)
    return native.NativeNetwork(8).inference(other, model.card.scales)


def traced(model):
    """Return the network as a concrete function of frames."""
    import tensorflow as tf

    told = tf.constant(model.card.scales.expectations()[None])
    shape = tf.TensorSpec((FRAMES, 64, 64, FRAMES_AT_ONCE), tf.float32)
    run = tf.function(lambda frames: model.keras_model([frames, told], training=False))
    return run.get_concrete_function(shape)


def constant_graph(model):
    """Return the concrete function with its weights as constants."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return convert_variables_to_constants_v2(traced(model))


def frozen(model):
    """Return the network with its weights as constants."""
    import tensorflow as tf

    run = constant_graph(model)
    return lambda frames: run(tf.constant(frames))[0].numpy()


def integers(model):
    """Return the network in 8-bit integers (LiteRT)."""
    import tensorflow as tf

    examples = frames_of(model)

    def representative():
        yield [examples]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([constant_graph(model)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    interpreter = tf.lite.Interpreter(model_content=converter.convert(), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    exit_ = interpreter.get_output_details()[0]["index"]

    def run(frames):
        interpreter.set_tensor(entry, frames)
        interpreter.invoke()
        return interpreter.get_tensor(exit_)

    return run


def frames_of(model):
    """Return simulated frames as the network takes them."""
    adu = Endless(FRAMES, 64).read(0, FRAMES)
    photons = model.card.camera.photons(adu)
    beside = np.stack([np.roll(photons, 1, axis=0), np.roll(photons, -1, axis=0)], axis=-1)
    return model.card.scales.network_input(photons, beside)


def probability(answer):
    """Return the probability of all cells."""
    return 1.0 / (1.0 + np.exp(-answer[..., 0:BACKGROUND_CHANNEL:FIELDS]))


def compare(model, rounds):
    """Print speed and difference of each way."""
    frames = frames_of(model)
    functions = ways(model)
    same_weights = set(functions)
    functions |= {f"channels {c}": with_channels(model, c) for c in CHANNELS}
    answers = {name: probability(run(frames)) for name, run in functions.items()}
    best = dict.fromkeys(functions, np.inf)
    for _ in range(rounds):
        for name, run in functions.items():
            began = time.perf_counter()
            run(frames)
            best[name] = min(best[name], time.perf_counter() - began)
    for name, seconds in best.items():
        off = np.abs(answers[name] - answers["as it runs"]).max()
        said = f", probabilities off by {off:.2g} at most" if name in same_weights else ""
        ratio = best["as it runs"] / seconds
        print(f"{name:24} {FRAMES / seconds:7.1f} frames/s, {ratio:5.2f} times{said}")


def darkness(model):
    """Print from which light on there are active cells, and what noise alone reaches."""
    rng = np.random.default_rng(1)
    card = model.card
    infer = model.network.inference(model.keras_model, card.scales)
    blank = np.full((PATCHES, PATCH_PX, PATCH_PX), card.background.background_photon, np.float32)
    lit = blank.copy()
    photons = card.emitters.intensity_photon * np.exp(rng.uniform(np.log(0.03), 0.0, PATCHES))
    x, y = rng.uniform(4.0, PATCH_PX - 4.0, (2, PATCHES))
    sigma = np.full(PATCHES, card.camera.px(card.psf.sigma_nm))
    add_emitters(lit, np.arange(PATCHES), x, y, sigma, photons)
    seen = [
        card.scales.network_input(
            card.camera.photons(expose(expected, card.camera, rng, dtype=np.float32))
        )
        for expected in (blank, lit)
    ]
    light = [contrast(frames[..., 0]) for frames in seen]
    active = probability(infer(seen[1])).max(axis=(1, 2, 3)) > MIN_PROBABILITY
    print(f"contrast of noise alone, {PATCH_PX} x {PATCH_PX} px: up to {light[0].max():.2f}")
    print(f"contrast of single emitters with active cells: from {light[1][active].min():.2f} on")


def contrast(frames):
    """Return the largest sum of 3 x 3 px less the mean of the ring around them, per frame."""
    from scipy.ndimage import uniform_filter

    inner = 9.0 * uniform_filter(frames, (0, 3, 3))
    ring = 25.0 * uniform_filter(frames, (0, 5, 5)) - inner
    return (inner - 9.0 / 16.0 * ring).max(axis=(1, 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    quiet_tensorflow()
    READY = ready_model("general", Expected(**EXPECTED)).model
    compare(READY, options.rounds)
    darkness(READY)
