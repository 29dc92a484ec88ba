"""What the command line prints: results on standard output, messages on standard error."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from deep_storm.visible import visible, visible_json

if TYPE_CHECKING:
    from deep_storm.interface.declaration import Result

PACKAGE = str(Path(__file__).resolve().parents[1])


def print_result(verb: str, result: Result, *, as_json: bool) -> None:
    """Print a verb's result for people, or as one JSON object."""
    if as_json:
        content = {"verb": verb, "written": list(result.written), **result.to_json()}
        text = json.dumps(plain(content), ensure_ascii=False, allow_nan=False, indent=2)
        print(visible_json(text))
        return
    if text := result.summary():
        print(visible(text, keep_lines=True, limit=None))
    for path in result.written:
        print(f"Wrote {visible(str(path))}")


def plain(value: Any) -> Any:
    """Convert a value to JSON's types; NaN and infinity become null.

    Parameters
    ----------
    value
        Nested mappings, sequences, dataclasses, settings, paths, NumPy scalars and arrays.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    if hasattr(value, "tolist"):  # NumPy, without importing it
        return plain(value.tolist())
    return str(value)


@contextmanager
def warnings_on_stderr(everything: bool = False) -> Iterator[None]:
    """Print our own warnings in one line each, and suppress those of libraries.

    Parameters
    ----------
    everything
        Whether to print the libraries' too.
    """
    with warnings.catch_warnings():
        if not everything:
            warnings.showwarning = _show
        yield


def note(message: str, file: TextIO | None = None) -> None:
    """Print a remark in one line on standard error, or into a file."""
    print(f"Note: {visible(message)}", file=file or sys.stderr, flush=True)


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if filename.startswith(PACKAGE) and issubclass(category, UserWarning):
        note(str(message), file)
