"""A measured number as a person reads it."""

import pytest

from deep_storm.estimation.quantity import Quantity


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Quantity(1.0, "frames", 0.0067, None, 8679), "1 frame (± 0.0067, n = 8,679)"),
        (Quantity(1.2, "frames", 0.02, None, 10), "1.2 frames (± 0.02, n = 10)"),
        (
            Quantity(1498.0, "photons", 18.0, 402.0, 3120),
            "1498 ± 402 photons (mean known to 1.2%, n = 3,120)",
        ),
        (Quantity(1.0, "per µm² per frame", 0.0, lower_limit=True), "at least 1 per µm² per frame"),
    ],
)
def test_numbers_with_units(quantity, text):
    assert quantity.text() == text
