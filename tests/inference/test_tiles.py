"""Tiles cover a frame exactly, and each sees its halo."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from deep_storm.inference.tiles import padded_size, plan_tiles

HALO_PX, ALIGNMENT_PX = 24, 4


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 256))
@settings(max_examples=60, deadline=None)
def test_every_core_sees_its_halo_or_the_frames_edge(height, width, tile_px):
    for tile in plan_tiles(height, width, tile_px, HALO_PX, ALIGNMENT_PX):
        for window, core, size in zip(tile.window, tile.core, (height, width), strict=True):
            edge = padded_size(size, ALIGNMENT_PX)
            assert window.start == max(0, core.start - HALO_PX) or window.start == 0
            assert window.stop >= min(edge, core.stop + HALO_PX)
            assert window.stop <= edge
            assert core.start < core.stop <= size


@given(st.integers(1, 400), st.integers(60, 256))
def test_windows_are_no_larger_than_asked_for(size, tile_px):
    for tile in plan_tiles(size, size, tile_px, HALO_PX, ALIGNMENT_PX):
        assert tile.window[0].stop - tile.window[0].start <= tile_px


def test_a_frame_that_fits_is_one_tile_with_its_padding():
    (tile,) = plan_tiles(30, 61, 64, HALO_PX, ALIGNMENT_PX)
    assert tile.window == (slice(0, 32), slice(0, 64))
    assert tile.core == (slice(0, 30), slice(0, 61))


def test_a_core_is_found_again_in_its_window():
    tiles = plan_tiles(300, 300, 128, HALO_PX, ALIGNMENT_PX)
    assert len(tiles) > 4
    for tile in tiles:
        for window, core, within in zip(tile.window, tile.core, tile.core_in_window, strict=True):
            assert (within.start, within.stop) == (
                core.start - window.start,
                core.stop - window.start,
            )


def test_padding_rounds_up():
    assert [padded_size(n, 4) for n in (1, 4, 5, 0)] == [4, 4, 8, 0]


def test_tiles_are_few_and_alike():
    tiles = plan_tiles(1024, 1024, 538, HALO_PX, ALIGNMENT_PX)
    windows = {(tile.window[0].start, tile.window[0].stop) for tile in tiles}
    assert windows == {(0, 536), (488, 1024)}
    tiles = plan_tiles(2000, 64, 538, HALO_PX, ALIGNMENT_PX)
    assert {tile.core[0].stop - tile.core[0].start for tile in tiles} == {400}
