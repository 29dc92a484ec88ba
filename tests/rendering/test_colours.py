import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import TableError
from deep_storm.rendering.colours import coloured, colouring_of, local_density_per_um2
from deep_storm.rendering.palette import palette
from deep_storm.settings import Rendering


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"x_nm": [0.0, 1.0, 2.0], "y_nm": 0.0, **columns})


def test_frames_run_from_blue_to_red_and_count_from_one():
    colouring = colouring_of(table(frame=[4, 9, 14]), Rendering(colour="frame"))
    assert colouring.shade.tolist() == [0, 0.5, 1]
    assert colouring.legend() == "colour: frame from 5 (blue) to 15 (red)"


def test_confidence_has_a_fixed_scale():
    colouring = colouring_of(table(confidence=[0.2, 0.5, 0.9]), Rendering(colour="confidence"))
    assert colouring.shade.tolist() == [0.2, 0.5, 0.9]


def test_one_frame_has_one_colour():
    assert not colouring_of(table(frame=0), Rendering(colour="frame")).shade.any()


@pytest.mark.parametrize("name", ["frame", "confidence"])
def test_the_column_is_needed_and_must_be_finite(name):
    with pytest.raises(TableError, match=f"no column {name}"):
        colouring_of(table(), Rendering(colour=name))
    with pytest.raises(TableError, match=f"nan as {name} in row 2"):
        colouring_of(table(**{name: [1.0, np.nan, 1.0]}), Rendering(colour=name))


def test_local_density_is_that_of_a_uniform_field():
    rng = np.random.default_rng(0)
    x_nm, y_nm = rng.uniform(0, 10_000, (2, 50_000))  # 500 per µm²
    density = local_density_per_um2(pd.DataFrame({"x_nm": x_nm, "y_nm": y_nm}), 100)
    inner = (abs(x_nm - 5000) < 4500) & (abs(y_nm - 5000) < 4500)
    # Each counts itself too, by 1 / (4 π σ²) or so.
    assert np.mean(density[inner]) == pytest.approx(500 + 1 / (2 * np.pi * 0.01), rel=0.02)


def test_crowded_places_are_red_and_lonely_ones_blue():
    rng = np.random.default_rng(1)
    x_nm = np.concatenate([rng.normal(1000, 10, 500), rng.uniform(3000, 60_000, 500)])
    where = pd.DataFrame({"x_nm": x_nm, "y_nm": 0.0})
    shade = colouring_of(where, Rendering(colour="density")).shade
    assert shade[:500].mean() > 0.8
    assert shade[500:].mean() < 0.2


def test_brightness_is_the_density_and_hue_the_mean_shade():
    density = np.array([[0.0, 2.0, 4.0, 8.0]], np.float32)
    pixels = coloured(density, density * np.float32(1), brightest=4)[0]
    assert pixels[0].tolist() == [0, 0, 0]
    assert pixels[2].tolist() == pixels[3].tolist() == palette()[-1].tolist()
    assert pixels[1] == pytest.approx(palette()[-1] / 2, abs=1)


def test_depth_runs_from_blue_to_red():
    z_nm = np.linspace(-300.0, 300.0, 601)
    colouring = colouring_of(pd.DataFrame({"z_nm": z_nm}), Rendering(colour="z"))
    assert colouring.shade[0] == 0.0
    assert colouring.shade[-1] == 1.0
    assert colouring.shade[300] == pytest.approx(0.5)
    assert colouring.legend() == "colour: z (nm) from -294 (blue) to 294 (red)"
