"""A movie, a model, and what an uninterrupted reconstruction writes."""

import pytest
import tifffile

import deep_storm as ds
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.io.config import load_toml
from deep_storm.settings import Reconstruction, Simulation
from deep_storm.simulation.frames import simulate

EXPECTED = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": ds.Psf(sigma_nm=110),
    "emitters": ds.Emitters(density_per_um2=2, intensity_photon=1500),
    "background": ds.Background(background_photon=20),
}
SETTINGS = Reconstruction(chunk_frames=2, upsampling=2)


@pytest.fixture(scope="module")
def expected():
    """What the model is given, as the caller of a verb gives it."""
    return EXPECTED


@pytest.fixture(scope="module")
def movie():
    size = Simulation(frames=20, width_px=24, height_px=20, seed=4)
    return simulate(*EXPECTED.values(), size).stack


@pytest.fixture(scope="module")
def model(quick_calibration, tmp_path_factory):
    """The folder of a model that was given what to expect."""
    folder = tmp_path_factory.mktemp("given") / "model"
    ready_model("general", Expected(**EXPECTED)).model.save(folder)
    return folder


@pytest.fixture(scope="module")
def again(movie, model):
    """Reconstruct into a folder."""

    def reconstruct(folder, stack=movie, **more):
        options = {"model": model, "settings": SETTINGS, "no_report": True, **more}
        return ds.reconstruct(stack, output=folder / "out", **options)

    return reconstruct


@pytest.fixture(scope="module")
def uninterrupted(again, files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    again(folder)
    return files(folder)


@pytest.fixture(scope="session")
def files(frames_read):
    """Return table, pixels and checksum of the frames, after looking that nothing else is there."""

    def read(folder):
        assert sorted(p.name for p in folder.iterdir()) == [
            "out-protocol.txt", "out-run.toml", "out.csv", "out.tif"
        ]  # fmt: skip
        image = tifffile.imread(folder / "out.tif").tobytes()
        return (folder / "out.csv").read_bytes(), image, frames_read(folder)

    return read


@pytest.fixture(scope="session")
def frames_read():
    """Return what the record says of the frames: a checksum of all of them as they were read."""
    return lambda folder: load_toml(folder / "out-run.toml")["inputs"]["frames_sha256"]
