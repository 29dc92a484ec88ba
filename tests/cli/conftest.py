"""What the tests of the command line share."""

import functools
import re
import shutil
from pathlib import Path

import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.cli.app import make_app
from deep_storm.interface.registry import load


@functools.cache
def _options(verb):
    arguments = make_app([load(verb)])[verb].assemble_argument_collection()
    return {n for a in arguments for n in a.names if n.startswith("--")} | {"--help"}


@pytest.fixture(scope="session")
def options_of():
    """Return a function that gives the options of a verb, as they are typed."""
    return _options


CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
CAMERA_TOML = "[camera]\npixel_size_nm = 100\nbaseline_adu = 100\nphotons_per_adu = 0.5\n"
MOLECULES = {
    "psf": ds.Psf(sigma_nm=110),
    "emitters": ds.Emitters(density_per_um2=2, intensity_photon=1500),
    "background": ds.Background(background_photon=20),
}
MATCHED_TOML = (
    CAMERA_TOML + "[psf]\nsigma_nm = 110\n"
    "[emitters]\ndensity_per_um2 = 2\nintensity_photon = 1500\n"
    "[background]\nbackground_photon = 20\n"
)


@pytest.fixture(scope="session")
def untrained():
    """Return a function that makes a model for a camera with other values."""
    from deep_storm.model import Model
    from deep_storm.model_card import ModelCard
    from deep_storm.networks import make_network
    from deep_storm.networks.base import Scales

    def make(**values):
        camera = CAMERA.model_copy(update=values)
        scales = Scales.matching(camera, *MOLECULES.values())
        network = ds.Network(upsampling=2)
        card = ModelCard(network=network, camera=camera, scales=scales, **MOLECULES)
        return Model(card, make_network(card.network).build())

    return make


@pytest.fixture(scope="module")
def template(tmp_path_factory, untrained):
    """Make a folder with everything that a user needs, all of it right."""
    folder = tmp_path_factory.mktemp("right")
    ds.simulate(
        output=folder / "sim", camera=CAMERA, frames=4, width_px=40, height_px=36, **MOLECULES
    )
    (folder / "sim-protocol.txt").unlink()
    (folder / "camera.toml").write_text(CAMERA_TOML)
    (folder / "matched.toml").write_text(MATCHED_TOML)
    untrained().save(folder / "model")
    return folder


@pytest.fixture
def place(template, tmp_path, monkeypatch):
    """Stand in a fresh copy of that folder."""
    folder = Path(shutil.copytree(template, tmp_path / "work"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def refused(place, capsys, options_of):
    """Run a command line that must be refused, and look at what it says and leaves."""

    def run(arguments, *words):
        before = contents(place)
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        lines = captured.err.strip().splitlines()
        assert code == 2, captured.err
        assert captured.out == ""
        assert len(lines) == 1, captured.err
        assert lines[0].startswith("deep-storm ")
        assert lines[0].endswith((".", "?"))
        for word in words:
            assert re.search(word, lines[0]), lines[0]
        assert not strange_options(lines[0], options_of(arguments[0]))
        assert contents(place) == before
        assert not [path for path in place.rglob("*") if ".part" in path.name]
        return lines[0]

    return run


def strange_options(sentence, own):
    """Return the options that a sentence names and its verb does not have."""
    others = set(re.findall(r"deep-storm \S+ (--[a-z][a-z-]+)", sentence))
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", sentence)) - own - others


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
