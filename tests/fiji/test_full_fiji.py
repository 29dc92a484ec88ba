"""What only a full Fiji has: its menu, its active image, its macros.

``DEEP_STORM_FIJI_APP=DIR`` runs these, and all other tests of this folder, inside the Fiji in DIR.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deep_storm.fiji.menu.catalog import command, command_keys

DATA = Path(__file__).resolve().parents[1] / "data"
pytestmark = pytest.mark.skipif(
    "DEEP_STORM_FIJI_APP" not in os.environ,
    reason="DEEP_STORM_FIJI_APP does not name the folder of a Fiji",
)


def test_every_command_is_in_the_menu(screen):
    text = "[str(label) for label in java('ij.Menus').getCommands()]"  # Java's cannot be pickled
    known = set(screen.ask("evaluate", text=text))
    assert {command(key).menu[-1] for key in command_keys()} <= known


def test_a_macro_reconstructs_the_active_image(screen, trained, movie):
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    run_macro(screen, "reconstruct", model=trained / "model", threshold=0.1)
    assert "movie.tif - Deep-STORM" in screen.ask("images")
    assert "movie.tif localizations" in screen.ask("windows")


def test_a_macro_of_the_post_process_menu_takes_the_table_in_front(screen, tmp_path):
    table = DATA / "filaments_drift_first20_thunderstorm.csv"  # with uncertainties, to be drawn by
    run_macro(screen, "import-localizations", table=table, camera="none")
    run_macro(screen, "render", output=tmp_path / "drawn.tif")
    assert (tmp_path / "drawn.tif").is_file()


def run_macro(screen, key, **values):
    """Call a command from a macro with every parameter given: no dialog must open."""
    made = command(key)
    given = {p.name: str(p.value) for p in made.parameters}
    given |= {name: str(value) for name, value in values.items()}
    options = " ".join(f"{name}=[{value}]" for name, value in given.items())
    options = options.replace("[True]", "true").replace("[False]", "false")
    macro = f'run("{made.menu[-1]}", "{options}");'
    screen.ask("evaluate", text="java('ij.IJ').runMacro(macro)", macro=macro)
    assert screen.ask("dialogs") == []
