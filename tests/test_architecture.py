"""How modules hang together, read from their source: no circles, and nothing imported late."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import deep_storm

PACKAGE = Path(deep_storm.__file__).parent
Graph = dict[str, set[str]]


def source_of_modules() -> dict[str, str]:
    sources = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        sources[name] = path.read_text(encoding="utf-8")
    return sources


SOURCES = source_of_modules()
FACE = "deep_storm"
"""Names everything, for type checkers; it imports nothing of it."""


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of each module: large, so made when the first test asks for it."""
    return {name: ast.parse(source) for name, source in SOURCES.items()}


def targets(statement: ast.stmt) -> set[str]:
    """Modules of the package that an import statement names."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names} & SOURCES.keys()
    assert isinstance(statement, ast.ImportFrom)
    module = statement.module or ""
    named = {f"{module}.{alias.name}" for alias in statement.names}
    found = named & SOURCES.keys()
    return found or {module} & SOURCES.keys()


def imports(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node


@functools.cache
def graph() -> Graph:
    found = {name: set().union(*map(targets, imports(tree))) for name, tree in trees().items()}
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


PACKAGES = sorted({name.rpartition(".")[0] for name in SOURCES if "." in name})


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


HEAVY = {
    *("PIL", "appose", "comet", "cyclopts", "distributed", "imagej", "jinja2", "jpype", "keras"),
    *(
        "matplotlib",
        "numba",
        "pandas",
        "rich",
        "scipy",
        "scyjava",
        "skimage",
        "sklearn",
        "tensorflow",
    ),
}
FIRST = {"deep_storm.cli", "deep_storm.fiji"}
"""Loaded first: one answers Ctrl-C while the rest is loaded, the other is named by every script."""
MAX_LATE = 81


def loaded(module: str) -> set[str]:
    """Heavy libraries that a module brings with it when it is imported."""
    seen: set[str] = set()
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in SOURCES:
            libraries.add(name.partition(".")[0])
            continue
        waiting += [name.rpartition(".")[0]] if "." in name else []
        for statement in at_the_top(trees()[name]):
            found = targets(statement)
            waiting += found
            if not found and isinstance(statement, ast.Import):
                waiting += [alias.name for alias in statement.names]
            elif not found and isinstance(statement, ast.ImportFrom):
                waiting.append(statement.module or "")
    return libraries & HEAVY


def at_the_top(tree: ast.Module) -> Iterator[ast.stmt]:
    """Import statements that run when a module is loaded."""
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node


def late() -> Iterator[tuple[str, ast.stmt]]:
    """Imports of the package's own modules in functions, and the modules they stand in."""
    for name, tree in trees().items():
        top = set(map(id, at_the_top(tree)))
        for function in ast.walk(tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for statement in imports(function):
                    if id(statement) not in top and targets(statement):
                        yield name, statement


def test_nothing_loads_statistics_of_scipy_at_the_start():
    """It takes most of a second; ``scipy.signal`` and others bring it with them."""
    slow = ("scipy.signal", "scipy.stats", "sklearn", "skimage")
    for name, tree in trees().items():
        for statement in at_the_top(tree):
            alone = isinstance(statement, ast.Import)
            named = [a.name for a in statement.names] if alone else [statement.module or ""]
            assert not any(module.startswith(slow) for module in named), name


def test_few_imports_stand_in_functions():
    assert len({id(statement) for _, statement in late()}) < MAX_LATE


def test_an_import_in_a_function_says_which_heavy_library_it_keeps_out():
    """One that keeps none out belongs to the top of its module, where it can be seen."""
    for name, statement in late():
        if name in FIRST:
            continue
        brought = set().union(*map(loaded, targets(statement))) - loaded(name)
        line = SOURCES[name].splitlines()[statement.lineno - 1]
        said = set(line.partition("#")[2].replace(",", " ").split())
        assert said & brought, f"{name}, line {statement.lineno} says {said}, it brings {brought}"
