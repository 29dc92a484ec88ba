"""``evaluate``: a localization table compared with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.settings import Evaluation
from deep_storm.verbs.registry import Argument, verb
from deep_storm.verbs.tables import TableSource, table_of

if TYPE_CHECKING:
    from deep_storm.quality.scores import Comparison


@dataclass(frozen=True)
class EvaluateResult:
    """A table compared with the truth; ``comparison`` has all scores."""

    comparison: Comparison

    @property
    def written(self) -> tuple[Path, ...]:
        """Nothing is written."""
        return ()

    def summary(self) -> str:
        """Return a small table, one line for each tolerance."""
        found = self.comparison
        head = (
            f"Frames {found.first_frame + 1}:{found.last_frame + 1}, {found.localizations} "
            f"localizations, {found.emitters} emitters"
        )
        left_out = (found.localizations_left_out, found.emitters_left_out)
        if any(left_out):
            head += f" ({left_out[0]} and {left_out[1]} in other frames or the border)"
        titles = ("tolerance", "Jaccard", "recall", "precision", "RMSE", "bias x, y", "efficiency")
        lines = ["".join(f"{title:>15}" for title in titles)]
        for s in found.scores:
            cells = (
                f"{s.tolerance_nm:g} nm",
                f"{s.jaccard:.3f}",
                f"{s.recall:.3f}",
                f"{s.precision:.3f}",
                f"{s.rmse_nm:.1f} nm",
                f"{s.bias_x_nm:+.1f}, {s.bias_y_nm:+.1f} nm",
                f"{s.efficiency:.3f}",
            )
            lines.append("".join(f"{cell:>15}" for cell in cells))
        return "\n".join([head, *lines])

    def to_json(self) -> dict[str, Any]:
        """Return all scores at each tolerance."""
        return self.comparison.as_dict()


@verb(
    "compare a localization table with the truth",
    Argument("results", "localization table (CSV)"),
    Argument("truth", "ground truth (CSV)"),
    settings=Evaluation,
)
def evaluate(
    results: TableSource,
    truth: TableSource,
    *,
    settings: Evaluation = Evaluation(),
) -> EvaluateResult:
    """Compare a localization table with the truth, by optimal matching in every frame.

    Parameters
    ----------
    results, truth
        ThunderSTORM tables (CSV), or tables in memory.
    settings
        Tolerances, border and frames.

    Raises
    ------
    TableError
        A table cannot be read, the two have no frames in common, or one is not in nm.
    SettingsError
        A tolerance is not positive, or the frames or the border do not fit.
    """
    from deep_storm.quality.scores import evaluate as compare

    estimated, true = table_of(results), table_of(truth, "ground truth")
    return EvaluateResult(compare(estimated, true, settings))
