import re

import numpy as np
import pytest

from deep_storm.errors import OutputError
from deep_storm.report.figures import new_figure
from deep_storm.report.page import Page, Section, page_html, write_page
from deep_storm.report.words import rows_in, rows_of
from deep_storm.settings import Emitters


def figure():
    made = new_figure(40, 30)
    made.subplots().plot(np.arange(3))
    return made


def page(**changed):
    values = {
        "title": "A <b>title</b> & more",
        "subtitle": "µm² – ±",
        "suspicions": ('<script>alert("x")</script>',),
        "sections": (
            Section("One", ("text <i>",), (("name'", '"value"'),), (("caption <u>", figure()),)),
            Section("Empty"),
        ),
    }
    return Page(**{**values, **changed})


def test_all_text_is_escaped():
    html = page_html(page())
    for tag in ("<b>", "<script", "<i>", "<u>"):
        assert tag not in html
    assert "A &lt;b&gt;title&lt;/b&gt; &amp; more" in html
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in html
    assert "µm² – ±" in html


def test_nothing_else_is_needed():
    html = page_html(page())
    assert re.findall(r'(?:src|href)="([^"]{0,22})', html) == ["data:image/png;base64,"]
    without_pictures = re.sub(r"base64,[^\"]*", "", html)
    assert not re.search(r"https?:|@import|url\(|<link|<script", without_pictures)
    assert "default-src 'none'" in html


def test_what_is_empty_is_left_out():
    html = page_html(page(suspicions=()))
    assert "Empty" not in html
    assert "Nothing suspicious was found" in html
    assert "What is suspicious" not in html


def test_a_report_is_not_overwritten(tmp_path):
    path = tmp_path / "report.html"
    write_page(path, page())
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(OutputError, match="exists already"):
        write_page(path, page())
    write_page(path, page(title="New"), overwrite=True)
    assert "<h1>New</h1>" in path.read_text(encoding="utf-8")


def test_settings_have_their_units():
    rows = dict(rows_of(Emitters(density_per_um2=2, intensity_photon=1500), "emitters:"))
    assert rows["emitters: density"] == "2 per µm²"
    assert rows["emitters: intensity"] == "1500 photon"
    assert rows_of(None) == ()


def test_sections_of_a_record_in_words():
    values = {"a_b": 1200, "none": None, "list": [1, 2.5], "deep": {"x": 1}, "yes": True}
    assert rows_in(values) == (("a b", "1,200"), ("list", "1, 2.5"), ("yes", "yes"))
