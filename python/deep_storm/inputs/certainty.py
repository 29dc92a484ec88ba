"""Whether an estimate is precise enough for a model; otherwise which settings to give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deep_storm.errors import SettingsError
from deep_storm.estimation.plausibility import check_plausible
from deep_storm.inputs.expected import Expected
from deep_storm.settings import Domain

if TYPE_CHECKING:
    from deep_storm.estimation.result import Estimate
    from deep_storm.training.session import Molecules

MAX_ERRORS = {"sigma": 0.15, "photons": 0.4, "background": 0.4, "density": 1.0}
"""Relative standard errors beyond which a number is not used."""
NEGLIGIBLE_BACKGROUND_PHOTON = 3.0
MAX_OUTSIDE = 1.5
"""Factor by which a number may lie outside of what the general model was trained for."""
OF_PART = {
    "psf": ("sigma",),
    "emitters": ("photons", "density"),
    "background": ("background",),
}
"""The numbers of each part that can be given by hand; a part is given as a whole."""
OPTIONS = {
    "sigma": "--sigma-nm",
    "photons": "--intensity-photon",
    "background": "--background-photon",
    "density": "--density-per-um2",
}


def check_known(
    estimate: Estimate,
    molecules: Molecules,
    domain: Domain | None,
    psf_measured: bool,
    expected: Expected,
) -> None:
    """Refuse an estimate whose numbers are too uncertain.

    Parameters
    ----------
    estimate
        What was estimated of the stack.
    molecules
        What the model is going to be given.
    domain
        What it was trained for.
    psf_measured
        Whether sigma, photons and background come from the measured PSF.
    expected
        What was given by hand: nobody asks how well the movie tells that.

    Raises
    ------
    SettingsError
        A number is too uncertain, or the model does not know its like.
    CameraError
        The molecules cannot be.
    """
    parts = molecules.camera, molecules.psf, molecules.emitters, molecules.background
    check_plausible(*parts, "the movie")
    given = {name for part, names in OF_PART.items() if getattr(expected, part) for name in names}
    wanted = [] if psf_measured else [n for n in unsure(estimate) if n not in given]
    if wanted:
        numbers = ", ".join(f"{n} {_number(estimate, n)}" for n in wanted)
        options = " ".join(OPTIONS[n] for n in wanted)
        others = [OPTIONS[n] for n in OF_PART["emitters"] if n not in wanted]
        also = f" (and {others[0]} with it)" if len(others) == 1 else ""
        raise SettingsError(
            f"the movie does not show clearly enough what its molecules are like ({numbers})",
            "values that are known well enough to count molecules",
            f"give {options} yourself{also}, for instance from a similar movie, or more frames",
        )
    if domain is not None:
        _check_domain(molecules, domain)


def unsure(estimate: Estimate) -> list[str]:
    """Return the names of the numbers that are too uncertain."""
    found = []
    for name, limit in MAX_ERRORS.items():
        quantity = estimate.quantities[name]
        negligible = name == "background" and quantity.error < NEGLIGIBLE_BACKGROUND_PHOTON
        if not quantity.error <= limit * abs(quantity.value) and not negligible:
            found.append(name)
    return found


def _number(estimate: Estimate, name: str) -> str:
    quantity = estimate.quantities[name]
    return f"{quantity.value:.3g} ± {quantity.error:.2g} {quantity.unit}"


def _check_domain(molecules: Molecules, domain: Domain) -> None:
    """Refuse an estimate far outside of what a general model knows."""
    camera = molecules.camera
    sigma_px = camera.px(molecules.psf.sigma_nm)
    photons = molecules.emitters.intensity_photon
    background = molecules.background.background_photon
    per_px = molecules.emitters.density_per_um2 * camera.pixel_area_um2
    checks = (
        ("PSF sigma", sigma_px, "pixels", domain.sigma_px, "sigma"),
        ("photons of a molecule", photons, "photons", domain.intensity_photon, "photons"),
        ("background", background, "photons", (0.0, domain.background_photon[1]), "background"),
        (
            "density",
            per_px * 1e4,
            "molecules per 100 × 100 pixels",
            (0.0, domain.density_per_um2[1] * 100.0),
            "density",
        ),
    )
    for what, value, unit, (low, high), name in checks:
        if not low / MAX_OUTSIDE <= value <= high * MAX_OUTSIDE:
            raise SettingsError(
                f"the {what} estimated from the movie is {value:.3g} {unit}",
                f"{low:g} to {high:g}, which the general model was trained for",
                f"check the camera; if the value is wrong, give {OPTIONS[name]} yourself; if it "
                "is right, train a model for it (deep-storm estimate, deep-storm train)",
            )
