"""What is said about the files of a reconstruction."""

import errno
from types import SimpleNamespace

import pytest

from deep_storm.io.disk_errors import output_error
from deep_storm.runs import files


def test_a_report_that_a_full_disk_keeps_is_called_as_the_user_knows_it(tmp_path, monkeypatch):
    path = tmp_path / ".out.1a2b.part.tif" / "out-report.html"

    def full(path, *_, **__):
        raise output_error(path, OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr("deep_storm.report.gathering.write_run_report", full)
    result = SimpleNamespace(fits=None, reconstructed=None)
    said = r"\(cannot write out-report\.html: the disk is full.*report out-run\.toml"
    with pytest.warns(UserWarning, match=said):
        files._try_report(path, result, SimpleNamespace(table=None, card=None), None, {})
