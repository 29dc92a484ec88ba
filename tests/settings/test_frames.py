"""What a text says about which frames are used."""

from __future__ import annotations

import pytest

from deep_storm.errors import SettingsError
from deep_storm.settings import Reconstruction, frame_range
from deep_storm.settings.frames import EXAMPLE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1:30", (0, 29)),
        ("5:", (4, None)),
        (":30", (0, 29)),
        ("7", (6, 6)),
        (" 2 : 3 ", (1, 2)),
        (":", (0, None)),
        ("", (0, None)),
    ],
)
def test_frames_count_from_one_and_the_last_is_included(text, found):
    assert frame_range(text) == found


@pytest.mark.parametrize(
    "text",
    ["0:5", "0", "5:4", ":0", "1-5", "1:2:3", "5 7", "-1:", "x", "9" * 30, "1:" + "9" * 5000],
)
def test_what_is_no_range_of_frames_is_refused(text):
    with pytest.raises(SettingsError) as caught:
        frame_range(text)
    assert caught.value.received.startswith(f"frames is {text!r}"[:40])
    assert EXAMPLE in caught.value.expected


@pytest.mark.parametrize("text", ["1:30", "5:", ":30", "7", ":"])
def test_the_setting_takes_what_is_understood(text):
    assert frame_range(Reconstruction.parse({"frames": text}).frames)
