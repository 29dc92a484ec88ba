"""The GPU against the processor of the same machine: the same answer, and how much faster.

    python benchmarks/gpu.py

Reconstructs the bundled frames and a simulated movie with the general model on both, prints how
the tables differ, frames per second, training steps per second, and what happens when the GPU's
memory does not suffice (in a child process that may take little of it). With ``--dry-run`` all of
it runs with few frames on the processor in the GPU's place: whether it runs, not how fast.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from memory import EXPECTED, Endless

import deep_storm as ds
from deep_storm.machine.devices import best_seconds
from deep_storm.machine.stages import with_network
from deep_storm.machine.training import training_speed
from deep_storm.networks.device import place, quiet_tensorflow
from deep_storm.networks.precision import inference_dtype
from deep_storm.networks.replicas import Replicas, replicated
from deep_storm.settings import Device
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

DEMO = Path(ds.__file__).parent / "demo_data"
LITTLE_MIB = 160
BATCHES = 16
GPU, CPU = "gpu:0", "cpu"
DRY_FRAMES = 24


def movie(frames: int, size_px: int) -> np.ndarray:
    """Return simulated frames in ADU."""
    return Endless(frames, size_px).read(0, frames)


def differences(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """Say how far two tables of the same frames are apart."""
    scores = ds.evaluate(one, other, tolerance_nm=(10.0,)).comparison.scores[0]
    return (
        f"{len(one)} and {len(other)} rows, Jaccard {scores.jaccard:.5f} within 10 nm, "
        f"RMSE {scores.rmse_nm:.4f} nm"
    )


def compared(
    name: str, stack: np.ndarray | Path, model: ds.Model, gpu: str, refine: bool = False
) -> None:
    """Print speed and difference of one stack."""
    found = []
    for device in (CPU, gpu):
        few = stack if isinstance(stack, Path) else stack[:256]
        ds.reconstruct(few, model=model, device=device, refine=refine)
        began = time.perf_counter()
        found.append(ds.reconstruct(stack, model=model, device=device, refine=refine))
        seconds = time.perf_counter() - began
        result = found[-1].reconstructed
        print(
            f"{name:<22}{device:<7}{result.precision:<10}{result.shape[0] / seconds:>9.1f} "
            f"frames/s ({100 * result.network_seconds / result.seconds:.0f} % in the network)",
            flush=True,
        )
    print(f"  {differences(found[1].table, found[0].table)}", flush=True)


def stages(model: ds.Model, gpu: str) -> None:
    """Print what each stage takes on the GPU, refined too, and the speed of the network alone."""
    device = Device(device=gpu)
    for table in with_network(model, device):
        print("\n".join(table.summary()), flush=True)
    network, card = model.network, model.card
    for size_px, count in ((64, 128), (256, 8)) if gpu == GPU else ((64, 2),):
        with place(device):
            precision = inference_dtype(device)
            replicas = replicated(network, model.keras_model, card.scales, precision, device)
        frames = card.scales.network_input(card.camera.photons(movie(count, size_px)))
        seconds = best_seconds(partial(batches, replicas, frames))
        print(
            f"network alone, {precision}, {size_px} px: {BATCHES * count / seconds:.0f} frames/s, "
            "its active cells picked and fetched",
            flush=True,
        )


def batches(replicas: Replicas, frames: np.ndarray) -> None:
    """Run the network over the same frames several times."""
    waiting = [replicas.submit(lambda infer: infer(frames)) for _ in range(BATCHES)]
    for answer in waiting:
        answer()


def trained(gpu: str) -> None:
    """Print training steps per second."""
    for device in (CPU, gpu):
        with place(Device(device=device)):
            speed, simulating = training_speed(*EXPECTED.values())
        print(
            f"training              {device:<7}{speed:>9.1f} steps/s "
            f"({100 * simulating:.0f} % of a step would be simulating without a thread for it)",
            flush=True,
        )


def with_little_memory(gpu: str) -> None:
    """Reconstruct large frames with a GPU of which this process may use little."""
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU")[:1]:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=LITTLE_MIB)
        tf.config.set_logical_device_configuration(device, [limit])
    model = adapted(ds.Model.load("general"), Molecules(*EXPECTED.values()))
    stack = movie(64 if gpu == GPU else 2, 128)
    little = ds.reconstruct(stack, model=model, device=gpu)
    enough = ds.reconstruct(stack, model=model, device=CPU)
    print(f"{LITTLE_MIB} MiB of a GPU: {differences(little.table, enough.table)}")


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--stages", action="store_true", help="tell where the time goes, too")
    parser.add_argument("--little-memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--dry-run", action="store_true", help="few frames, on the processor in the GPU's place"
    )
    options = parser.parse_args()
    quiet_tensorflow()
    import tensorflow as tf

    dry = options.dry_run
    if not dry and not tf.config.list_physical_devices("GPU"):
        raise SystemExit("TensorFlow sees no GPU here (deep-storm doctor)")
    gpu, frames = (CPU, DRY_FRAMES) if dry else (GPU, options.frames)
    if options.little_memory:
        with_little_memory(gpu)
        return
    print("\n".join(f"{name}: {said}" for name, said in ds.doctor().findings.items()))
    model = adapted(ds.Model.load("general"), Molecules(*EXPECTED.values()))
    if options.stages:
        stages(model, gpu)
    compared("64 px", movie(frames, 64), model, gpu)
    compared("64 px, refined", movie(min(frames, 2000), 64), model, gpu, refine=True)
    compared("256 px", movie(frames // 5 if dry else max(frames // 5, 32), 256), model, gpu)
    compared("bundled, 30 frames", DEMO / "cmos_d2_first30.tif", model, gpu)
    trained(gpu)
    again = ["--dry-run"] if dry else []
    subprocess.run([sys.executable, __file__, "--little-memory", *again], check=True)


if __name__ == "__main__":
    main()
