"""A measured number with its error, spread and number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deep_storm.words import rounded


@dataclass(frozen=True)
class Quantity:
    """A measured number.

    Attributes
    ----------
    value
        The number.
    unit
        Its unit, as written.
    error
        Standard error of the number.
    spread
        Standard deviation of what it is the mean of, from emitter to emitter or frame to frame;
        None where that was not measured.
    samples
        How many emitters, frames or pixels it comes from.
    lower_limit
        Whether the true number may be larger, not smaller.
    warnings
        Why it cannot be trusted, each a sentence.
    """

    value: float
    unit: str
    error: float
    spread: float | None = None
    samples: int = 0
    lower_limit: bool = False
    warnings: tuple[str, ...] = ()

    def text(self) -> str:
        """Write the number, its spread or error, and the number of samples.

        ``1498 ± 402 photons (mean known to 1.2%, n = 3,120)``, ``100.1 ADU (± 0.2, n = 200)``.
        """
        value = f"{'at least ' if self.lower_limit else ''}{rounded(self.value, 4):g}"
        if self.spread:
            value += f" ± {rounded(self.spread, 3):g}"
            known = f"mean known to {abs(self.error / self.value):.1%}" if self.value else ""
        else:
            known = f"± {rounded(self.error, 2):g}" if self.error > 0 else ""
        samples = f"n = {self.samples:,}" if self.samples else ""
        about = ", ".join(part for part in (known, samples) if part)
        unit = self.unit.removesuffix("s") if value == "1" else self.unit
        return f"{value} {unit}" + (f" ({about})" if about else "")

    def to_json(self) -> dict[str, Any]:
        """Return everything in numbers and words."""
        return {
            "value": self.value,
            "unit": self.unit,
            "error": self.error,
            "spread": self.spread,
            "samples": self.samples,
            "lower_limit": self.lower_limit,
            "warnings": list(self.warnings),
        }
