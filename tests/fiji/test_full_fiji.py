"""What only a full Fiji has: its menu, its active image, its macros.

``DEEP_STORM_FIJI_APP=DIR`` runs these, and all other tests of this folder, inside the Fiji in DIR.
"""

from __future__ import annotations

import os

import pytest

from deep_storm.fiji.catalog import command, command_keys

pytestmark = pytest.mark.skipif(
    "DEEP_STORM_FIJI_APP" not in os.environ,
    reason="DEEP_STORM_FIJI_APP does not name the folder of a Fiji",
)


def test_every_command_is_in_the_menu(screen):
    known = {
        str(key) for key in screen.ask("evaluate", text="list(java('ij.Menus').getCommands())")
    }
    assert {command(key).menu[-1] for key in command_keys()} <= known


def test_a_macro_reconstructs_the_active_image(screen, trained, movie):
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    options = (
        f"stack=current model=[{trained / 'model'}] output=none camera_maps=none camera=none "
        "threshold=0.1 upsampling=auto frames=auto device=auto config=none overwrite=false"
    )
    macro = f'run("Reconstruct...", "{options}");'
    screen.ask("evaluate", text="java('ij.IJ').runMacro(macro)", macro=macro)
    manager = "java('ij.WindowManager')"
    titles = f"[str({manager}.getImage(i).getTitle()) for i in {manager}.getIDList()]"
    assert "movie.tif - Deep-STORM" in screen.ask("evaluate", text=titles)
