"""The scripts in Fiji's menu, written from the catalog: ``python -m deep_storm.fiji.menu.headers``.

A script is a header and one call. The documentation's macro forms are written too. A test fails
when a script or a macro form differs from what is written here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deep_storm.errors import OutputError
from deep_storm.fiji.menu.catalog import Command, command, command_keys

MACROS_BEGIN = "<!-- Written by python -m deep_storm.fiji.menu.headers; changes here are lost. -->"
MACROS_END = "<!-- End of what is written. -->"
MENU = Path("Plugins") / "Deep-STORM"
MARK = "# Written by python -m deep_storm.fiji"
"""In the first lines of each script, in all versions; a script without it is somebody else's."""
MARKED_WITHIN = 1000
_SERVICES = (
    ("UIService", "ui"),
    ("StatusService", "status_service"),
    ("LogService", "log"),
    ("PrefService", "prefs"),
)
_BODY = """\
try:
    from deep_storm.fiji import run
except ImportError as missing:
    status = ("error: deep_storm cannot be imported in Fiji's Python (%s): put the line that "
              "'deep-storm fiji install' prints into Pip dependencies in "
              "Edit > Options > Python..., and build the environment" % missing)
    if not ui.isHeadless():
        ui.showDialog(status, "{title}")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("{key}", globals()))
"""


def script_text(made: Command) -> str:
    """Return the whole script of a command."""
    lines = [
        "#!Python",
        '#@script(language="Python (pyimagej)")',
        f"# {made.description}.",
        f"{MARK}.menu.headers; changes here are lost.",
    ]
    if made.image:
        lines.append('#@ ImagePlus (label="Image", required=false, persist=false) image')
    lines += [parameter.line(made.key) for parameter in made.parameters]
    lines += [f"#@ {kind} {name}" for kind, name in _SERVICES]
    lines += [f"#@output {kind} {name}" for kind, name in outputs()]
    return "\n".join(lines) + "\n" + _BODY.format(key=made.key, title=made.title)


def outputs() -> tuple[tuple[str, str], ...]:
    """Return type and name of a script's outputs; table and status only without windows."""
    return (("Object", "result_image"), ("Object", "result_table"), ("String", "status"))


def scripts() -> dict[Path, str]:
    """Return path (below a scripts folder) and text of all scripts."""
    made = [command(key) for key in command_keys()]
    return {MENU / one.script: script_text(one) for one in made}


def write_scripts(folder: Path) -> list[Path]:
    """Write all scripts below a folder, and remove those of ours that are none any more.

    Returns
    -------
    What changed.

    Raises
    ------
    OutputError
        A script of somebody else has the name of one of ours; nothing is changed then.
    """
    wanted = scripts()
    there = own_scripts(folder / MENU)
    for path in map(folder.joinpath, wanted):
        if path.exists() and path not in there:
            raise OutputError(
                f"{path} was not written by Deep-STORM",
                "no other script of that name in Deep-STORM's menu",
                "rename it or move it elsewhere",
            )
    changed = []
    for path in there:
        if path.relative_to(folder) not in wanted:
            path.unlink()
            changed.append(path)
    for relative, text in wanted.items():
        path = folder / relative
        if path not in there or path.read_text(encoding="utf-8", errors="replace") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii", newline="\n")
            changed.append(path)
    return changed


def own_scripts(folder: Path) -> list[Path]:
    """Return the scripts below a folder that we wrote, in any version; others are left alone."""
    found = sorted(path for path in folder.rglob("*.py") if path.is_file())
    return [path for path in found if MARK in _beginning(path)]


def _beginning(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MARKED_WITHIN)


def with_macros(page: str) -> str:
    """Return the documentation's page with each command's macro form between its two marks."""
    before, _, rest = page.partition(MACROS_BEGIN)
    _, _, after = rest.partition(MACROS_END)
    forms = "\n".join(f"{made.macro()}" for made in map(command, command_keys()))
    return f"{before}{MACROS_BEGIN}\n```\n{forms}\n```\n{MACROS_END}{after}"


def main() -> None:
    """Write scripts and macro forms into the folders beside the package's source."""
    root = Path(__file__).resolve().parents[4]
    for path in write_scripts(root / "fiji-scripts"):
        sys.stdout.write(f"{path}\n")
    page = root / "docs" / "fiji.md"
    text = page.read_text(encoding="utf-8")
    if text != with_macros(text):
        page.write_text(with_macros(text), encoding="utf-8", newline="\n")
        sys.stdout.write(f"{page}\n")


if __name__ == "__main__":
    main()
