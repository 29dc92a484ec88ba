"""What is lost when inner channels of the general model go and the layer behind is refitted.

    python benchmarks/lighter.py
    python benchmarks/lighter.py --shares 0.75

For each of three experiments the general model is made an ordinary U-Net, whose kernels do not
depend on what is expected any more. Of the channels between two of its convolutions those go that
contribute least to the second one. Its weights are then fitted anew by least squares, on simulated
frames of the experiment, layer after layer, so that it answers what it answered before. Nothing is
trained. Printed are, for each share of channels that stays, the multiplications for one pixel, and
the best Jaccard index within 100 nm with its RMSE on other simulated frames of each experiment.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

import deep_storm as ds
from deep_storm.inference.reading import window_reader
from deep_storm.networks.native import alone
from deep_storm.quality.matching import Points, match_points
from deep_storm.settings import Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
EXPERIMENTS = ((2, 110, 1500, 20), (6, 111.5, 2250, 50), (0.4, 108, 2000, 20))
"""Density per µm², sigma (nm), photons, background."""
SIZE_PX, FIT_FRAMES, TEST_FRAMES = 64, 24, 48
MAX_ROWS = 30_000
TOLERANCE_NM = 100.0
CUTS = np.arange(0.2, 0.8, 0.05)
RIDGE = 1e-5
INNER = {2: 1, 4: 3, 6: 5, 7: 6, 9: 8, 10: 9, 12: 11}
"""Convolutions, and those that alone make what they see."""
LAST = 12
"""Alone makes what the layer of cells sees."""
AREA = {3: 4, 4: 4, 5: 16, 6: 16, 7: 16, 8: 4, 9: 4, 10: 4}
"""Camera pixels of one pixel, where it is not one."""


def experiment(density: float, sigma: float, photons: float, background: float) -> Molecules:
    """Return what is expected of an experiment."""
    emitters = ds.Emitters(density_per_um2=density, intensity_photon=photons)
    light = ds.Background(background_photon=background)
    return Molecules(CAMERA, ds.Psf(sigma_nm=sigma), emitters, light)


def simulated(parts: Molecules, frames: int, seed: int):
    """Return frames of an experiment, and their truth."""
    size = Simulation(frames=frames, width_px=SIZE_PX, height_px=SIZE_PX, seed=seed)
    return simulate(parts.camera, parts.psf, parts.emitters, parts.background, size)


def convolution(network: keras.Model, number: int):
    """Return a convolution of a network."""
    return network.get_layer(f"convolution_{number}")


def plain(model: ds.Model) -> keras.Model:
    """Return a model's network with the kernels for its experiment, whatever is expected."""
    own, network = model.keras_model, model.network.build()
    network.set_weights(own.get_weights())
    conditions = own.get_layer("conditions")(model.card.scales.expectations()[None])
    for number in range(1, LAST + 1):
        kernel, bias = convolution(own, number).worked_out(conditions)
        layer = convolution(network, number)
        down, up, functions = (np.zeros(w.shape) for w in (layer.down, layer.up, layer.functions))
        layer.set_weights([kernel, bias, down, up, functions])
    return network


def multiplications(network: keras.Model, share: float) -> float:
    """Return how many a camera pixel takes, when a share of the inner channels stays."""
    total = network.get_layer("cells").kernel.numpy().size * share
    for number in range(1, LAST + 1):
        inner = (number in INNER) + (number in INNER.values()) + (number == LAST)
        kernel = convolution(network, number).kernel.numpy()
        total += kernel.size * share**inner / AREA.get(number, 1)
    return total


def seen_by(network: keras.Model, layer, given: list) -> np.ndarray:
    """Return what a layer sees of some frames."""
    seen = layer.input
    upto = keras.Model(network.inputs, seen[0] if isinstance(seen, list) else seen)
    return upto.predict(given, batch_size=8, verbose=0)


def patches(seen: np.ndarray, size: int, step: int) -> np.ndarray:
    """Return every so many of the windows that a convolution looks at, as rows."""
    edge = [size // 2] * 2
    padded = tf.pad(seen, [[0, 0], edge, edge, [0, 0]])
    windows = tf.image.extract_patches(padded, [1, size, size, 1], [1] * 4, [1] * 4, "VALID")
    return tf.reshape(windows, (-1, windows.shape[-1])).numpy()[::step]


def prune(network: keras.Model, whole: keras.Model, share: float, given: list) -> None:
    """Leave inner channels out, by weights of zero, and fit the others anew."""
    for name in [f"convolution_{number}" for number in INNER] + ["cells"]:
        kernel, bias, *others = whole.get_layer(name).get_weights()
        size, _, channels, outputs = kernel.shape
        now = seen_by(network, network.get_layer(name), given)
        step = max(now[..., 0].size // MAX_ROWS, 1) | 1  # odd: all columns of a frame
        before = seen_by(whole, whole.get_layer(name), given)
        wanted = patches(before, size, step) @ kernel.reshape(-1, outputs)
        weight = (now.astype(np.float64) ** 2).mean((0, 1, 2)) * (kernel**2).sum((0, 1, 3))
        kept = np.sort(np.argsort(-weight)[: round(channels * share)])
        columns = (np.arange(size * size)[:, None] * channels + kept).ravel()
        rows = patches(now, size, step).astype(np.float64)[:, columns]
        rows = np.column_stack([rows, np.ones(len(rows))])
        gram = rows.T @ rows
        gram[np.diag_indices(len(gram))] += RIDGE * np.trace(gram) / len(gram)
        solved = np.linalg.solve(gram, rows.T @ wanted)
        fitted = np.zeros((size * size * channels, outputs), np.float32)
        fitted[columns] = solved[:-1]
        fitted = fitted.reshape(kernel.shape)
        network.get_layer(name).set_weights([fitted, bias + solved[-1], *others])


def best_score(model: ds.Model, frames) -> tuple[float, float]:
    """Return the best Jaccard index of any threshold, and its RMSE (nm)."""
    read = window_reader(model, SIZE_PX, SIZE_PX)
    photons = CAMERA.photons(frames.stack)
    found = [one for k in range(0, len(photons), 16) for one in read(photons[k : k + 16], k)]
    frame, x_px, y_px, score = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("frame", "x_px", "y_px", "score")
    )
    confidence = model.card.calibration.confidence_of(score)
    truth = Points(*(frames.truth[name].to_numpy() for name in ("frame", "x_nm", "y_nm")))
    best = 0.0, 0.0
    for cut in CUTS:
        kept = confidence >= cut
        nm = CAMERA.pixel_size_nm
        rows = Points(frame[kept], nm * x_px[kept], nm * y_px[kept])
        matches = match_points(rows, truth, TOLERANCE_NM)
        jaccard = len(matches) / (kept.sum() + len(frames.truth) - len(matches))
        best = max(best, (jaccard, float(np.sqrt(np.mean(matches.distance_nm**2)))))
    return best


def main() -> None:
    """Prune, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.875, 0.75, 0.5])
    options = parser.parse_args()
    general = ds.Model.load("general")
    tests = []
    for seed, numbers in enumerate(EXPERIMENTS):
        parts = experiment(*numbers)
        model = adapted(general, parts)
        scales = model.card.scales
        photons = CAMERA.photons(simulated(parts, FIT_FRAMES, 10 + seed).stack)
        told = np.repeat(scales.expectations()[None], FIT_FRAMES, 0)
        given = [alone(scales.network_input(photons)), told]
        tests.append((plain(model), model, given, simulated(parts, TEST_FRAMES, 50 + seed)))
    for share in (1.0, *options.shares):
        scores = []
        for whole, model, given, frames in tests:
            network = model.network.build()
            network.set_weights(whole.get_weights())
            if share < 1.0:
                prune(network, whole, share, given)
            lighter = replace(model, keras_model=network, compiled={})
            scores.append("{:.4f} / {:.2f} nm".format(*best_score(lighter, frames)))
        count = multiplications(network, share)
        print(f"{share:5.3f}  {count:8,.0f}  {'  '.join(scores)}", flush=True)


if __name__ == "__main__":
    main()
