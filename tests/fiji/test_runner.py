"""Words of the command line, said as a dialog says them."""

from __future__ import annotations

import pytest

from deep_storm.fiji.menu.catalog import command
from deep_storm.fiji.runner import in_dialog_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the same with --resume goes on", "the same with the field 'Resume' goes on"),
        ("retrain with --sigma-nm 109", "retrain with the field 'PSF sigma (nm)' at 109"),
        (
            "give --camera camera.toml, or",
            "give a camera (Plugins > Deep-STORM > Camera Setup..., or the field 'Camera'), or",
        ),
        ("as `deep-storm estimate` writes", "as Plugins > Deep-STORM > Estimate From Local"),
        ("Written: /data/a--resume/x.csv", "Written: /data/a--resume/x.csv"),
        ("no such option: --nonsense", "no such option: --nonsense"),
    ],
)
def test_options_and_verbs_become_fields_and_menu_items(text, words):
    assert words in in_dialog_words(text, command("reconstruct"))
