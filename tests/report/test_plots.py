import importlib
import sys

import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import OutputError, StackError, TableError
from deep_storm.report import figures, pictures, plots


def texts(figure) -> str:
    from matplotlib.text import Text

    return " | ".join(t.get_text() for t in figure.findobj(Text) if t.get_text())


def history(n: int = 20) -> pd.DataFrame:
    loss = 5 * np.exp(-np.arange(n) / 5) + 1
    return pd.DataFrame({"step": np.arange(n) * 50, "loss": loss, "validation_loss": loss + 0.1})


def localizations(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"x_nm": [250.0, 1200.0], "y_nm": [350.0, 80.0]}).assign(**columns)


def test_loss_curve_marks_the_best_validation_loss():
    rows = history()
    rows.loc[13, "validation_loss"] = 0.25
    rows.loc[15, "validation_loss"] = np.nan
    figure = plots.loss_curve(rows)
    assert "best: 0.25" in texts(figure)
    best = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert best.get_xydata().tolist() == [[650.0, 0.25]]
    assert figure.axes[0].get_xlabel() == "training step"


def test_loss_curve_is_logarithmic_only_for_positive_losses_of_some_range():
    rows = history()
    assert plots.loss_curve(rows).axes[0].get_yscale() == "linear"
    wide = rows.assign(loss=np.geomspace(100, 0.1, len(rows)))
    assert plots.loss_curve(wide).axes[0].get_yscale() == "log"
    assert plots.loss_curve(wide.assign(loss=wide["loss"] - 50)).axes[0].get_yscale() == "linear"


def test_loss_curve_shows_the_learning_rate_when_known():
    figure = plots.loss_curve(history().assign(learning_rate=1e-3))
    assert figure.axes[1].get_ylabel() == "learning rate"
    assert figure.axes[1].get_xlabel() == "training step"


def test_loss_curve_needs_no_more_than_one_loss(tmp_path):
    figure = plots.loss_curve(pd.DataFrame({"loss": [3.0]}))
    plots.save_figure(figure, tmp_path / "loss.png")


@pytest.mark.parametrize("rows", [pd.DataFrame(), pd.DataFrame({"epoch": [1]}), history(0)])
def test_loss_curve_refuses_a_history_without_losses(rows):
    with pytest.raises(TableError, match="column loss"):
        plots.loss_curve(rows)


def test_side_by_side_shows_the_same_field_three_times():
    rng = np.random.default_rng(0)
    mean, image = rng.random((20, 30)), np.zeros((160, 240))
    image[100:110, 200:210] = 1
    figure = plots.side_by_side(
        mean, image, image, ("mean", "ours", "truth"), scores_text="Jaccard 0.9"
    )
    top = figure.axes[:3]
    assert {tuple(axes.get_xlim()) for axes in top} == {(0.0, 3.0)}
    assert {tuple(axes.get_ylim()) for axes in top} == {(2.0, 0.0)}
    assert [axes.get_title() for axes in top] == ["mean", "ours", "truth"]
    assert "Jaccard 0.9" in texts(figure)
    assert "0.5 µm" in texts(figure)


def test_side_by_side_enlarges_the_busiest_region():
    truth = np.zeros((160, 240))
    truth[100:110, 200:210] = 1
    figure = plots.side_by_side(np.zeros((20, 30)), truth, truth)
    for axes in figure.axes[3:]:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left <= 2.5 < 2.625 <= right + 1e-9
        assert top <= 1.25 < 1.375 <= bottom + 1e-9
        assert right - left == pytest.approx(bottom - top) == pytest.approx(0.5)


def test_side_by_side_refuses_a_stack():
    with pytest.raises(StackError, match="mean frame has the shape"):
        plots.side_by_side(np.zeros((3, 8, 8)), np.zeros((8, 8)), np.zeros((8, 8)))


def test_preview_puts_localizations_at_their_place_in_micrometres():
    figure = plots.preview_overlay(np.eye(20), localizations(confidence=[0.3, 0.9]), 100.0)
    axes = figure.axes[0]
    assert axes.get_xlim() == (0.0, 2.0)
    assert axes.get_ylim() == (2.0, 0.0)
    (found,) = axes.collections
    assert np.asarray(found.get_offsets()).tolist() == [[0.25, 0.35], [1.2, 0.08]]
    assert np.asarray(found.get_array()).tolist() == [0.3, 0.9]
    assert axes.get_xlabel() == "x (µm)"
    assert "confidence" in texts(figure)
    assert "2 localizations" in texts(figure)


def test_preview_without_confidence_or_localizations(tmp_path):
    figure = plots.preview_overlay(np.zeros((10, 16)), localizations(), 100.0)
    assert "confidence" not in texts(figure)
    nothing = plots.preview_overlay(np.full((10, 16), np.nan), localizations().iloc[:0], 100.0)
    assert "0 localizations" in texts(nothing)
    plots.save_figure(nothing, tmp_path / "preview.png")


def test_example_frames_share_one_grey_scale():
    rng = np.random.default_rng(0)
    simulated, real = rng.random((6, 16, 16)) * 100, rng.random((2, 20, 24)) * 900
    figure = plots.example_frames(simulated, real)
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 4 + 2
    assert len({image.get_clim() for image in images}) == 1
    assert "simulated" in texts(figure)
    assert "pixel value (ADU)" in texts(figure)
    alone = plots.example_frames(simulated[:1])
    assert "real" not in texts(alone)


def test_example_frames_need_a_frame():
    with pytest.raises(StackError, match="no simulated frame"):
        plots.example_frames(np.zeros((0, 8, 8)))


def test_saved_figures_are_png_of_200_dpi(tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "new" / "loss.png"
    plots.save_figure(plots.loss_curve(history()), path)
    assert imread(path).shape[1] == pytest.approx(90 / 25.4 * 200, abs=1)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        plots.save_figure(plots.loss_curve(history()), path)
    assert path.read_bytes() == before
    plots.save_figure(plots.loss_curve(history().iloc[:1]), path, overwrite=True)
    assert path.read_bytes() != before


def test_works_without_pyplot(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it fails now
    for module in (figures, pictures, plots):
        importlib.reload(module)
    plots.save_figure(plots.loss_curve(history()), tmp_path / "loss.png")
    plots.save_figure(plots.example_frames(np.eye(16)[None]), tmp_path / "frames.png")
