"""A report as one self-contained HTML file: no network access, no scripts, no other files.

All text goes through jinja2 with escaping switched on; pictures are PNGs inside the file.
"""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from deep_storm.io.files import atomic_path
from deep_storm.report.style import styled

if TYPE_CHECKING:
    from jinja2 import Template

DPI = 110


@dataclass(frozen=True)
class Section:
    """A part of a report; empty ones are left out.

    Attributes
    ----------
    title
        Heading.
    paragraphs
        Text.
    rows
        Names and values.
    pictures
        Captions and figures.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    pictures: tuple[tuple[str, Figure], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.paragraphs or self.rows or self.pictures)


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes
    ----------
    title, subtitle
        What it is about.
    suspicions
        What is suspicious, in plain words.
    sections
        Its parts; empty ones are left out.
    """

    title: str
    subtitle: str
    suspicions: tuple[str, ...]
    sections: tuple[Section, ...]


def page_html(page: Page) -> str:
    """Return the HTML of a report."""
    parts = [
        {
            "title": section.title,
            "paragraphs": section.paragraphs,
            "rows": section.rows,
            "pictures": [(caption, _png(figure)) for caption, figure in section.pictures],
        }
        for section in page.sections
        if not section.empty
    ]
    return _template().render(page=page, sections=parts)


def write_page(path: str | os.PathLike[str], page: Page, overwrite: bool = False) -> None:
    """Write a report; the file appears complete or not at all.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    text = page_html(page)
    with atomic_path(path, overwrite) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


@styled
def _png(figure: Figure) -> str:
    """Return a figure as a data URL."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("deep_storm.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")
