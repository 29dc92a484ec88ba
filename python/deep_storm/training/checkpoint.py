"""Where an interrupted training goes on: a file with everything that the next step depends on.

Batches follow from the seed and their number, so weights, the optimizer's variables, the plan and
the history are enough: a resumed training takes the same steps as one that was never interrupted.
The file holds arrays and one JSON text, nothing that could be run as code.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deep_storm.errors import ModelError
from deep_storm.io.files import atomic_path, remove_leftovers

FILE = "checkpoint.npz"
FORMAT = 1
GROUPS = ("weights", "best", "optimizer")
EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Keeper:
    """Where and how often checkpoints are written, and whether to begin at the last one.

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

    @property
    def path(self) -> Path:
        """The checkpoint's file."""
        return self.folder / FILE

    def write(self, arrays: dict[str, list[Any]], state: dict[str, Any]) -> None:
        """Write the checkpoint beside its name and rename it when it is whole.

        Parameters
        ----------
        arrays
            Lists of arrays named as in :data:`GROUPS`.
        state
            Everything else, in JSON's types.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, "settings": self.settings, "state": state})
        named: dict[str, Any] = {
            f"{group}_{number:04d}": value
            for group in GROUPS
            for number, value in enumerate(arrays[group])
        }
        try:
            with atomic_path(self.path, overwrite=True) as partial, partial.open("wb") as file:
                np.savez(file, text=np.array(text), **named)
        finally:
            self._remove_empty_folder()

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
        try:
            with self.path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                values = json.loads(str(file["text"]))
                arrays = {
                    group: [file[k] for k in sorted(file.files) if k.startswith(f"{group}_")]
                    for group in GROUPS
                }
            known, settings, state = values["format"], values["settings"], values["state"]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise ModelError(
                f"{self.path} is damaged ({error})",
                "a checkpoint",
                f"delete {self.folder} and train from the beginning",
            ) from error
        differing = sorted(
            k
            for k in {*settings, *self.settings}
            if json.loads(json.dumps(self.settings.get(k))) != settings.get(k)
        )
        if known != FORMAT or differing:
            what = ", ".join(differing) if differing else f"format {known}"
            raise ModelError(
                f"a checkpoint of a training with another {what}",
                "the settings that the interrupted training had",
                "repeat its command with --resume, or leave --resume out",
            )
        return arrays, state

    def remove(self) -> None:
        """Remove the checkpoint: the model folder is written."""
        self.path.unlink(missing_ok=True)
        remove_leftovers(self.path)
        self._remove_empty_folder()

    def _remove_empty_folder(self) -> None:
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
