"""Previews of one frame after another, as Fiji asks for them."""

from dataclasses import replace

import numpy as np

from deep_storm.fiji.worker.warm import prepared_for
from deep_storm.io.stacks.frames import open_frames
from deep_storm.runs.preview import preview_frame


def test_a_movie_is_read_with_progress_once(model, common, tmp_path):
    movie = np.random.default_rng(0).poisson(120, (12, 32, 32)).astype(np.uint16)
    model.save(tmp_path / "model")
    common = replace(common, model=tmp_path / "model", trust_camera=True)
    told = []
    with open_frames(movie) as stream:
        prepared = prepared_for(stream, common, lambda *progress: told.append(progress))
        assert told
        told.clear()
        again = prepared_for(stream, common, lambda *progress: told.append(progress))
        assert again is prepared
        assert not told
        done = preview_frame(stream, prepared, common, 3)
    assert set(done.table["frame"]) == {2}
