"""Resumed training is the training that was never interrupted."""

from __future__ import annotations

import errno
import shutil

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.cells import OUTPUTS
from deep_storm.errors import ModelError, OutputError
from deep_storm.io.claims import LOCK
from deep_storm.networks import make_network
from deep_storm.networks.base import EXPECTATIONS, Scales
from deep_storm.settings import Background, Emitters, Network, Psf, Training
from deep_storm.training.checkpoint import Keeper
from deep_storm.training.data import SimulatedData
from deep_storm.training.loop import train_network
from deep_storm.training.schedule import settings_for

PARTS = (
    Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=1),
    Psf(sigma_nm=130),
    Emitters(density_per_um2=1, intensity_photon=1500),
    Background(background_photon=10),
)
STEPS = 26


def small_network():
    """Return the native network with two layers, of which a graph is made in no time."""
    import keras

    class Small(type(make_network(Network()))):
        def build(self, dtype="float32", drawn=True):
            frame, expected = keras.Input((None, None, 3)), keras.Input((EXPECTATIONS,))
            seen = keras.layers.Conv2D(OUTPUTS, 5, padding="same", name="cells")(frame)
            known = keras.layers.Reshape((1, 1, OUTPUTS))(keras.layers.Dense(OUTPUTS)(expected))
            return keras.Model([frame, expected], keras.layers.Add()([seen, known]))

    return Small(8)


def trained(keeper=None, progress=lambda *_: None):
    import keras

    keras.utils.set_random_seed(1)
    network = small_network()
    settings = settings_for(network, Training(steps=STEPS, batch=2, patch_size_px=16))
    scales = Scales.matching(*PARTS)
    data = SimulatedData(*PARTS, scales, settings)
    return train_network(network.build(), network, data, settings, progress, None, keeper)


def test_resumed_is_uninterrupted(tmp_path):
    keeper = Keeper(tmp_path / "whole.training", {"seed": 1}, every_seconds=0.0)
    left = tmp_path / "killed.training"  # what lies on the disk when the process is killed

    def copy(step, total, message):
        if step == 22:
            running = shutil.ignore_patterns(LOCK)  # no process runs there
            shutil.copytree(keeper.folder, left, ignore=running)

    whole = trained(keeper, copy)
    again = []
    resumed = trained(Keeper(left, {"seed": 1}, resume=True), lambda step, *_: again.append(step))
    assert 10 < again[0] <= 23
    for one, other in zip(whole.last, resumed.last, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole.best, resumed.best, strict=True):
        np.testing.assert_array_equal(one, other)
    columns = ["step", "loss", "validation_loss", "learning_rate"]
    assert whole.history[columns].equals(resumed.history[columns])


def written(folder, settings):
    keeper = Keeper(folder, settings)
    try:
        keeper.write({"weights": [np.ones(2)], "best": [], "optimizer": []}, {"step": 3})
    finally:
        keeper.release()
    return keeper


def test_checkpoint_round_trip(tmp_path):
    keeper = written(tmp_path / "c", {"seed": 1})
    arrays, state = keeper.read()
    assert state == {"step": 3}
    np.testing.assert_array_equal(arrays["weights"][0], np.ones(2))


def test_a_full_disk_leaves_no_empty_folder(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", full)
        with pytest.raises(OutputError, match="disk is full"):
            written(tmp_path / "c", {})
    assert not (tmp_path / "c").exists()
    kept = written(tmp_path / "c", {})
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", full)
        with pytest.raises(OutputError):
            written(tmp_path / "c", {})
    assert kept.read()[1] == {"step": 3}


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    written(tmp_path / "c", {"seed": 1, "psf": {"sigma_nm": 130}})
    with pytest.raises(ModelError, match=r"another training: psf\.sigma_nm was 130 and is now 140"):
        Keeper(tmp_path / "c", {"seed": 1, "psf": {"sigma_nm": 140}}).read()


def test_missing_or_damaged_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint"):
        Keeper(tmp_path / "none", {}).read()
    keeper = written(tmp_path / "c", {})
    data = keeper.path.read_bytes()
    for cut in (0, 10, len(data) // 2):
        keeper.path.write_bytes(data[:cut])
        with pytest.raises(ModelError, match="damaged"):
            keeper.read()


def test_two_trainings_do_not_share_a_folder(tmp_path):
    keeper = Keeper(tmp_path / "c", {})
    keeper.hold()
    with pytest.raises(OutputError, match="in use by process"):
        Keeper(tmp_path / "c", {}).hold()
    keeper.release()
    assert not (tmp_path / "c").exists()


def test_a_folder_of_the_user_is_never_touched(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "checkpoint.npz").write_text("precious")
    with pytest.raises(OutputError, match="was not made by Deep-STORM"):
        written(tmp_path / "c", {})
    with pytest.raises(OutputError, match="was not made by Deep-STORM"):
        Keeper(tmp_path / "c", {}).remove()
    assert (tmp_path / "c" / "checkpoint.npz").read_text() == "precious"


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_byte_is_named_or_changes_nothing(tmp_path, seed):
    keeper = written(tmp_path / "c", {"seed": 1})
    content = bytearray(keeper.path.read_bytes())
    chance = np.random.default_rng(seed)
    content[int(chance.integers(len(content)))] ^= 1 << int(chance.integers(8))
    keeper.path.write_bytes(content)
    try:
        arrays, state = keeper.read()
    except ModelError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either is right
    else:
        assert state == {"step": 3}
        np.testing.assert_array_equal(arrays["weights"][0], np.ones(2))
