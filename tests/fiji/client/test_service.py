"""The worker process as its hosts see it, without ImageJ."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest

import deep_storm as ds
from deep_storm.fiji.client import service
from deep_storm.io.tables.files import write_table

HOST = """
import sys
from deep_storm.fiji.client import service
from deep_storm.io.tables.files import write_table
from deep_storm.fiji.client.jobs import Job
from deep_storm.fiji.client.work import Work

class Host:  # an ImageJ without windows in which nobody presses Esc
    forget_escape = end_progress = escape_pressed = lambda self: False
    show_progress = lambda self, done, total, text: None

table, output = sys.argv[1:]
print(service.ready().pid, flush=True)
input()
options = {"table": table, "formula": "intensity > 0", "output": output}
print(Job(Host(), Work("filter", options, "Filter")).run()["summary"].splitlines()[0], flush=True)
input()
print(service.current() is not None, flush=True)
input()
"""


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "log_folder", lambda: tmp_path)
    return tmp_path


def host_on(table, output):
    command = [sys.executable, "-c", HOST, str(table), str(output)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(host):
    host.stdin.write("\n")
    host.stdin.flush()
    return host.stdout.readline().strip()


def test_two_hosts_at_once_have_a_worker_each(tmp_path):
    tables = {"one": 3, "two": 5}
    for name, rows in tables.items():
        columns = {"frame": 0, "x_nm": np.arange(rows), "y_nm": 50.0, "intensity_photon": 100.0}
        write_table(tmp_path / f"{name}.csv", pd.DataFrame(columns))
    hosts = [host_on(tmp_path / f"{n}.csv", tmp_path / f"{n}_out.csv") for n in tables]
    try:
        workers = [psutil.Process(int(host.stdout.readline())) for host in hosts]
        assert len({worker.pid for worker in workers}) == 2
        for host in hosts:  # both begin before either has answered
            host.stdin.write("\n")
            host.stdin.flush()
        said = [host.stdout.readline() for host in hosts]
        for line, (name, rows) in zip(said, tables.items(), strict=True):
            assert f"{rows}" in line
            assert len(ds.read_table(tmp_path / f"{name}_out.csv")) == rows
        hosts[0].communicate("\n\n")
        psutil.wait_procs([workers[0]], timeout=240)
        assert ask(hosts[1]) == "True"
        assert workers[1].is_running()
    finally:
        for host in hosts:
            host.kill()
            host.communicate()
    psutil.wait_procs(workers, timeout=240)


def test_old_logs_go_and_those_of_a_running_fiji_stay(logs):
    other = os.getppid()  # another process that runs
    for k in range(service.LOGS_KEPT + 2):
        pid = other if k == 0 else 999_999_999  # no system has such a process
        path = logs / f"worker-20260101-00000{k}-{pid}.log"
        path.write_text("")
        os.utime(path, (k, k))
    new = service._new_log()
    kept = sorted(path.name for path in logs.iterdir())
    assert kept[0] == f"worker-20260101-000000-{other}.log"
    assert len(kept) == service.LOGS_KEPT
    assert new.name.endswith(f"-{os.getpid()}.log")


def test_a_log_that_cannot_be_deleted_keeps_no_worker_from_starting(logs, monkeypatch):
    for k in range(service.LOGS_KEPT + 2):
        (logs / f"worker-20260101-00000{k}-999999999.log").write_text("")

    def in_use(path, missing_ok=False):
        raise PermissionError("another process uses it")

    monkeypatch.setattr(service.Path, "unlink", in_use)
    assert service._new_log().parent == logs
