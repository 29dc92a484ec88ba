"""What an entry of the menu is, and which settings and choices have no field of their own."""

from __future__ import annotations

from dataclasses import dataclass

from deep_storm.fiji.menu.parameters import CURRENT, NONE, Parameter

NOT_IN_MENU = frozenset({"demo", "benchmark", "fiji", "report"})
"""Verbs of the command line only; reports are written by Train Model and Reconstruct Stack."""

EXPERT = frozenset(
    {
        "chunk_frames", "tile_px", "precision", "epochs", "batch", "patch_size_px",
        "patches_per_frame", "max_patches", "validation_share", "learning_rate", "schedule",
        "patience_epochs", "strategy", "checkpoint_seconds", "spread", "density_std_per_um2",
        "fits", "max_molecules",
    }
)  # fmt: skip
"""Settings that a dialog does not have; a settings file can have them."""

MATCHED_TO = ("fields of this dialog", "settings file", "imported simulation", "start model")

UNKNOWN = {"z_step_nm": 0.0}
"""Settings that nobody can guess begin with a value that is refused, not with an example."""

NEEDED_BY_CHOICE = {
    MATCHED_TO[1]: ("config",),
    MATCHED_TO[2]: ("simulation_stack", "simulation_ground_truth"),
    MATCHED_TO[3]: ("from_model",),
    "protocol": ("protocol",),
}
"""Files that a choice needs: what a simulation is matched to, where a camera is taken from."""
CHOOSING = ("matched_to", "source")
CONFIG = Parameter(
    "config",
    "File",
    "Settings file",
    "Settings file (TOML) for what is not in this dialog, or is auto here; none = no file",
    NONE,
    style="open",
    remember=False,
)


@dataclass(frozen=True)
class Entry:
    """How a command differs from what its verb's declaration gives.

    Attributes
    ----------
    menu
        Place below Plugins > Deep-STORM. Fiji sorts a menu by its labels, and a script's header
        cannot give it a weight, so the steps of the work are submenus with numbers.
    function
        ``module:function`` in ``deep_storm.fiji.commands``.
    image
        Whether it takes the image in front.
    camera
        What stands in the camera's field first.
    tensorflow
        Whether its verb needs it.
    hide
        Arguments and settings without a field.
    extra
        Further parameters, in front of the others.
    needs
        Arguments that the verb can do without, but not the command.
    shown
        What the dialog shows, in the order of work; the rest is among its further options. Empty:
        everything is shown.
    description
        Of a command that is not a verb.
    """

    menu: str
    function: str = "generic:perform"
    image: bool = False
    camera: str = CURRENT
    tensorflow: bool = False
    hide: frozenset[str] = frozenset()
    extra: tuple[Parameter, ...] = ()
    needs: frozenset[str] = frozenset()
    shown: tuple[str, ...] = ()
    description: str = ""
