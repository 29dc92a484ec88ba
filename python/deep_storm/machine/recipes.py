"""Recipes that ``benchmark`` compares: the published one, and ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from deep_storm.camera import Camera
from deep_storm.extraction.classic import heat_maxima
from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.io.images import write_image, write_stack
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.tables.writer import write_table
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import (
    Background,
    Device,
    Emitters,
    Network,
    Psf,
    Reconstruction,
    Simulation,
)
from deep_storm.simulation.frames import simulate

UPSAMPLING = 8
FRAMES = {64: 512, 256: 64}
"""Some seconds of work: the first chunk read and the last one read out overlap with nothing."""


def write_stack_of(
    folder: Path,
    size_px: int,
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    background: Background,
) -> Path:
    """Simulate a stack of square frames and write it as TIFF."""
    simulation = Simulation(frames=FRAMES[size_px], width_px=size_px, height_px=size_px)
    movie = simulate(camera, psf, emitters, background, simulation)
    path = folder / f"benchmark_{size_px}.tif"
    write_stack(path, movie.stack, camera.pixel_size_nm)
    return path


def notebook(stack: Path, frames: int) -> float:
    """Run the published recipe in a process of its own, with TensorFlow's default settings.

    Deep-STORM has TensorFlow compute with oneDNN (:mod:`deep_storm.networks.device`), which the
    notebook does not ask for.

    Returns
    -------
    Frames per second from TIFF to localizations and summed image.
    """
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    command = [sys.executable, "-c", _NOTEBOOK, str(stack), str(frames)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


_NOTEBOOK = """
import sys
import tensorflow  # before Deep-STORM sets it up
from deep_storm.machine.recipes import run_notebook
print(run_notebook(sys.argv[1], int(sys.argv[2])))
"""


def run_notebook(stack: str, frames: int) -> float:
    """Enlarge frames in NumPy, ``predict`` one by one, take local maxima; frames per second."""
    network = make_network(Network(network="classic", upsampling=1))
    model = network.build()
    with open_frames(stack) as stream:
        count = min(frames, stream.shape[0])
        edge = stream.shape[1] * UPSAMPLING
        model.predict(np.zeros((1, edge, edge, 1), np.float32), verbose=0)
        began = time.perf_counter()
        total = np.zeros((edge, edge), np.float32)
        for number in range(count):
            frame = stream.read(number, number + 1)[0].astype(np.float32)
            large = frame.repeat(UPSAMPLING, axis=0).repeat(UPSAMPLING, axis=1)
            large = (large - large.min()) / max(float(np.ptp(large)), 1e-9)
            heat = model.predict(large[None, ..., None], verbose=0)[0, ..., 0]
            total += heat
            heat_maxima(heat, (slice(0, edge), slice(0, edge)), 0, 0, 100.0)
        return count / (time.perf_counter() - began)


def untrained(
    name: str, camera: Camera, psf: Psf, emitters: Emitters, background: Background
) -> Model:
    """Return a model with random weights; its network is as fast as a trained one."""
    network = Network.parse({"network": name, "upsampling": UPSAMPLING})
    card = ModelCard(
        network=network,
        camera=camera,
        psf=psf,
        emitters=emitters,
        background=background,
        scales=Scales.matching(camera, psf, emitters, background),
    )
    return Model(card, make_network(network).build())


def ours(stack: Path, model: Model, precision: Any, folder: Path) -> tuple[float, float]:
    """Reconstruct a stack to table and image on disk.

    Returns
    -------
    Frames per second, and the share of the time in the network.
    """
    device = Device(precision=precision)
    with open_frames(stack) as stream:
        few = Reconstruction(frames=f"1:{min(2, stream.shape[0])}")
        reconstruct_frames(stream, model, few, device)
        count = stream.shape[0]
        if model.card.network.network == "classic":
            count = min(count, 8)
        began = time.perf_counter()
        done = reconstruct_frames(stream, model, Reconstruction(frames=f"1:{count}"), device)
    write_image(folder / "out.tif", done.image, done.pixel_size_nm, overwrite=True)
    write_table(folder / "out.csv", done.table, overwrite=True)
    seconds = time.perf_counter() - began
    return count / seconds, done.network_seconds / seconds
