"""An imported simulation in depth trains a model that tells z."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.inputs.training_data import imported_simulation
from deep_storm.io.psf_files import write_psf
from deep_storm.psf.elliptical import Widths, elliptical_table

pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
Z_NM = np.linspace(-450.0, 450.0, 19)
SHORT = {"steps": 4, "batch": 2, "patch_size_px": 32}


def width_nm(z_nm, focus_nm):
    return 140.0 * np.sqrt(1.0 + ((z_nm - focus_nm) / 300.0) ** 2)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return a folder with a PSF and a simulation with it, whose truth has depths."""
    folder = tmp_path_factory.mktemp("imported")
    table = elliptical_table(Widths(Z_NM, *(width_nm(Z_NM, f) for f in (-200.0, 200.0))), 100.0)
    write_psf(folder / "astigmatic.toml", table)
    ds.simulate(
        output=folder / "sim", camera=CAMERA, psf_file=str(folder / "astigmatic.toml"),
        depth_reach_nm=400, density_per_um2=1, intensity_photon=3000, background_photon=10,
        frames=12, width_px=40, height_px=40,
    )  # fmt: skip
    return folder


def checked_depths(model, work):
    assert model.card.scales.depth_reach_nm == pytest.approx(400.0, rel=0.03)
    assert model.table is not None
    assert model.card.calibration.depth_factor is not None
    found = ds.reconstruct(work / "sim.tif", model=model, threshold=0, frames="1:3").table
    assert {"z_nm", "uncertainty_z_nm"} <= set(found.columns)


def test_with_the_file_of_its_psf(work):
    trained = ds.train(
        simulation=(work / "sim.tif", work / "sim.csv"),
        psf_file=str(work / "astigmatic.toml"),
        output=work / "model",
        **SHORT,
    )
    checked_depths(ds.Model.load(work / "model"), work)
    assert trained.model.card.training["data"] == "imported simulation"


def test_with_the_widths_of_its_truth(work, tmp_path):
    rows = (work / "sim.csv").read_text().splitlines()
    names = [name.strip('"') for name in rows[0].split(",")]
    sigma, z = names.index("sigma [nm]"), names.index("z [nm]")
    written = [",".join(f'"{n}"' for n in [*names[:sigma], "sigma1 [nm]", "sigma2 [nm]",
                                           *names[sigma + 1 :]])]  # fmt: skip
    for row in rows[1:]:
        values = row.split(",")
        widths = [f"{width_nm(float(values[z]), focus):.4f}" for focus in (-200.0, 200.0)]
        written.append(",".join([*values[:sigma], *widths, *values[sigma + 1 :]]))
    (tmp_path / "truth.csv").write_text("\n".join(written) + "\n")
    truth = tmp_path / "truth.csv"
    model = ds.train(simulation=(work / "sim.tif", truth), camera=CAMERA, **SHORT).model
    checked_depths(model, work)
    assert model.table is not None
    assert model.table.plane(300.0).max() == pytest.approx(model.table.plane(-300.0).max(), rel=0.1)


def test_without_either_the_model_says_that_it_will_not_tell_z(work):
    given = {"camera": None, "psf": None, "emitters": None, "background": None}
    with pytest.warns(UserWarning, match="will not give z"):
        imported, molecules = imported_simulation((work / "sim.tif", work / "sim.csv"), given, None)
    imported.stream.close()
    assert molecules.depth_reach_nm is None
    assert molecules.psf.spread_in_depth_nm == 0.0


def test_a_psf_that_does_not_cover_the_depths_is_refused(work, tmp_path):
    flat = elliptical_table(
        Widths(Z_NM[8:11], *(width_nm(Z_NM[8:11], f) for f in (-200.0, 200.0))), 100.0
    )
    write_psf(tmp_path / "flat.toml", flat)
    with pytest.raises(PsfError, match="depths from"):
        ds.train(
            simulation=(work / "sim.tif", work / "sim.csv"),
            psf_file=str(tmp_path / "flat.toml"),
            **SHORT,
        )
