"""An estimate that nobody should count molecules by ends in a sentence, not in a table."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.estimation.quantity import Quantity
from deep_storm.inputs.certainty import check_known
from deep_storm.inputs.expected import Expected
from deep_storm.settings import Background, Domain, Emitters, Psf

GOOD = {"sigma": (112, 2), "photons": (1500, 50), "background": (20, 0.3), "density": (0.5, 0.03)}


def checked(errors=None, values=None, em_gain=None, psf_measured=False, expected=Expected()):
    """Check numbers, some with other errors (relative) or values than good ones."""
    numbers = {n: (v, e) for n, (v, e) in GOOD.items()}
    for name, value in (values or {}).items():
        numbers[name] = (value, 0.02 * value)
    for name, share in (errors or {}).items():
        numbers[name] = (numbers[name][0], share * numbers[name][0])
    found = {n: Quantity(v, "", e, None, 100) for n, (v, e) in numbers.items()}
    molecules = SimpleNamespace(
        camera=Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, em_gain=em_gain),
        psf=Psf(sigma_nm=numbers["sigma"][0]),
        emitters=Emitters(
            density_per_um2=numbers["density"][0], intensity_photon=numbers["photons"][0]
        ),
        background=Background(background_photon=numbers["background"][0]),
    )
    check_known(SimpleNamespace(quantities=found), molecules, Domain(), psf_measured, expected)


def test_good_numbers_pass():
    checked()


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("sigma", "--sigma-nm"),
        ("photons", "--intensity-photon"),
        ("density", "--density-per-um2"),
    ],
)
def test_what_is_not_known_is_to_be_given(name, option):
    with pytest.raises(SettingsError, match=f"give {option} yourself"):
        checked(errors={name: 3.0})


def test_what_is_given_need_not_be_told_by_the_movie():
    emitters = Emitters(density_per_um2=0.05, intensity_photon=600)
    checked(errors={"photons": 3.0, "density": 3.0}, expected=Expected(emitters=emitters))
    with pytest.raises(SettingsError, match="give --sigma-nm yourself"):
        checked(errors={"photons": 3.0, "sigma": 3.0}, expected=Expected(emitters=emitters))


def test_photons_and_density_are_given_together():
    with pytest.raises(SettingsError, match=r"--intensity-photon yourself \(and --density-per-um2"):
        checked(errors={"photons": 3.0})


def test_a_background_that_is_nearly_nothing_need_not_be_known():
    checked(values={"background": 0.5}, errors={"background": 2.0})


def test_a_measured_psf_makes_up_for_an_uncertain_estimate():
    checked(errors={"sigma": 0.5}, psf_measured=True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"density": 40.0}, r"later part of the movie"),
        ({"photons": 12.0, "background": 400.0}, "cannot be seen"),
        ({"sigma": 20.0}, "hot pixels"),
    ],
)
def test_molecules_that_cannot_be_name_the_likely_cause(values, said):
    with pytest.raises(CameraError, match=said):
        checked(values=values)


def test_with_em_gain_the_likely_cause_is_where_the_gain_counts():
    with pytest.raises(CameraError, match="before EM gain"):
        checked(values={"density": 40.0}, em_gain=100.0)


def test_what_the_general_model_has_never_seen_is_told():
    with pytest.raises(SettingsError, match="PSF sigma estimated from the movie"):
        checked(values={"sigma": 350.0, "density": 0.1})
