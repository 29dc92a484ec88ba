import numpy as np

from deep_storm.extraction.candidates import Candidates, concatenated


def candidates(*frames, silent=False):
    values = np.arange(len(frames), dtype=np.float32)
    said = values[:0] if silent else values
    return Candidates(np.array(frames, np.int64), *[values] * 4, *[said] * 3)


def test_what_a_network_does_not_say_stays_empty():
    kept = candidates(0, 1, 2, silent=True).where(np.array([True, False, True]))
    assert kept.frame.tolist() == [0, 2]
    assert kept.x_px.tolist() == [0, 2]
    assert kept.photons.size == 0


def test_joined_in_the_order_given():
    both = concatenated([candidates(4, 5), candidates(1).shifted(10)])
    assert both.frame.tolist() == [4, 5, 11]
    assert both.score.tolist() == [0, 1, 0]


def test_none_are_candidates_too():
    none = concatenated([])
    assert none.frame.dtype == np.int64
    assert all(len(values) == 0 for values in none)
