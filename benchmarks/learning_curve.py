"""Jaccard index over training minutes, from the general model and from nothing.

    python benchmarks/learning_curve.py -o docs/images/learning-curve.png

Each point is a training of its own with that budget. Scored on all frames of ``cmos_d2`` in
``../shared`` (else on the 30 bundled ones), with the threshold that the model stores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from accuracy import measured, model_for, thunderstorm_set


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 2, 4, 8])
    parser.add_argument("--set", default="cmos_d2")
    parser.add_argument("-o", "--output", type=Path, help="picture (.png)")
    options = parser.parse_args()
    data = thunderstorm_set(options.set)
    curves: dict[str, list[tuple[float, float]]] = {}
    print(f"{'from':<10}{'minutes':>8}{'steps':>7}{'Jaccard':>9}{'RMSE nm':>9}")
    model, minutes = model_for("general", data, 0, None, 1)
    row = measured(data, "general", model, minutes, refine=False)
    print(f"{'general':<10}{0:>8}{0:>7}{row['jaccard']:>9.4f}{row['rmse_nm']:>9.2f}", flush=True)
    curves["from the general model"] = [(0.0, row["jaccard"])]
    for name, way in (("from the general model", "trained"), ("from nothing", "scratch")):
        for budget in options.minutes:
            model, _ = model_for(way, data, budget, None, 1)
            row = measured(data, way, model, budget, refine=False)
            steps = model.card.training["steps"]
            print(
                f"{name.split()[-1]:<10}{budget:>8g}{steps:>7}{row['jaccard']:>9.4f}"
                f"{row['rmse_nm']:>9.2f}",
                flush=True,
            )
            curves.setdefault(name, []).append((budget, row["jaccard"]))
    if options.output:
        draw(curves, options.set, options.output)


def draw(curves: dict[str, list[tuple[float, float]]], name: str, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.2), layout="constrained")
    axes = figure.subplots()
    for label, points in curves.items():
        axes.plot(*zip(*points, strict=True), "o-", label=label)
    axes.set(xlabel="training (minutes on 2 cores)", ylabel="Jaccard index", title=name)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
