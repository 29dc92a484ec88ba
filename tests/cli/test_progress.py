import pytest

from deep_storm.cli import progress
from deep_storm.cli.progress import Watch


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when they are added."""
    time = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


def test_a_log_gets_a_line_now_and_then_with_the_time_left(clock, capsys):
    with Watch(bar=False) as watch:
        for done in range(41):
            watch(done, 100, "frames")
            clock[0] += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "frames: 10 of 100, about 2 min left",
        "frames: 20 of 100, about 80 s left",
        "frames: 30 of 100, about 70 s left",
        "frames: 40 of 100, about 60 s left",
    ]


def test_a_short_phase_gets_no_line(clock, capsys):
    with Watch(bar=False) as watch:
        watch(0, 2, "a")
        watch(2, 2, "a")
        watch(0, 5, "b")
        clock[0] += 3
        watch(5, 5, "b")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_on_standard_error(capsys):
    with Watch(bar=True) as watch:
        watch(1, 3, "frames [x]")
        watch(2, 3, "frames [x]")
        watch(0, 7, "patches")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "patches" in captured.err
