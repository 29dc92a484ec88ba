"""The user's settings of matplotlib change nothing, and are the user's again afterwards."""

from __future__ import annotations

import inspect
import os
import pkgutil
import subprocess
import sys
from importlib import import_module

import matplotlib as mpl
import pandas as pd

from deep_storm import report
from deep_storm.report.figures import save_figure
from deep_storm.report.plots import loss_curve

HISTORY = pd.DataFrame({"epoch": [1, 2], "step": [10, 20], "loss": [2.0, 1.0], "val_loss": [2, 1]})


def test_figures_are_the_same_in_any_style(tmp_path):
    save_figure(loss_curve(HISTORY), tmp_path / "plain.png")
    theirs = {"text.usetex": True, "font.size": 40.0, "savefig.format": "svg", "axes.grid": True}
    with mpl.rc_context(theirs):
        save_figure(loss_curve(HISTORY), tmp_path / "styled.png")
        assert mpl.rcParams["text.usetex"]
        assert mpl.rcParams["font.size"] == 40
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


def test_all_that_makes_a_figure_draws_it_in_our_style():
    names = [module.name for module in pkgutil.iter_modules(report.__path__, "deep_storm.report.")]
    makers = {
        f"{name}.{what}": function
        for name in names
        for what, function in inspect.getmembers(import_module(name), inspect.isfunction)
        if function.__module__ == name and " new_figure(" in inspect.getsource(function)
    }
    del makers["deep_storm.report.figures.new_figure"]
    plain = {name for name, made in makers.items() if inspect.unwrap(made) is made}
    later = {
        name for name, made in makers.items() if inspect.isgeneratorfunction(inspect.unwrap(made))
    }
    assert len(makers) > 10
    assert not plain | later


def test_a_backend_of_a_notebook_that_is_not_there_is_forgotten():
    script = "import deep_storm.report.plots as plots, os; print('MPLBACKEND' in os.environ)"
    environment = {**os.environ, "MPLBACKEND": "module://nowhere_to_be_found.backend_inline"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
