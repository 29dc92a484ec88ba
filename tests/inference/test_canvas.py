"""An image on the disk is drawn as one in memory, to the bit, and survives an interruption."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.errors import Cancelled
from deep_storm.inference.canvas import Canvas
from deep_storm.io import mapped
from deep_storm.io.mapped import is_on_disk
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf

MOLECULES = (
    ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    Psf(sigma_nm=110),
    Emitters(density_per_um2=1, intensity_photon=1500),
    Background(background_photon=20),
)
MOVIE = np.random.default_rng(5).poisson(150, (6, 24, 40)).astype(np.uint16)


@pytest.fixture(scope="module", params=["native", "classic"])
def model(request, seeing_neighbours):
    import keras

    keras.utils.set_random_seed(3)
    network = Network(network=request.param, upsampling=2)
    parts = dict(zip(("camera", "psf", "emitters", "background"), MOLECULES, strict=True))
    card = ModelCard(network=network, scales=Scales.matching(*MOLECULES), threshold=0.0, **parts)
    made = Model(card, make_network(network).build())
    return seeing_neighbours(made) if request.param == "native" else made


def test_large_is_small_also_after_an_interruption(model, tmp_path, monkeypatch):
    small = ds.reconstruct(MOVIE, model=model, chunk_frames=2)
    assert not is_on_disk(small.image)
    monkeypatch.setattr(mapped, "MAX_PIXELS_IN_MEMORY", 100)
    monkeypatch.setattr(mapped, "BAND_BYTES", 4 * 80 * 5)

    def stop(done, total, message):
        if done >= 4:
            raise Cancelled("stopped")

    run = {"model": model, "output": tmp_path / "out", "chunk_frames": 2}
    assert not ds.reconstruct(MOVIE, progress=stop, **run).complete
    kept = [p.name for p in (tmp_path / "out.running").iterdir()]
    assert sorted(kept) == ["checkpoint.npz", "deep-storm.json", "image-4.npy", "rows.bin"]
    large = ds.reconstruct(MOVIE, resume=True, **run)
    assert is_on_disk(large.image)
    np.testing.assert_array_equal(large.image, small.image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), small.image)
    assert large.table.equals(small.table)
    assert not (tmp_path / "out.running").exists()


def test_bands_cover_the_image_once(monkeypatch):
    monkeypatch.setattr(mapped, "MAX_PIXELS_IN_MEMORY", 100)
    monkeypatch.setattr(mapped, "BAND_BYTES", 4 * 30 * 4)
    canvas = Canvas(22, 30)
    for top, band in canvas.bands():
        band += top
    np.testing.assert_array_equal(canvas.pixels[:, 0], np.arange(22) // 4 * 4)
