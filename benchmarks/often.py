"""Runs that are killed: a checkpoint after every chunk and step, and nothing that takes long.

What is looked at is whether they go on to the same bytes, whatever the network is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from deep_storm.inference import work_folder
from deep_storm.settings import Network
from deep_storm.training import session

PROGRAM = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from often import often
from deep_storm.cli import main
with often():
    sys.exit(main(sys.argv[1:]))
"""
"""For a process of its own."""


@contextlib.contextmanager
def often() -> Iterator[None]:
    """Run like that."""
    with (
        mock.patch.multiple(work_folder, EVERY_SECONDS=0.0, SHARE_OF_TIME=1e9),
        mock.patch.multiple(session, make_network=small, calibrate=lambda model, *rest: model),
    ):
        yield


def small(network: Network) -> Any:
    """Return a network of two layers, of which a graph is made in no time."""
    import keras

    from deep_storm.networks.base import EXPECTATIONS
    from deep_storm.networks.native import NativeNetwork

    class Small(NativeNetwork):
        def build(self, dtype: str = "float32", drawn: bool = True) -> keras.Model:
            frame, expected = keras.Input((None, None, 3)), keras.Input((EXPECTATIONS,))
            seen = keras.layers.Conv2D(37, 5, padding="same", name="cells")(frame)
            known = keras.layers.Reshape((1, 1, 37))(keras.layers.Dense(37)(expected))
            return keras.Model([frame, expected], keras.layers.Add()([seen, known]))

    return Small(network.upsampling)
