"""What simulation teaches, kept for the next run with the same experiment."""

import json
from dataclasses import replace

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.refining import Refinement, proposals_from
from deep_storm.inputs import learnt, remembered
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.io import kept
from deep_storm.model_card import Calibration
from deep_storm.networks import precision as computing
from deep_storm.networks.native import NativeNetwork
from deep_storm.settings import Background, Device, Emitters, Psf
from deep_storm.training import brightness, calibration, refining
from deep_storm.training.session import Molecules
from deep_storm.training.sharing import Light

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
EMITTERS = Emitters(density_per_um2=2.0, intensity_photon=1400.0, intensity_std_photon=300.0)
MOLECULES = Molecules(CAMERA, Psf(sigma_nm=110), EMITTERS, Background(background_photon=20))
WINDOWS = [np.zeros((2, 8, 8), np.float32)]


@pytest.fixture(scope="module")
def general():
    return ds.Model.load("general")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    return tmp_path / "learnt"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(calibration, "EMITTERS", {"native": 400})
    monkeypatch.setattr(refining, "EMITTERS", 200)


def forbidden(*_, **__):
    raise AssertionError("learnt again")


def test_threshold_and_confidence_are_the_same_when_kept(general, folder, quick, monkeypatch):
    first = learnt.calibrated(general, MOLECULES)
    monkeypatch.setattr(calibration, "calibrate", forbidden)
    second = learnt.calibrated(general, MOLECULES)
    assert (first.kept, second.kept) == (False, True)
    assert second.value.card == first.value.card
    assert second.value.card.own_checksum() == first.value.card.own_checksum()
    assert second.value.keras_model is general.keras_model
    assert first.said("It was") == ()
    assert str(folder) in second.said("It was")[0]


def test_a_refinement_is_the_same_when_kept(general, folder, quick, monkeypatch):
    structured = MOLECULES.emitters.model_copy(update={"structure": "filaments"})
    model = learnt.calibrated(general, replace(MOLECULES, emitters=structured)).value
    first = learnt.learnt_refinement(model)
    monkeypatch.setattr(refining, "learn_refinement", forbidden)
    second = learnt.learnt_refinement(model)
    assert second.kept
    for name in Refinement.__dataclass_fields__:
        if name not in ("refiner", "card"):
            assert getattr(second.value, name) == getattr(first.value, name), name
    priors = [r.value.refiner.prior for r in (first, second)]
    assert priors[0].log_density == priors[1].log_density
    assert priors[0].photons_std == priors[1].photons_std
    frame = np.random.default_rng(1).poisson(30, (24, 24)).astype(np.float32)
    proposals = proposals_from(_candidates(), model.card, first.value.refiner.shape)
    one, other = (r.value.refiner.refine(frame, proposals) for r in (first, second))
    assert np.array_equal(one.x_px, other.x_px)
    assert np.array_equal(one.evidence, other.evidence)


def _candidates():
    place = np.array([8.2, 15.5], np.float32)
    ones = np.ones(2, np.float32)
    return Candidates(np.zeros(2, np.int64), place, place, 0.1 * ones, 0.9 * ones, ones, ones, ones)


@pytest.mark.parametrize("found", [None, Light(EMITTERS, MOLECULES.background)])
def test_a_matched_brightness_is_the_same_when_kept(general, folder, monkeypatch, found):
    monkeypatch.setattr(brightness, "brightness", lambda *_: found)
    assert learnt.matched_brightness(general, MOLECULES, WINDOWS) == (found, False)
    monkeypatch.setattr(brightness, "brightness", forbidden)
    assert learnt.matched_brightness(general, MOLECULES, WINDOWS) == (found, True)
    others = [WINDOWS[0] + 1.0]
    for other in ((others,), (WINDOWS, True)):
        with pytest.raises(AssertionError, match="learnt again"):
            learnt.matched_brightness(general, MOLECULES, *other)


def test_the_key_stands_for_all_that_goes_in(general, monkeypatch):
    def key(model=general, maps=None, amount=100, *frames):
        return learnt._key("what", model, maps, amount, *frames)

    maps = CameraMaps(baseline_adu=np.full((8, 8), 100.0, np.float32))
    card = general.card.model_copy(update={"threshold": 0.123})
    keys = [
        key(),
        key(replace(general, card=card)),
        key(replace(general, precision="bfloat16")),
        key(maps=maps),
        key(general, None, 101),
        key(general, None, 100, *WINDOWS),
        key(general, None, 100, WINDOWS[0].astype(np.float64)),
    ]
    weights = general.keras_model.get_weights()
    changed = [weights[0] * 1.001, *weights[1:]]
    general.keras_model.set_weights(changed)
    keys.append(key())
    general.keras_model.set_weights(weights)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    keys.append(key())
    monkeypatch.undo()
    monkeypatch.setattr(remembered, "_source", lambda: "another")
    keys.append(key())
    assert len(set(keys)) == len(keys)
    monkeypatch.undo()
    assert key() == keys[0]


def test_it_is_learnt_in_the_precision_of_the_run(general, quick, monkeypatch):
    seen = []
    compiled = NativeNetwork.inference

    def inference(self, model, scales, dtype="float32", xla=False):
        seen.append(dtype)
        return compiled(self, model, scales)  # not every processor can

    monkeypatch.setattr(NativeNetwork, "inference", inference)
    monkeypatch.setattr(computing, "bfloat16_gain", lambda: 2.0)
    known = Expected(CAMERA, MOLECULES.psf, EMITTERS, MOLECULES.background)
    for precision in ("float32", "auto"):
        ready_model(general, known, device=Device(device="cpu", precision=precision))
    monkeypatch.setattr(computing, "gpu_names", lambda: ["a GPU"])
    assert ready_model(general, known).estimated == ()
    assert seen == ["float32", "bfloat16", "float32"]


def test_what_does_not_belong_there_is_learnt_anew(general, folder, quick, monkeypatch):
    first = learnt.calibrated(general, MOLECULES).value
    (path,) = folder.iterdir()
    for values in (7, {}, {"calibration": {"score": "none"}}, {"calibration": 3, "scores": 1}):
        kept.keep(path.stem, values)
        assert learnt.calibrated(general, MOLECULES).value.card == first.card
    monkeypatch.setattr(calibration, "calibrate", forbidden)
    assert learnt.calibrated(general, MOLECULES).kept
    assert json.loads(path.read_text())["values"]["threshold"] == first.card.threshold
    assert isinstance(first.card.calibration, Calibration)
