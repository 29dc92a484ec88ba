"""The whole way through the menu, in a real ImageJ: from a raw movie to clusters and a report.

ThunderSTORM's simulation stands for the movie; its truth says at the end how good the way was.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import deep_storm as ds

DATA = Path(__file__).resolve().parents[1] / "data"
STACK = DATA / "filaments_drift_first20.tif"


def test_from_a_movie_to_clusters_and_a_report(imagej, tmp_path):
    model, matched, steps = tmp_path / "model", tmp_path / "matched.toml", []
    movie = {"file": str(STACK), "virtual": True}

    def run(command, image=None, **inputs):
        done = imagej.run(command, image, **inputs)
        assert done["status"].startswith("ok: "), (command, done["status"])
        steps.append(command)
        return done

    def table(command, source, target, **inputs):
        run(command, table=tmp_path / source, output=tmp_path / target, **inputs)
        return ds.read_table(tmp_path / target)

    protocol = DATA / "filaments_drift_first20_thunderstorm-protocol.txt"
    run("Camera_Setup...", source="protocol", protocol=protocol)
    measured = run("Measure_Background...", movie)
    assert 80 < measured["table"]["Baseline (ADU)"][-1] < 160
    run("Estimate_From_Localizations...", movie, output=matched)
    matched.write_text(
        matched.read_text(encoding="utf-8") + "\n[training]\nbatch = 2\npatch_size_px = 24\n"
    )
    run("Train_Model...", matched_to="settings file", config=matched, steps="3", output=model)
    run("Reconstruct_Stack...", movie, model=model, output=tmp_path / "movie")
    assert (tmp_path / "movie-report.html").is_file()
    found = ds.read_table(tmp_path / "movie.csv")
    straight = table("Correct_Drift...", "movie.csv", "dc.csv")
    assert len(straight) == len(found)
    merged = table("Merge_Localizations...", "dc.csv", "merged.csv")
    assert 100 < len(merged) < len(found)
    formula = "confidence > 0.8 & uncertainty_xy < 20"
    kept = table("Filter_Localizations...", "merged.csv", "kept.csv", formula=formula)
    assert 0 < len(kept) <= len(merged)
    labelled = table(
        "Cluster_Localizations...", "kept.csv", "clusters.csv", simulations=0,
        distance_nm=150.0, min_count=5,
    )  # fmt: skip
    assert labelled["cluster"].max() > 3
    drawn = run(
        "Render_Localizations...", table=tmp_path / "kept.csv", output=tmp_path / "kept.tif"
    )
    assert drawn["image"]["array"].sum() == pytest.approx(len(kept), rel=0.05)
    run("Send_To_ThunderSTORM", table=tmp_path / "kept.csv")
    truth = DATA / "filaments_drift_first20_gt.csv"
    run("Evaluate_Against_Truth...", results=tmp_path / "movie.csv", truth=truth)
    score = ds.evaluate(tmp_path / "movie.csv", truth).to_json()
    assert score["scores"][0]["jaccard"] > 0.8
    assert len(steps) == len(set(steps)) == 12
