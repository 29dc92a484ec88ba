"""Checkpoints of a training: a file with everything that the next step depends on.

Batches follow from the seed and their number, so weights, the optimizer's variables, the plan and
the history are enough: a resumed training takes the same steps as one that was never interrupted.
The file holds arrays and one JSON text, nothing that could be run as code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deep_storm.errors import ModelError
from deep_storm.io.arrays import read_arrays
from deep_storm.io.claims import Claim, differences
from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import check_regular, damage_as

FILE = "checkpoint.npz"
FORMAT = 2
KIND = "training"
FILES = (FILE, ".*.part.npz")
GROUPS = ("weights", "best", "optimizer")
EVERY_SECONDS = 60.0


@dataclass
class Keeper:
    """Where and how often checkpoints are written, and whether to resume from the last one.

    The folder is held from the first call that needs it until :meth:`release` or :meth:`remove`: no
    two trainings write into one (see :mod:`deep_storm.io.claims`).

    Attributes
    ----------
    folder
        Folder of the checkpoint; removed when training is done.
    settings
        What makes two trainings the same one: a checkpoint of other settings is refused.
    resume
        Whether to go on from the checkpoint that is there.
    every_seconds
        Time between two checkpoints.
    """

    folder: Path
    settings: dict[str, Any]
    resume: bool = False
    every_seconds: float = EVERY_SECONDS
    _claim: Claim | None = field(default=None, repr=False, compare=False)

    def hold(self) -> Claim:
        """Open and lock the folder.

        Raises
        ------
        OutputError
            It is not ours, another training works there, or it cannot be written.
        """
        if self._claim is None:
            self._claim = Claim.take(self.folder, KIND, self.settings)
        self._claim.check()
        return self._claim

    def release(self) -> None:
        """Unlock the folder with its checkpoint; remove it if there is none."""
        if self._claim is None:
            return
        if self.path.is_file():
            self._claim.release()
        else:
            self._claim.remove(FILES)
        self._claim = None

    @property
    def path(self) -> Path:
        """The checkpoint's file."""
        return self.folder / FILE

    def write(self, arrays: dict[str, list[Any]], state: dict[str, Any]) -> None:
        """Write the checkpoint under another name, and rename it when it is complete.

        Parameters
        ----------
        arrays
            Lists of arrays named as in :data:`GROUPS`.
        state
            Everything else, in JSON's types.
        """
        text = json.dumps({"format": FORMAT, "settings": self.settings, "state": state})
        named: dict[str, Any] = {
            f"{group}_{number:04d}": value
            for group in GROUPS
            for number, value in enumerate(arrays[group])
        }
        self.hold()
        try:
            with atomic_path(self.path, overwrite=True) as partial, partial.open("wb") as file:
                np.savez(file, text=np.array(text), **named)
        finally:
            if not self.path.is_file():
                self.release()

    def read(self) -> tuple[dict[str, list[Any]], dict[str, Any]]:
        """Read the checkpoint.

        Raises
        ------
        ModelError
            There is none, it is damaged, or it belongs to a training with other settings.
        """
        if not self.path.is_file():
            raise ModelError(
                f"{self.folder} has no checkpoint",
                "the checkpoint of an interrupted training",
                "leave --resume out to train from the beginning",
            )
        self.hold()
        size = check_regular(self.path, ModelError, "a checkpoint")
        # The text has four bytes a letter; nothing else is larger in memory than in the file.
        members = read_arrays(self.path, self.damaged, 2 * size + (1 << 20))
        with damage_as(self.damaged):
            values = json.loads(str(members["text"]))
            arrays: dict[str, list[Any]] = {
                group: [v for k, v in members.items() if k.startswith(f"{group}_")]
                for group in GROUPS
            }
            known, settings, state = values["format"], values["settings"], dict(values["state"])
            found = differences(settings, json.loads(json.dumps(self.settings)))
        if known != FORMAT or found:
            what = "; ".join(found[:3]) if found else f"it has the format {known}"
            raise ModelError(
                f"{self.folder} keeps another training: {what}",
                "the settings and inputs that the interrupted training had",
                "repeat its command with --resume, or leave --resume out",
            )
        return arrays, state

    def damaged(self, reason: str) -> ModelError:
        """Return the error of an invalid checkpoint."""
        return ModelError(
            f"{self.path} is damaged ({reason})",
            "a checkpoint",
            f"delete {self.folder} and train from the beginning",
        )

    def remove(self) -> None:
        """Remove the checkpoint, as the model folder is written."""
        if self._claim is None and not self.folder.exists():
            return
        self.hold().remove(FILES)
        self._claim = None
