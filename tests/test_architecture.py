"""How modules hang together, read from their source: no circles, and nothing imported late."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import deep_storm

PACKAGE = Path(deep_storm.__file__).parent
Graph = dict[str, set[str]]


def source_of_modules() -> dict[str, ast.Module]:
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


TREES = source_of_modules()
FACE = "deep_storm"
"""Names everything, for type checkers; it imports nothing of it."""


def targets(statement: ast.stmt) -> set[str]:
    """Modules of the package that an import statement names."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names} & TREES.keys()
    assert isinstance(statement, ast.ImportFrom)
    module = statement.module or ""
    named = {f"{module}.{alias.name}" for alias in statement.names}
    found = named & TREES.keys()
    return found or {module} & TREES.keys()


def imports(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node


def graph() -> Graph:
    found = {name: set().union(*map(targets, imports(tree))) for name, tree in TREES.items()}
    return {name: seen - {name, FACE} for name, seen in found.items() if name != FACE}


def circles(edges: Graph) -> list[set[str]]:
    """Strongly connected groups of more than one node (Tarjan)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], index[other])
        if lowest[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(set(group))

    for node in edges:
        if node not in index:
            visit(node)
    return found


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_modules_import_each_other_in_a_circle():
    """Neither when they are loaded, nor in functions, nor for type checkers."""
    assert circles(graph()) == []


PACKAGES = sorted({name.rpartition(".")[0] for name in TREES if "." in name})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_parts_of_a_package_import_each_other_in_a_circle(package):
    """A package or module beside another is one node; what is in it does not matter."""
    edges: Graph = {}
    for name, seen in graph().items():
        if not name.startswith(f"{package}."):
            continue
        inside = (s for s in {name, *seen} if s.startswith(f"{package}."))
        parts = {s[len(package) + 1 :].partition(".")[0] for s in inside}
        part = name[len(package) + 1 :].partition(".")[0]
        edges.setdefault(part, set()).update(parts - {part})
    assert circles(edges) == []
