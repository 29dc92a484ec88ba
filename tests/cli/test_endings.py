import errno

import pytest

from deep_storm.cli import endings
from deep_storm.errors import Cancelled, StackError


def in_compiled_functions(cause):
    """Return what an exception in a compiled function that is called by another one becomes."""
    for text in ("inner", "outer", "map"):
        error = SystemError(f"{text} returned a result with an exception set")
        error.__cause__ = cause
        cause = error
    return cause


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StackError("a.tif is RGB", "grey", "convert it"), 2, "a.tif is RGB; expected grey"),
        (KeyboardInterrupt(), 130, "Stopped"),
        (in_compiled_functions(KeyboardInterrupt()), 130, "Stopped"),
        (in_compiled_functions(ValueError()), 1, "SystemError: map returned"),
        (Cancelled("20 of 100 frames are kept in b.csv"), 130, "Stopped: 20 of 100 frames"),
        (MemoryError(), 2, "out of memory"),
        (OSError(errno.ENOSPC, "No space", "b.tif"), 2, "the disk is full"),
        (OSError(errno.EFBIG, "File too large"), 2, "ulimit -f"),
        (PermissionError(errno.EACCES, "Permission denied", "b.tif"), 2, "no permission"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
        (OSError("strange"), 1, "please report it"),
    ],
)
def test_every_error_ends_in_one_sentence(error, code, said, capsys):
    assert endings.end(error, debug=False, verb=["render"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


def test_exit_codes_pass_through():
    assert endings.end(SystemExit(3), debug=False) == 3
