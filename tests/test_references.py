"""Papers are cited by number, with the whole reference and its DOI."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "deep_storm"
WITHOUT_DOI = ("M. Ester", "W. R. Schucany", "J. W. Goodman")
"""Proceedings and papers that have none, and a book."""
ENTRY = re.compile(r"^ *\.\. \[(\d)\] (.*(?:\n {3,}\S.*)*)", flags=re.M)


def docstrings():
    for module in sorted(PACKAGE.rglob("*.py")):
        source = module.read_text(encoding="utf-8")
        if "References" not in source:  # to parse all takes seconds
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)):
                text = ast.get_docstring(node)
                if text and "References" in text:
                    yield module.relative_to(PACKAGE), text


CITING = list(docstrings())


def test_papers_are_cited():
    assert len(CITING) > 20


@pytest.mark.parametrize(("module", "text"), CITING, ids=[str(m) for m, _ in CITING])
def test_each_number_has_its_reference_with_a_doi(module, text):
    entries = dict(ENTRY.findall(text))
    assert list(entries) == [str(n + 1) for n in range(len(entries))]
    for reference in entries.values():
        said = " ".join(reference.split())
        doi = re.search(r"https://doi\.org/10\.\d{4,}/\S+$", said)
        assert doi or said.startswith((*WITHOUT_DOI, "B. Ottosson")), said
    source = (PACKAGE / module).read_text(encoding="utf-8")
    assert set(re.findall(r"\[(\d)\]_", source)) >= entries.keys()


def test_no_paper_is_named_without_a_reference():
    for module in PACKAGE.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        assert not re.search(r"et al\.,? (?:\*?[A-Z]|\d{4})", text), module
