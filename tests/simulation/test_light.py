"""Light of emitters: all of it, at the right depth or width, with a Gaussian or a table."""

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.errors import PsfError, SettingsError
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Emitters, Psf, Pupil
from deep_storm.simulation.emitters import EmitterSet, place_emitters
from deep_storm.simulation.field import Field
from deep_storm.simulation.light import Light
from deep_storm.simulation.structures import Uniform

PUPIL = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, immersion_index=1.515)
AREA_PX = 64.0 * 64.0


@pytest.fixture(scope="module")
def table():
    return pupil_table(PUPIL, 100.0, np.linspace(-400.0, 400.0, 9))


def emitters(count=1, sigma_px=1.2):
    place = np.full(count, 32.3)
    return EmitterSet(
        np.arange(count), place, place, np.full(count, sigma_px), np.full(count, 1000.0)
    )


def drawn(light, placed):
    expected = np.zeros((len(placed), 64, 64), np.float32)
    expected += light.tails(placed, len(placed), AREA_PX)
    light.add(expected, placed)
    return expected


def test_a_gaussian_table_gives_the_gaussians_light():
    psf = Psf(sigma_nm=120.0, sigma_std_nm=0.0)
    plain, table = (
        drawn(Light.of(psf, t, 100.0), emitters()) for t in (None, gaussian_table(120.0, 100.0))
    )
    np.testing.assert_allclose(table, plain, atol=0.05)


def test_light_beyond_the_window_is_spread_over_the_field():
    table = pupil_table(PUPIL, 100.0)
    expected = drawn(Light.of(Psf(sigma_nm=98.0), table, 100.0), emitters())
    assert table.share_beyond(0.0) > 0.01
    assert expected.sum() == pytest.approx(1000.0, rel=2e-3)
    assert expected.min() >= 1000.0 * table.share_beyond(0.0)[()] / AREA_PX - 1e-6


def test_depths_spread_as_asked_and_are_seen_as_width():
    table = pupil_table(PUPIL, 100.0, z_nm=np.linspace(-600.0, 600.0, 7))
    light = Light.of(Psf(sigma_nm=98.0, depth_std_nm=150.0), table, 100.0)
    placed = light.placed(emitters(2000), np.random.default_rng(1))
    assert placed.z_nm.std() == pytest.approx(150.0, rel=0.05)
    far = np.abs(placed.z_nm) > 300.0
    assert placed.sigma_px[far].mean() > 1.1 * placed.sigma_px[~far].mean()
    assert light.has_depth


def test_a_psf_without_depth_is_stretched_for_each_emitter():
    table = gaussian_table(120.0, 100.0, radius_px=9)
    light = Light.of(Psf(sigma_nm=120.0, sigma_std_nm=15.0), table, 100.0)
    wide = drawn(light, light.placed(emitters(1, 1.5), np.random.default_rng(1)))
    plain = drawn(Light.of(Psf(sigma_nm=150.0), None, 100.0), emitters(1, 1.5))
    np.testing.assert_allclose(wide, plain, atol=1.5)
    assert not light.has_depth


def test_a_table_for_other_pixels_is_refused():
    with pytest.raises(PsfError, match="100 nm"):
        Light.of(Psf(sigma_nm=120.0), gaussian_table(120.0, 100.0), 160.0)


def test_a_measured_psf_takes_no_light_from_a_dark_background():
    table = gaussian_table(120.0, 100.0)
    below = replace(table, values=table.values - np.float32(1e-4))
    expected = drawn(Light.of(Psf(sigma_nm=120.0, sigma_std_nm=0.0), below, 100.0), emitters())
    assert expected.min() >= 0.0
    assert expected.max() > 50.0


def test_depths_are_uniform_within_the_reach(table):
    light = Light.of(Psf(sigma_nm=98.0, depth_reach_nm=300.0), table, 100.0)
    count = 4000
    field = Field(32, 32, 100.0)
    settings = Emitters(density_per_um2=1.0, intensity_photon=500)
    rng = np.random.default_rng(1)
    drawn = place_emitters([Uniform(field)], np.array([count / field.area_um2]), field, settings,
                           light.psf, rng)  # fmt: skip
    z_nm = light.placed(drawn, rng).z_nm
    assert np.abs(z_nm).max() <= 300.0
    assert np.std(z_nm) == pytest.approx(300.0 / np.sqrt(3.0), rel=0.05)
    assert light.psf.spread_in_depth_nm == pytest.approx(300.0 / np.sqrt(3.0))


def test_depths_that_the_psf_lacks_are_refused(table):
    with pytest.raises(PsfError, match="PSF without depth"):
        Light.of(Psf(sigma_nm=98.0, depth_reach_nm=300.0), None, 100.0)
    reach = float(table.z_nm[-1])
    with pytest.raises(PsfError, match="lower --depth-reach-nm"):
        Light.of(Psf(sigma_nm=98.0, depth_reach_nm=reach + 100.0), table, 100.0)


def test_depths_have_one_distribution():
    with pytest.raises(SettingsError, match="either normally or uniformly"):
        Psf.parse({"sigma_nm": 100.0, "depth_reach_nm": 300.0, "depth_std_nm": 100.0})
