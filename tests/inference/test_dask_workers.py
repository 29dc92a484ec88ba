"""Dask workers give what one process gives, also when one of them is killed."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm import packages
from deep_storm.errors import Cancelled, DaskError, SettingsError, StackError
from deep_storm.inference import dask_workers as module
from deep_storm.inference.dask_workers import DaskWorkers
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.runs.result import Common
from deep_storm.runs.stack import reconstruct_stack
from deep_storm.settings import Background, Emitters, Network, Psf, Reconstruction

MOLECULES = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": Psf(sigma_nm=110),
    "emitters": Emitters(density_per_um2=1, intensity_photon=1500),
    "background": Background(background_photon=20),
}
SETTINGS = Reconstruction(chunk_frames=2)


def made(network):
    import keras

    keras.utils.set_random_seed(3)
    scales = Scales.matching(*MOLECULES.values())
    card = ModelCard(
        network=Network(network=network, upsampling=2), scales=scales, threshold=0.0, **MOLECULES
    )
    return Model(card, make_network(card.network).build())


@pytest.fixture(scope="module")
def model(seeing_neighbours):
    return seeing_neighbours(made("native"))


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "movie.tif"
    frames = np.random.default_rng(5).poisson(150, (30, 20, 24)).astype(np.uint16)
    frames[7] = 0
    tifffile.imwrite(path, frames)
    return path


@pytest.fixture(scope="module")
def workers():
    with DaskWorkers("local:2") as two:
        yield two


def files(folder):
    return (folder / "out.csv").read_bytes(), tifffile.imread(folder / "out.tif").tobytes()


def worked(movie, folder, model, workers, **more):
    common = Common(model, settings=SETTINGS, workers=workers, with_report=False)
    return reconstruct_stack(movie, folder / "out", common, **more)


@pytest.fixture(scope="module")
def alone(movie, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    assert worked(movie, folder, model, None).reconstructed.dead_frames == (7,)
    return files(folder)


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_a_killed_worker_changes_nothing(movie, model, alone, workers, tmp_path):
    killed = []

    def kill_one(done, total, message):
        if done >= 6 and not killed:
            pids = workers.client.run(os.getpid)
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

    result = worked(movie, tmp_path, model, workers, progress=kill_one)
    assert killed
    assert result.reconstructed.dead_frames == (7,)
    assert files(tmp_path) == alone


def test_stopped_and_finished_by_one_process(movie, model, alone, workers, tmp_path):
    def stop(done, total, message):
        if done >= 10:
            raise Cancelled("stopped")

    assert not worked(movie, tmp_path, model, workers, progress=stop).complete
    assert worked(movie, tmp_path, model, None, resume=True).complete
    assert files(tmp_path) == alone


def test_the_classic_network(movie, workers, tmp_path):
    classic = made("classic")
    for name, who in (("one", None), ("many", workers)):
        worked(movie, tmp_path / name, classic, who)
    assert files(tmp_path / "one") == files(tmp_path / "many")


def test_a_stack_that_the_workers_cannot_see(movie, model, workers, tmp_path):
    copy = tmp_path / "copy.tif"
    copy.write_bytes(movie.read_bytes())
    with ds.open_frames(copy) as stream:
        copy.unlink()
        with pytest.raises(DaskError, match=r"cannot open the stack.*shared disk"):
            worked(stream, tmp_path, model, workers)
    assert not list(tmp_path.iterdir())


def test_a_stack_that_breaks_off_keeps_what_was_before(model, workers, tmp_path):
    path = tmp_path / "movie.tif"
    frames = np.random.default_rng(1).poisson(150, (12, 20, 24)).astype(np.uint16)
    with tifffile.TiffWriter(path) as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[8].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[place : place + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(StackError, match=r"frame 9 of 12 .*what the 8 frames before gave is in"):
        worked(path, tmp_path, model, workers)
    assert ds.read_table(tmp_path / "out.csv")["frame"].max() == 7


@pytest.mark.parametrize("address", ["local:0", "localhost", "tcp://there", "http://a:1"])
def test_addresses_that_are_none(address):
    with pytest.raises(SettingsError, match=r"tcp://HOST:PORT"):
        DaskWorkers(address)


def test_nobody_is_there(monkeypatch):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(DaskError, match="no Dask scheduler answers"),
        DaskWorkers("tcp://127.0.0.1:9"),
    ):
        pass


def test_nobody_else_reaches_local_workers(workers):
    from distributed import Client

    there = workers.client.scheduler.address
    assert there.startswith("tls://")
    for address in (there, there.replace("tls:", "tcp:")):
        with pytest.raises((OSError, ValueError, TypeError)):
            Client(address, timeout=2, set_as_default=False).close()
    assert workers.workers == 2


def test_workers_with_another_version_are_named(workers, monkeypatch):
    monkeypatch.setattr(packages, "version", lambda name: "0.1")
    with pytest.raises(DaskError, match=r"numpy .*expected deep-storm 0\.1.*install the same"):
        workers._check_versions()


def test_workers_refine_as_one_process_does(model, movie, workers, tmp_path, monkeypatch):
    from deep_storm.training import refining

    monkeypatch.setattr(refining, "EMITTERS", 100)
    settings = SETTINGS.model_copy(update={"refine": True})
    one, many = (
        reconstruct_stack(
            movie,
            tmp_path / name / "out",
            Common(model, settings=settings, workers=c, with_report=False),
        )
        for name, c in (("one", None), ("many", workers))
    )
    assert one.count == many.count
    assert files(tmp_path / "one") == files(tmp_path / "many")
    assert one.fits == many.fits
