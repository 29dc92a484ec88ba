"""Elements of XML by searching, not parsing: OME-XML may have one for every frame."""

from __future__ import annotations

import html
import re


def attributes(text: str) -> dict[str, str]:
    """Return the attributes in the text of a tag."""
    pairs = re.findall(r"""(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", text)
    return {name: html.unescape(one or other) for name, one, other in pairs}


def first_element(text: str, name: str) -> dict[str, str]:
    """Return the attributes of the first element of a name; none where there is none."""
    found = re.search(rf"<(?:\w+:)?{name}\b([^>]*)>", text)
    return attributes(found[1]) if found else {}
