"""Fill the documentation's tables from the settings classes and the verbs.

A line ``::settings Camera`` becomes the table of that class, ``::verbs`` the list of all verbs,
``::commands`` what the parameters of every command in Fiji's menu mean, ``::formats`` the columns
of other programs' tables.
MkDocs calls :func:`on_page_markdown` for each page.
"""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the lines that stand for a table."""
    markdown = re.sub(r"^::settings (\w+)$", lambda m: settings_table(m[1]), markdown, flags=re.M)
    markdown = re.sub(r"^::commands$", lambda _: command_tables(), markdown, flags=re.M)
    markdown = re.sub(r"^::formats$", lambda _: formats_table(), markdown, flags=re.M)
    return re.sub(r"^::verbs$", lambda _: verbs_table(), markdown, flags=re.M)


def settings_table(class_name: str) -> str:
    """Return a settings class as a Markdown table."""
    from deep_storm.interface.sections import CLASSES
    from deep_storm.settings import describe_range, field_default

    cls = {c.__name__: c for c in CLASSES}[class_name]
    rows = []
    for name, field in cls.model_fields.items():
        default = field_default(cls, name)
        shown = {None: "–", ...: "must be given"}.get(default, f"`{default}`")
        rows.append((f"`{name}`", field.description or "", describe_range(cls, name), shown))
    intro = (cls.__doc__ or "").strip()
    section = f"Section `[{cls.__name__.lower()}]` of a settings file. {intro}"
    return "\n\n".join([section, _table(("setting", "meaning", "takes", "default"), rows)])


def formats_table() -> str:
    """Return the columns of other programs' tables as a Markdown table."""
    from deep_storm.io.tables.foreign.columns import described

    return described()


def verbs_table() -> str:
    """Return all verbs as a Markdown table."""
    from deep_storm.interface.registry import NAMES, load

    rows = [(f"`{name}`", load(name).description) for name in NAMES]
    return _table(("verb", "what it does"), rows)


def command_tables() -> str:
    """Return what the parameters of each command mean."""
    from deep_storm.fiji.menu.catalog import command, command_keys

    parts = []
    for made in map(command, command_keys()):
        rows = [(f"`{p.name}`", p.description) for p in made.parameters if p.name != "more"]
        rows += [(f"`{p.name}` (more)", p.description) for p in made.further]
        if rows:
            parts += [
                f"### {made.title}",
                f"{made.description}.",
                _table(("parameter", "meaning"), rows),
            ]
    return "\n\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
