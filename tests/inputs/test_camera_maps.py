"""sCMOS camera maps through the verbs that take them, and the training set that can be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError, OutputError
from deep_storm.inputs.camera_maps import corrected, laid_over
from deep_storm.io.camera_maps import write_camera_maps
from deep_storm.io.stacks.stream import ArrayFrames

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
MOLECULES = {
    "camera": CAMERA,
    "sigma_nm": 110,
    "density_per_um2": 1.0,
    "intensity_photon": 1500,
    "background_photon": 20,
}
pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")
RNG = np.random.default_rng(4)
MAPS = CameraMaps(
    RNG.uniform(80, 120, (32, 40)).astype(np.float32),
    RNG.uniform(0.4, 0.6, (32, 40)).astype(np.float32),
    RNG.uniform(1, 3, (32, 40)).astype(np.float32),
)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    write_camera_maps(folder / "maps.tif", MAPS)
    options = {"frames": 4, "width_px": 40, "height_px": 32}
    ds.simulate(
        output=folder / "sim", camera_maps=folder / "maps.tif", seed=3, **options, **MOLECULES
    )
    return folder


@pytest.fixture(scope="module")
def model(work):
    return ds.train(
        camera_maps=work / "maps.tif",
        save_training_set=work / "set",
        from_model="none",
        steps=2,
        batch=2,
        **MOLECULES,
    ).model


def test_the_model_remembers_that_there_were_maps_but_not_the_maps(model):
    assert len(model.card.training["camera_maps_sha256"]) == 64


def test_reconstruct_corrects_every_pixel(work, model):
    raw = tifffile.imread(work / "sim.tif").astype(np.float32)
    even = ((raw - MAPS.baseline_adu) * MAPS.photons_per_adu / 0.5 + 100).astype(np.float32)
    expected = ds.reconstruct(even, model=model, threshold=0)
    done = ds.reconstruct(work / "sim.tif", model=model, camera_maps=work / "maps.tif", threshold=0)
    np.testing.assert_allclose(done.image, expected.image, rtol=1e-3, atol=1e-5)
    assert "corrected pixel by pixel with the camera maps maps.tif" in done.summary()


def test_reconstruct_says_when_maps_are_missing(work, model):
    done = ds.reconstruct(work / "sim.tif", model=model, frames="1:1")
    assert any("without --camera-maps" in note for note in done.notes)


def test_preview_corrects_too(work, model):
    shown = ds.preview(work / "sim.tif", model=model, camera_maps=MAPS, frame=2, threshold=0)
    done = ds.reconstruct(
        work / "sim.tif", model=model, camera_maps=MAPS, frames="2:2", threshold=0
    )
    np.testing.assert_array_equal(shown.table["x_nm"], done.table["x_nm"])
    assert shown.notes == done.notes
    assert "corrected pixel by pixel with the camera maps" in shown.summary()
    assert "without --camera-maps" not in shown.summary()


def test_preview_says_when_maps_are_missing(work, model):
    shown = ds.preview(work / "sim.tif", model=model)
    assert any("without --camera-maps" in note for note in shown.notes)


def test_an_imported_simulation_is_corrected(work, monkeypatch):
    class Begun(Exception):
        pass

    def begin(*_):
        raise Begun

    monkeypatch.setattr("deep_storm.runs.training.train_model", begin)
    options = {"simulation": (work / "sim.tif", work / "sim.csv"), "camera": CAMERA}
    for name, maps in (("plain", None), ("corrected", MAPS)):
        with pytest.raises(Begun):
            ds.train(camera_maps=maps, save_training_set=work / name, **options)
    plain, corrected = (tifffile.imread(work / f"{n}.tif") for n in ("plain", "corrected"))
    # the spread of the pixels' baselines is gone where there is no light
    assert np.percentile(corrected, 5) > np.percentile(plain, 5) + 5


def test_the_training_set_is_a_stack_with_its_truth_and_a_picture(work, model):
    stack = tifffile.imread(work / "set.tif")
    assert stack.shape == (256, 32, 32)
    truth = ds.read_table(work / "set.csv", kind="ground truth")
    assert truth["frame"].max() < 256
    assert truth[["x_nm", "y_nm"]].to_numpy().max() <= 3200
    assert (work / "set.png").stat().st_size > 20_000
    described = ds.import_simulation(work / "set.tif", work / "set.csv", camera=CAMERA)
    assert described.frames == 256


def test_the_training_set_replaces_nothing_unasked(work, model):
    with pytest.raises(OutputError, match=r"set\.tif"):
        ds.train(save_training_set=work / "set", steps=1, **MOLECULES)


def test_offsets_relative_to_the_baseline_are_taken_and_said(work, model):
    relative = replace(MAPS, baseline_adu=MAPS.baseline_adu - np.float32(100))
    absolute = ds.reconstruct(work / "sim.tif", model=model, camera_maps=MAPS, frames="1:1")
    done = ds.reconstruct(work / "sim.tif", model=model, camera_maps=relative, frames="1:1")
    np.testing.assert_allclose(done.image, absolute.image, rtol=1e-4, atol=1e-6)
    assert "100 ADU were added" in done.summary()
    assert "were added" not in absolute.summary()
    with pytest.warns(UserWarning, match="relative to the camera's baseline"):
        ds.simulate(output=work / "again", camera_maps=relative, frames=1, width_px=40,
                    height_px=32, seed=3, **MOLECULES)  # fmt: skip
    first, again = (tifffile.imread(work / f"{name}.tif") for name in ("sim", "again"))
    np.testing.assert_array_equal(first[:1].squeeze(), again.squeeze())


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (CameraMaps(np.full((32, 40), 400, np.float32)), "median baseline_adu of 400"),
        (CameraMaps(np.full((40, 32), 100, np.float32)), "32 × 40 px"),
    ],
)
def test_maps_of_another_camera_or_field_are_refused(work, model, maps, said):
    with pytest.raises(CameraError, match=said):
        ds.reconstruct(work / "sim.tif", model=model, camera_maps=maps)


def lying(turned=False):
    """A movie of a camera with noisy pixels, and maps of it."""
    rng = np.random.default_rng(8)
    noise = np.sqrt(rng.gamma(2.0, 2.0, (40, 40))).astype(np.float32) * 2
    frames = rng.normal(100.0, np.hypot(noise, 3.0), (12, 40, 40)).astype(np.float32)
    maps = CameraMaps(read_noise_adu=np.ascontiguousarray(noise.T) if turned else noise)
    return ArrayFrames(frames, 100.0, "movie.tif"), maps, noise


def test_maps_with_rows_and_columns_swapped_are_turned():
    stream, maps, noise = lying(turned=True)
    found, said = laid_over(maps, stream)
    np.testing.assert_array_equal(found.read_noise_adu, noise)
    assert "only with rows and columns swapped" in said
    with pytest.warns(UserWarning, match="rows and columns swapped"):
        frames = corrected(stream, CAMERA, maps)
    np.testing.assert_allclose(frames.noise.read_noise_adu, noise)


def test_maps_that_lie_right_are_taken_without_a_word():
    stream, maps, _ = lying()
    assert laid_over(maps, stream) == (maps, "")


def test_maps_of_another_part_of_the_chip_are_refused():
    stream, _, noise = lying()
    other = CameraMaps(read_noise_adu=np.roll(noise, 11, axis=(0, 1)))
    with pytest.raises(CameraError, match=r"call noisy are not noisy in movie\.tif.*dark frames"):
        laid_over(other, stream)
