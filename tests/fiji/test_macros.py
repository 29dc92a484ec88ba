"""The macro of the documentation, run from top to bottom as it stands there, with the right result.

ImageJ alone has no menu entries for scripts. Each line is taken as Fiji takes it: the options by
the names of the script's parameters.
"""

from __future__ import annotations

import re
from pathlib import Path

from deep_storm.fiji.menu.catalog import command, command_keys
from deep_storm.io.tables.files import read_table

DATA = Path(__file__).resolve().parents[1] / "data"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "fiji.md"
_LINE = re.compile(r'^run\("([^"]+)"(?:, "([^"]*)")?\);$', re.MULTILINE)
_OPTION = re.compile(r"(\w+)=(\[[^\]]*\]|\S+)")


def documented_lines():
    """Return the lines of the section "From macros": command and options."""
    section = PAGE.read_text(encoding="utf-8").partition("## From macros")[2]
    return _LINE.findall(section.partition("```")[2].partition("```")[0])


def test_the_documented_macro_ends_with_thunderstorms_table(screen, tmp_path):
    scripts = {command(key).menu[-1]: command(key).script for key in command_keys()}
    screen.show("movie", file=str(DATA / "filaments_drift_first20.tif"))
    macro = tmp_path / "import.ijm"
    noted = tmp_path / "noted.txt"
    macro.write_text(
        f'File.saveString(call("ij.Macro.getOptions"), "{noted.as_posix()}");\n'
        'Table.create("ThunderSTORM: results");\n'
    )
    screen.ask("add_command", name="Import results", macro=macro.as_posix())
    ended = {}
    try:
        for label, options in documented_lines():
            given = {name: value.strip("[]") for name, value in _OPTION.findall(options)}
            script = scripts[label].removesuffix(".py")
            image = "movie" if label.startswith("Reconstruct") else None
            ended[label] = screen.run_through(script, image, **given)["status"]
    finally:
        screen.ask("add_command", name="Import results", macro=None)
    assert list(ended) == ["Camera Setup...", "Reconstruct Stack...", "Send To ThunderSTORM"]
    assert all(status.startswith("ok: ") for status in ended.values()), ended
    found = int(re.search(r"ok: ([\d,]+) localizations", ended["Reconstruct Stack..."])[1])
    path = re.search(r"filepath=\[([^\]]+)\]", noted.read_text(encoding="utf-8"))[1]
    assert len(read_table(path)) == found > 200
    assert screen.ask("dialogs") == []
