"""Training on two devices that TensorFlow makes of one processor; in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from deep_storm.errors import SettingsError
from deep_storm.training.steps import mirrored

SCRIPT = """
import json, shutil
import keras
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import deep_storm as ds
from deep_storm.io.claims import LOCK
from deep_storm.networks.base import EXPECTATIONS
from deep_storm.networks.native import NativeNetwork
from deep_storm.report import figures, page
from deep_storm.training import data, session

class Small(NativeNetwork):  # two layers, of which a graph is made in no time
    def build(self, dtype="float32", drawn=True):
        frame, expected = keras.Input((None, None, 3)), keras.Input((EXPECTATIONS,))
        seen = keras.layers.Conv2D(37, 5, padding="same", name="cells")(frame)
        known = keras.layers.Reshape((1, 1, 37))(keras.layers.Dense(37)(expected))
        return keras.Model([frame, expected], keras.layers.Add()([seen, known]))

data.VALIDATION_BATCHES = 1
figures.LAYOUT, page.DPI = None, 40
session.make_network = lambda network: Small(network.upsampling)
session.calibrate = lambda model, *rest: model  # not what is looked at here
run = dict(
    camera=ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5), sigma_nm=110,
    density_per_um2=1, intensity_photon=1500, background_photon=20, batch=4, patch_size_px=16,
    steps=12, strategy="mirrored", checkpoint_seconds=0, from_model="none",
)

def copy(done, total, message):  # what lies on the disk when the process is killed
    if done == 7:
        running = shutil.ignore_patterns(LOCK)  # no process runs there
        shutil.copytree("whole.training", "model.training", ignore=running)

whole = ds.train(output="whole", progress=copy, **run)
steps = []
note = lambda done, *_: steps.append(done)
again = ds.train(output="model", resume=True, progress=note, **run)
pairs = zip(whole.model.keras_model.get_weights(), again.model.keras_model.get_weights())
losses = whole.trained.history["loss"]
print("SAID", json.dumps({
    "same": all(np.array_equal(a, b) for a, b in pairs),
    "falls": bool(losses.iloc[len(losses) // 2 :].mean() < losses.iloc[: len(losses) // 2].mean()),
    "finite": bool(np.isfinite(whole.trained.history["validation_loss"]).all()),
    "steps": [whole.trained.steps, steps[0] > 1],
    "record": whole.model.card.training["strategy"],
}))
"""


def test_two_devices_train_and_resume(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("SAID ")]
    assert said, done.stderr[-2000:]
    assert json.loads(said[0][5:]) == {
        "same": True, "falls": True, "finite": True, "steps": [12, True], "record": "mirrored"
    }  # fmt: skip
    assert (tmp_path / "model" / "model.toml").is_file()


def test_one_device_is_not_enough():
    with pytest.raises(SettingsError, match="mirrored' with 1 device"):
        mirrored(32)
