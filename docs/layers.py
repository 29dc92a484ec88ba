"""Draw who may import whom: ``python docs/layers.py`` writes docs/images/layers.svg.

The layers are those that import-linter checks (pyproject.toml); what a module says of itself is the
first line of its description. A test fails when the picture is stale.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from html import escape
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "deep_storm"
PICTURE = ROOT / "docs" / "images" / "layers.svg"

WIDTH, MARGIN, GAP, LEFT = 1000, 12, 6, 44
LINE, PADDING = 16, 9
MAX_COLUMNS, NAME_WIDTH = 4, 120
PER_CHARACTER = 6.1
STYLE = """\
text { font: 12px 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; fill: #333 }
.name { font-weight: 600; font-size: 13px; fill: #0b3d66 }
.box { fill: #f3f7fb; stroke: #9db7cf }
.arrow { stroke: #c2571a; stroke-width: 2; fill: none }
.said { fill: #c2571a }"""


def layers() -> list[list[str]]:
    """Return the modules of each layer, the highest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (declared,) = (c["layers"] for c in contracts if c["id"] == "layers")
    return [re.findall(r"\w+", layer) for layer in declared]


def description(module: str) -> str:
    """Return the first line of a module's description, without markup."""
    folder = PACKAGE / module
    file = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{module}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.sub(r":\w+:`([^`]*)`|``([^`]*)``", r"\1\2", text.partition("\n")[0]).rstrip(".")


def drawn() -> str:
    """Return the picture."""
    parts: list[str] = []
    top = MARGIN
    for modules in layers():
        columns = min(len(modules), MAX_COLUMNS)
        for start in range(0, len(modules), columns):
            top += _row(parts, modules[start : start + columns], top) + GAP
        top += GAP
    height = top + MARGIN
    x = MARGIN + 8
    arrow = (
        f'<path class="arrow" d="M{x} {MARGIN} V{height - MARGIN - 4} '
        f'm-6 -10 l6 10 l6 -10"/>\n<text class="said" '
        f'transform="translate({x + 16} {height // 2}) rotate(-90)" text-anchor="middle">'
        "imports what lies below, never what lies above</text>"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-label="Layers of the package">',
            f"<style>\n{STYLE}\n</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            arrow,
            *parts,
            "</svg>\n",
        ]
    )


def _row(parts: list[str], modules: list[str], top: int) -> int:
    """Draw modules side by side; return the height that they take."""
    width = (WIDTH - LEFT - MARGIN - (len(modules) - 1) * GAP) // len(modules)
    beside = NAME_WIDTH if len(modules) == 1 else 0  # one alone has its description beside its name
    room = int((width - 2 * PADDING - beside) / PER_CHARACTER)
    texts = [textwrap.wrap(description(module), room) for module in modules]
    height = ((not beside) + max(map(len, texts))) * LINE + PADDING + 4
    for column, (module, lines) in enumerate(zip(modules, texts, strict=True)):
        left = LEFT + column * (width + GAP)
        parts.append(
            f'<rect class="box" x="{left}" y="{top}" width="{width}" height="{height}" rx="5"/>'
        )
        baseline = top + PADDING + 9
        parts.append(_text(left + PADDING, baseline, module, "name"))
        for number, line in enumerate(lines, start=not beside):
            parts.append(_text(left + PADDING + beside, baseline + number * LINE, line))
    return height


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text{attribute} x="{x}" y="{y}">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8", newline="\n")
