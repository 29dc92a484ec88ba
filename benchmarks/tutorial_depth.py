"""Make the pictures of the tutorial's section on depth anew.

    python benchmarks/tutorial_depth.py            # about two minutes on two cores

Nine beads are simulated and calibrated, a movie of filaments is simulated with that PSF, localized
by the general model with refinement, held against its truth and rendered. What is printed stands
below the pictures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import deep_storm as ds
from deep_storm.cli import main as deep_storm
from deep_storm.io.camera_files import write_camera
from deep_storm.io.images import write_stack
from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil
from deep_storm.simulation.noise import expose

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=3.0)
LENS = Pupil(numerical_aperture=1.2, wavelength_nm=670.0, astigmatism_waves=0.12)
STEP_NM, SCAN_NM, EDGE_PX = 40.0, 700.0, 150
MOLECULES = (
    "--camera camera.toml --psf-file psf3d.toml --depth-reach-nm 400 --density-per-um2 0.8 "
    "--intensity-photon 2400 --background-photon 20"
)
COMMANDS = (
    f"calibrate-psf beads.tif --z-step-nm {STEP_NM:g} --camera camera.toml -o psf3d.toml",
    f"simulate {MOLECULES} --structure filaments --frames 250 --width-px 64 --height-px 64 "
    "-o astig",
    f"reconstruct astig.tif --model general {MOLECULES} --refine -o results/astig",
    "evaluate results/astig.csv astig.csv --tolerance-nm 250 --axial-tolerance-nm 500",
    "render results/astig.csv --colour z -o results/astig_z.png",
)
PICTURES = {"psf3d.png": "depth-psf.png", "results/astig_z.png": "depth-image.png"}
WIDEST_PX = 900


def beads() -> np.ndarray:
    """Return a z-stack of nine beads at places nobody knows."""
    rng = np.random.default_rng(2)
    table = pupil_table(LENS, 100.0, np.linspace(-1000.0, 1000.0, 41))
    y, x = (a.ravel() + rng.uniform(-1.0, 1.0, 9) for a in np.mgrid[27:124:48, 27:124:48] * 1.0)
    depths = np.arange(-SCAN_NM, SCAN_NM + 1.0, STEP_NM)
    light = np.full((depths.size, EDGE_PX, EDGE_PX), 10.0, np.float32)
    for frame, z_nm in enumerate(depths):
        add_table_emitters(
            light, np.full(9, frame), x, y, np.full(9, z_nm), np.full(9, 9000.0),
            table.coefficients, table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm,
        )  # fmt: skip
    return expose(light, CAMERA, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="keep all files there; default: none are kept")
    folder = Path(parser.parse_args().folder or tempfile.mkdtemp())
    (folder / "results").mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    write_stack("beads.tif", beads(), CAMERA.pixel_size_nm)
    write_camera("camera.toml", CAMERA)
    for command in COMMANDS:
        print(f"deep-storm {command}", flush=True)
        if deep_storm(command.split()) != 0:
            raise SystemExit(f"{command.split()[0]} failed")
    for made, name in PICTURES.items():
        shutil.copyfile(made, IMAGES / name)
        with Image.open(IMAGES / name) as picture:
            if picture.width > WIDEST_PX:
                height = round(picture.height * WIDEST_PX / picture.width)
                picture.convert("RGB").resize((WIDEST_PX, height)).save(
                    IMAGES / name, optimize=True
                )


if __name__ == "__main__":
    main()
