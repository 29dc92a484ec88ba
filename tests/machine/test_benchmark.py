import psutil
import pytest

from deep_storm.cli import main
from deep_storm.machine.benchmark import BenchmarkResult, Row, peak_memory_gib


def test_says_what_a_stack_takes_with_the_fastest_recipe():
    rows = (
        Row("published recipe", 64, 2.0, 1.0, 1.0),
        Row("native float32", 64, 100.0, 50.0, 0.9),
        Row("native float32", 256, 500.0, 50.0, 0.9),
    )
    result = BenchmarkResult(rows, 2.8, 0.014, 1.25, 60_000)
    lines = result.summary().splitlines()
    assert lines[-1] == "Your stack of 60000 frames of 64 × 64 px takes about 10.0 minutes."
    assert "2.80 steps per second, 1% of" in lines[-3]
    assert result.to_json()["rows"][1]["ratio"] == 50.0


def test_peak_memory_is_the_most_and_not_what_is_held_now():
    block = bytearray(b"x") * (128 * 2**20)
    held = psutil.Process().memory_info().rss / 2**30
    del block
    assert 0.95 * held <= peak_memory_gib() < psutil.virtual_memory().total / 2**30


@pytest.mark.parametrize(
    ("frames", "said"), [("0", "frames is 0"), ("-5", "frames is -5"), ("many", "--frames")]
)
def test_a_length_that_cannot_be_is_refused(frames, said, capsys):
    assert main(["benchmark", "--frames", frames]) == 2
    assert said in capsys.readouterr().err
