"""How tables are called, so that several lie side by side."""

from __future__ import annotations

import pytest

from deep_storm.fiji.imagej.host import table_title, unique_title


@pytest.mark.parametrize(
    ("name", "done", "title"),
    [
        ("movie.tif", "", "movie.tif localizations"),
        ("movie.tif localizations", "filtered", "movie.tif localizations, filtered"),
        ("a localizations, merged (2)", "filtered", "a localizations, merged, filtered"),
        ("table.csv", "merged", "table.csv localizations, merged"),
    ],
)
def test_a_table_is_named_after_its_movie_and_what_was_done(name, done, title):
    assert table_title(name, done) == title


def test_a_second_table_of_a_movie_does_not_replace_the_first():
    title = table_title("movie.tif")
    assert unique_title(title, ["Results"]) == title
    assert unique_title(title, [title]) == f"{title} (2)"
    assert unique_title(title, [title, f"{title} (2)"]) == f"{title} (3)"
