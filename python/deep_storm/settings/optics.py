"""Settings of a PSF from theory: the objective's pupil and its aberrations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from deep_storm.settings.base import Settings, setting

FIRST_HIGHER_MODE = 12
"""Noll's index of the first mode without a name of its own."""
MAX_HIGHER_MODES = 25
NAMED_MODES = (
    "oblique_astigmatism_waves",
    "astigmatism_waves",
    "vertical_coma_waves",
    "horizontal_coma_waves",
    "vertical_trefoil_waves",
    "oblique_trefoil_waves",
    "spherical_waves",
)
"""Settings of a pupil that are coefficients of Noll's modes 5 to 11, in that order."""


def _mode(noll: int, name: str) -> Any:
    """Declare the coefficient of a Zernike mode."""
    return setting(0.0, f"{name} (Noll {noll})", unit="wavelengths rms", ge=-2, le=2)


class Pupil(Settings):
    """The objective's pupil: numerical aperture, refractive indices and aberrations."""

    numerical_aperture: float = setting(
        ..., "numerical aperture of the objective", example=1.4, gt=0.05, le=1.8
    )
    wavelength_nm: float = setting(
        ..., "emission wavelength in vacuum", unit="nm", example=670.0, ge=200, le=2000
    )
    immersion_index: float = setting(
        1.515, "refractive index of the immersion medium", ge=1.0, le=2.0
    )
    sample_index: float | None = setting(
        None, "refractive index around the emitters; default: the immersion's", ge=1.0, le=2.0
    )
    depth_nm: float = setting(
        0.0, "depth of the focus behind the cover glass", unit="nm", ge=0, le=100_000
    )
    model: Literal["scalar", "vectorial"] = setting(
        "scalar", "scalar, or vectorial: polarized light of freely rotating dipoles"
    )
    apodization: Literal["none", "aplanatic"] = setting(
        "none",
        "amplitude across the pupil: none (uniform) or aplanatic (1/√cos of the angle)",
    )
    oblique_astigmatism_waves: float = _mode(5, "oblique astigmatism")
    astigmatism_waves: float = _mode(6, "vertical astigmatism")
    vertical_coma_waves: float = _mode(7, "vertical coma")
    horizontal_coma_waves: float = _mode(8, "horizontal coma")
    vertical_trefoil_waves: float = _mode(9, "vertical trefoil")
    oblique_trefoil_waves: float = _mode(10, "oblique trefoil")
    spherical_waves: float = _mode(11, "primary spherical aberration")
    phase_mask: Literal["none", "double helix", "tetrapod"] = setting(
        "none",
        "phase mask in the pupil: none, double helix (two spots that turn with depth) or tetrapod "
        "(a large range of depths)",
    )
    mask_rings: int = setting(
        5, "rings of the double helix: more rings turn more slowly over a larger range", ge=2, le=15
    )
    mask_waves: float = setting(
        0.35,
        "strength of the tetrapod; it grows with the range of depths, 0.35 suits ± 1.5 µm",
        unit="wavelengths rms",
        gt=0,
        le=2,
    )
    higher_waves: tuple[float, ...] = setting(
        (),
        "coefficients of Noll's modes 12, 13, … in that order",
        unit="wavelengths rms",
        max_length=MAX_HIGHER_MODES,
    )

    @model_validator(mode="after")
    def _opening_is_possible(self) -> Pupil:
        if self.numerical_aperture >= self.immersion_index:
            raise ValueError(
                f"numerical_aperture is {self.numerical_aperture:g} with an immersion_index of "
                f"{self.immersion_index:g}; the aperture must be smaller than the index"
            )
        return self

    def modes(self) -> dict[int, float]:
        """Return the coefficients that are not zero: Noll's index to wavelengths rms."""
        named = [float(getattr(self, name)) for name in NAMED_MODES]
        first = FIRST_HIGHER_MODE - len(named)
        return {j: waves for j, waves in enumerate((*named, *self.higher_waves), first) if waves}


class TheoryPsf(Pupil):
    """A PSF from theory in a file: its pupil, and the depths to compute."""

    z_reach_nm: float = setting(
        800.0, "depths on either side of the focus", unit="nm", ge=0, le=20_000
    )
    z_step_nm: float = setting(80.0, "distance of the planes", unit="nm", ge=5, le=1000)
