"""Text from files and users, made safe for printing, logging and display.

File names, labels of tables and sections of settings may hold anything, also what a terminal takes
for a command: to clear the screen, to change its title, to write from right to left.
"""

from __future__ import annotations

MAX_CHARACTERS = 2000


def visible(text: str, *, keep_lines: bool = False, limit: int | None = MAX_CHARACTERS) -> str:
    r"""Return a text with control and invisible characters escaped.

    Parameters
    ----------
    text
        Anything.
    keep_lines
        Whether line feeds stay.
    limit
        Characters after which it is cut off; None: never.

    Returns
    -------
    The text with controls, invisible characters and halves of characters as ``\x1b``.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    kept = "\n" if keep_lines else ""
    return "".join(c if c.isprintable() or c in kept else _escaped(c) for c in text)


def visible_json(text: str) -> str:
    r"""Return JSON with control and invisible characters as ``\u001b``; line breaks stay."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _unit(c) for c in text)


def _escaped(character: str) -> str:
    if 0xD800 <= ord(character) <= 0xDFFF:  # a byte of a name that is not UTF-8
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _unit(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))
