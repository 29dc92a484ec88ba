"""Model folders: whole, or refused with a sentence."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import ModelError, OutputError
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.files import sha256
from deep_storm.model import Model
from deep_storm.model_card import (
    NETWORK_VERSION,
    Calibration,
    ModelCard,
    model_folder,
    read_card,
)
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.settings import Background, Device, Emitters, Network, Psf

PARTS = {
    "camera": Camera(pixel_size_nm=107.5, baseline_adu=99.5, photons_per_adu=0.47, em_gain=300),
    "psf": Psf(sigma_nm=131.25),
    "emitters": Emitters(density_per_um2=2, intensity_photon=900),
    "background": Background(background_photon=12),
}


def make_model():
    network = Network(upsampling=5)
    card = ModelCard(
        network_version=NETWORK_VERSION,
        network=network,
        scales=Scales.matching(*PARTS.values()),
        threshold=0.4375,
        calibration=Calibration(score=(0.0, 0.5, 1.0), confidence=(0.0, 0.25, 1.0)),
        scores={"jaccard": 0.875},
        training={"steps": 7, "ended": "finished"},
        versions={"python": "3.11"},
        **PARTS,
    )
    keras_model = make_network(network).build()
    last = [w + 1 for w in keras_model.get_weights()]
    return Model(card, keras_model, last)


@pytest.fixture(autouse=True)
def read_anew(networks_made_once, monkeypatch):
    monkeypatch.setattr(Model, "load", classmethod(networks_made_once))


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "mine"
    model.save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def test_round_trip(model, saved):
    loaded = Model.load(saved)
    assert loaded.card == model.card
    for one, other in zip(loaded.keras_model.weights, model.keras_model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_built_once_in_the_precision_of_its_device(model, saved, monkeypatch):
    monkeypatch.setattr("deep_storm.model.learning_dtype", lambda device: "bfloat16")
    loaded = Model.load(saved, device=Device())
    assert loaded.precision == loaded.keras_model.compute_dtype == "bfloat16"
    for one, other in zip(loaded.keras_model.weights, model.keras_model.weights, strict=True):
        assert one.dtype == "float32"
        np.testing.assert_array_equal(one, other)
    assert Model.load(saved).keras_model.compute_dtype == "float32"


@pytest.mark.parametrize(("version", "frames"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_a_model_sees_as_many_frames_after_it_was_saved(model, version, frames, tmp_path):
    card = model.card.model_copy(update={"network_version": version})
    one = Model(card, model.keras_model, model.last_weights)
    assert one.frames_at_once == frames
    one.save(tmp_path / "again")
    assert one.frames_at_once == frames
    again = Model.load(tmp_path / "again")
    assert again.frames_at_once == frames
    assert again.card.network_version == max(version, 2)
    assert len(Model.load(tmp_path / "again", last=True).keras_model.weights) > 0


def test_last_weights_are_kept_too(model, saved):
    loaded = Model.load(saved, last=True)
    assert [file.name for file in loaded.card.weights] == ["last.npz"]
    for one, other in zip(loaded.keras_model.get_weights(), model.last_weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_card_is_read_without_the_weights(folder, model):
    (folder / "weights.npz").unlink()
    assert read_card(folder) == model.card


def test_weights_hold_nothing_that_could_run(saved):
    with np.load(saved / "weights.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype == np.float32 for name in arrays.files)


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_one_flipped_bit_is_noticed(folder, place):
    data = bytearray((folder / "weights.npz").read_bytes())
    data[place] ^= 1
    (folder / "weights.npz").write_bytes(data)
    with pytest.raises(ModelError, match=r"weights\.npz does not match its checksum"):
        Model.load(folder)


def test_a_cut_file_is_noticed(folder):
    data = (folder / "weights.npz").read_bytes()
    (folder / "weights.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="does not match its checksum"):
        Model.load(folder)


def edit(folder, old, new):
    card = folder / "model.toml"
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("version", ["2", "0", '"1"'])
def test_an_unknown_format_version_is_named(folder, version):
    edit(folder, "format_version = 1", f"format_version = {version}")
    with pytest.raises(ModelError, match=r"format version .* expected version 1"):
        Model.load(folder)


@pytest.mark.parametrize("name", ["weights.npz", "model.toml"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"has no {name}"):
        Model.load(folder)


def test_weights_that_the_card_does_not_name_are_missing(model, tmp_path):
    Model(model.card, model.keras_model).save(tmp_path / "best only")
    with pytest.raises(ModelError, match=r"has no last\.npz"):
        Model.load(tmp_path / "best only", last=True)


@pytest.mark.parametrize("name", ["../weights.npz", "/etc/passwd", "other.npz"])
def test_a_path_out_of_the_folder_is_refused(folder, name):
    edit(folder, 'name = "weights.npz"', f'name = "{name}"')
    with pytest.raises(ModelError, match="damaged"):
        Model.load(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("threshold = 0.4375", "threshold = 4", "threshold is 4"),
        ("threshold = 0.4375", "treshold = 0.4", "unknown setting 'treshold'"),
        ("threshold = 0.4375", "threshold = ", "model.toml"),
        ("sigma_nm = 131.25", "", "model.toml"),
        ("threshold = 0.4375", "threshold = 0.4385", "its checksum differs"),
    ],
)
def test_a_damaged_card_is_named(folder, old, new, said):
    edit(folder, old, new)
    with pytest.raises(ModelError, match="damaged") as raised:
        Model.load(folder)
    assert said in str(raised.value)


def test_weights_of_another_network_are_refused(model, folder, tmp_path):
    other = make_model()
    weights = other.keras_model.get_weights()
    card = model.card.model_copy(update={"network": Network(network="classic", upsampling=4)})
    Model(card, other.keras_model).save(tmp_path / "mixed")
    assert len(weights) > 0
    with pytest.raises(ModelError, match="does not fit this version's network"):
        Model.load(tmp_path / "mixed")


def test_an_unfinished_folder_is_no_model(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "weights.npz").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"has no model\.toml.*training did not finish"):
        Model.load(tmp_path / "mine")


def test_a_missing_folder_and_a_file_are_named(tmp_path):
    with pytest.raises(ModelError, match="is missing"):
        Model.load(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        Model.load(tmp_path / "file")


def test_saving_is_all_or_nothing(model, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="the disk is full"):
        model.save(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_only_a_model_folder_is_replaced(model, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        model.save(tmp_path / "photos")
    with pytest.raises(OutputError, match="holds other files"):
        model.save(tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "a.jpg").read_text() == "precious"


def test_a_bundled_model_is_called_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_card(model_folder("general")).general
    (tmp_path / "general").mkdir()
    assert read_card(model_folder("general")).general
    (tmp_path / "general" / "model.toml").touch()  # a model of that name is meant, if there is one
    with pytest.raises(ModelError):
        read_card(model_folder("general"))


def test_the_bundled_model_is_whole():
    folder = model_folder("general")
    card = load_toml(folder / "model.toml")
    assert {w["name"]: w["bytes"] for w in card["weights"]} == {
        "weights.npz": (folder / "weights.npz").stat().st_size
    }


def rewritten(folder, weights, compress=False):
    """Replace the weights and what the card says of them, as anybody could."""
    arrays = {f"{number:03d}": w for number, w in enumerate(weights)}
    (np.savez_compressed if compress else np.savez)(folder / "weights.npz", **arrays)
    card = load_toml(folder / "model.toml")
    file = folder / "weights.npz"
    entry = {"name": file.name, "bytes": file.stat().st_size, "sha256": sha256(file)}
    card |= {"weights": [entry], "checksum": ""}
    write_config(folder / "model.toml", card, overwrite=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e18])
def test_weights_that_are_no_numbers_are_refused(model, folder, value):
    weights = model.keras_model.get_weights()
    weights[3].flat[0] = value
    rewritten(folder, weights)
    with pytest.raises(ModelError, match="finite numbers of at most"):
        Model.load(folder)


def test_weights_that_would_fill_the_memory_are_refused_unread(model, folder):
    weights = model.keras_model.get_weights()
    weights[3] = np.broadcast_to(np.float32(0), (1 << 16, 1 << 10))
    rewritten(folder, weights, compress=True)
    assert (folder / "weights.npz").stat().st_size < 1 << 23
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="does not fit this version's network"):
            Model.load(folder)
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"confidence": (0.0, 1.0)}, "3 values of score, 2 of confidence"),
        ({"score": (0.0, 1.0, 0.5)}, "score does not rise"),
        ({"confidence": (0.0, 0.25, 7.0)}, "confidence from 0 to 7"),
        ({"spread_factor": (1.0, float("nan"))}, "calibration is nan"),
        ({"spread_score": (), "spread_factor": ()}, "0 values of spread_score"),
    ],
)
def test_a_calibration_that_is_none_is_refused(folder, change, said):
    card = load_toml(folder / "model.toml")
    card["calibration"] |= change
    card["checksum"] = ""
    write_config(folder / "model.toml", card, overwrite=True)
    with pytest.raises(ModelError, match="damaged") as raised:
        read_card(folder)
    assert said in str(raised.value)


def test_a_models_psf_is_kept_in_its_folder(model, tmp_path):
    table = gaussian_table(131.25, PARTS["camera"].pixel_size_nm)
    with_psf = Model(model.card, model.keras_model, table=table)
    with_psf.save(tmp_path / "with_psf")
    again = Model.load(tmp_path / "with_psf")
    np.testing.assert_array_equal(again.table.values, table.values)
    shutil.move(tmp_path / "with_psf", tmp_path / "moved")
    assert Model.load(tmp_path / "moved").table is not None


def test_a_card_of_before_new_settings_is_not_damaged(folder):
    text = (folder / "model.toml").read_text()
    card = read_card(folder)
    values = load_toml(folder / "model.toml")
    del values["emitters"]["on_time_frames"], values["checksum"]
    older = ModelCard.parse(values)
    lines = [line for line in text.splitlines() if not line.startswith("on_time_frames")]
    text = "\n".join(lines).replace(card.checksum, older.own_checksum())
    (folder / "model.toml").write_text(text)
    assert read_card(folder).emitters == card.emitters


def test_the_name_of_the_bundled_model_is_hinted_at():
    with pytest.raises(ModelError, match=r"generl is missing; .* did you mean 'general'"):
        Model.load("generl")
    with pytest.raises(ModelError, match="or general, the model that comes with"):
        Model.load("models/none")
    with pytest.raises(ModelError, match="model is None; expected a model folder"):
        Model.load(None)
