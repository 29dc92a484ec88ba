"""Several devices share the batches; the result is that of one, in the order of the frames."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.cells import FRAME_BIT, PickedCells, first_answers, joined_answers
from deep_storm.extraction.active import active_cells
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.networks.replicas import Replicas, same_batches
from deep_storm.settings import Network, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

SCALES = Scales(background_photon=20, input_photon=100, intensity_photon=1500, sigma_px=1.3)

SCRIPT = """
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import deep_storm as ds
from deep_storm.networks import replicas

names = []
made = replicas._on
replicas._on = lambda name, *rest: names.append(name) or made(name, *rest)
done = ds.reconstruct(np.load("movie.npy"), model="model", chunk_frames=5, tile_px=96)
np.savez("out.npz", image=done.image, table=done.table.to_numpy(float), devices=len(names))
"""
MOLECULES = (
    ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    ds.Psf(sigma_nm=110),
    ds.Emitters(density_per_um2=1, intensity_photon=1500),
    ds.Background(background_photon=20),
)


def test_two_devices_give_what_one_gives(quick_calibration, tmp_path):
    model = adapted(ds.Model.load("general"), Molecules(*MOLECULES))
    model.save(tmp_path / "model")
    movie = simulate(*MOLECULES, Simulation(frames=9, width_px=120, height_px=97)).stack
    np.save(tmp_path / "movie.npy", movie)
    one = ds.reconstruct(movie, model=model, chunk_frames=5, tile_px=96)
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    with np.load(tmp_path / "out.npz") as two:
        assert two["devices"] == 2
        assert len(one.table) > 500
        np.testing.assert_array_equal(two["table"], one.table.to_numpy(float))
        np.testing.assert_array_equal(two["image"], one.image)


def test_answers_come_in_the_order_of_the_items_and_every_device_works():
    meeting = threading.Barrier(2)

    def device():
        not_yet = [meeting]

        def infer(frames):
            if not_yet:
                not_yet.pop().wait(timeout=60)  # until the other one works too
            time.sleep(0.01)
            return frames

        return infer

    both = Replicas([device(), device()])
    waiting = [both.submit(lambda infer, item=item: int(infer(item)) * 10) for item in range(20)]
    assert [answer() for answer in waiting] == [10 * item for item in range(20)]
    assert both.seconds > 0.05  # twenty times ten milliseconds, shared by two


def test_an_error_on_one_device_is_raised():
    def broken(frames):
        raise MemoryError

    both = Replicas([broken, broken])
    waiting = [both.submit(lambda infer: infer(0)) for _ in range(4)]
    for answer in waiting:
        with pytest.raises(MemoryError):
            answer()


def test_smaller_batches_are_filled_up_and_cut_again():
    sizes = []

    def infer(frames):
        sizes.append(len(frames))
        return 2 * frames

    filled = same_batches(infer)
    for count in (4, 1, 4):
        frames = np.arange(count * 4, dtype=np.float32).reshape(count, 2, 2, 1)
        np.testing.assert_array_equal(filled(frames), 2 * frames)
    filled(np.zeros((2, 4, 4, 1), np.float32))
    assert sizes == [4, 4, 4, 2]


def test_cells_picked_on_the_device_are_those_of_the_whole_answer():
    network = make_network(Network(upsampling=2))
    model = network.build()
    frames = np.random.default_rng(1).normal(size=(5, 16, 20, 1)).astype(np.float32)
    model.layers[-1].bias.assign_add(np.where(np.arange(37) % 9 == 0, 0.2, 0.0))
    whole = network.inference(model, SCALES)(frames)
    picked = same_batches(network.picking_inference(model, SCALES))(frames)
    assert isinstance(picked, PickedCells)
    core = slice(2, 15), slice(0, 18)
    one, other = (active_cells(answers, core, 4, 8) for answers in (whole, picked))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(one.frame) > 100
    assert one.frame.max() == 4


def test_picked_cells_are_cut_and_joined_by_frame():
    places = np.array([0, 1, 2, 2], np.int64) << FRAME_BIT | np.array([3, 0, 1, 2])
    cells = PickedCells(3, places, np.arange(40, dtype=np.float32).reshape(4, 10))
    assert len(first_answers(cells, 2)) == 2
    assert first_answers(cells, 2).place.size == 2
    both = joined_answers([cells, first_answers(cells, 2)])
    assert len(both) == 5
    assert (both.place >> FRAME_BIT).tolist() == [0, 1, 2, 2, 3, 4]


@pytest.mark.parametrize("name", ["native", "classic"])
def test_xla_gives_the_same_answer(name):
    network = make_network(Network(network=name, upsampling=2))
    model = network.build()
    frames = np.random.default_rng(1).normal(size=(2, 16, 16, 1)).astype(np.float32)
    plain = network.inference(model, SCALES)(frames)
    compiled = network.inference(model, SCALES, xla=True)(frames)
    np.testing.assert_allclose(compiled, plain, atol=1e-5)
