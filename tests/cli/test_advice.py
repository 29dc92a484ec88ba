"""An option that an error, a help text or a page of the documentation names is a real one."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from deep_storm.cli.app import make_app
from deep_storm.cli.endings import explain
from deep_storm.interface.registry import NAMES, load

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "deep_storm"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
OPTION = re.compile(r"(?<![\w./\[-])--[a-z][a-z0-9-]*[a-z0-9]")
OF_OTHERS = {"--nthreads", "--shm-size", "--tls-ca-file", "--tls-cert", "--tls-key"}
"""Options of Dask and Docker, which our messages name with their program."""
IN_BENCHMARKS = {
    option
    for script in (ROOT / "benchmarks").glob("*.py")
    for text in [script.read_text(encoding="utf-8")]
    for option in [
        *re.findall(r'add_argument\(\s*"(--[a-z0-9-]+)"', text),
        *OPTION.findall(ast.get_docstring(ast.parse(text)) or ""),
    ]
}
"""Those that a script declares, or names in its first lines."""


@pytest.fixture(scope="session")
def all_options(options_of):
    return set().union(*map(options_of, NAMES)) | {"--version"}


def texts_of(module):
    """Return every text that stands in a module, docstrings too; … stands for what is filled in."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    within = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            within.update(node.values)
            yield "".join(getattr(part, "value", "…") if isinstance(part, ast.Constant) else "…"
                          for part in node.values)  # fmt: skip
        elif isinstance(node, ast.Constant) and type(node.value) is str and node not in within:
            yield node.value


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def test_every_option_in_a_message_exists(all_options):
    for module in modules():
        named = {option for text in texts_of(module) for option in OPTION.findall(text)}
        assert named <= all_options | OF_OTHERS, module


@pytest.mark.parametrize("verb", NAMES)
def test_a_verbs_own_module_names_its_own_options(verb, options_of):
    module = Path(load(verb).function.__code__.co_filename)
    for text in texts_of(module):
        for option in OPTION.findall(text):
            before = text[: text.index(option)]
            other = [name for name in NAMES if re.search(rf"\b{name}\b", before)]
            assert option in options_of(verb) or any(option in options_of(n) for n in other), text


def commands_in(page):
    """Return the verb and the options of each command line on a page."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"(?:deep-storm|run\.py) ([^`\n]*)", text):
        words = line.split()
        if words and words[0] in NAMES:
            yield words[0], OPTION.findall(re.split(r" #|: | \| ", line)[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_documentation_has_its_options(page, options_of):
    for verb, named in commands_in(page):
        assert set(named) <= options_of(verb), (verb, named)


def typed_lines(page):
    """Return the commands in a page's blocks of code as words, as somebody would type them."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n +", "", block).splitlines():
            found = re.fullmatch(
                r" *(?:deep-storm|python3 run\.py) ([a-z-]+(?: [^#$…]*)?)(?:#.*)?", line
            )
            words = shlex.split(found[1]) if found else []
            if words and words[0] in NAMES:
                yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_block_of_code_can_be_typed(page):
    for words in typed_lines(page):
        app = make_app([load(words[0])])
        app.parse_args(words, exit_on_error=False, print_error=False)  # raises what is wrong


def test_the_pages_have_commands_to_be_typed():
    typed = [words for page in PAGES for words in typed_lines(page)]
    assert len(typed) > 50
    assert {"train", "reconstruct", "fiji", "evaluate"} <= {words[0] for words in typed}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_in_the_documentation_exists(page, all_options):
    for words in re.findall(r"`([^`\n]*--[^`\n]*)`", page.read_text(encoding="utf-8")):
        if words.startswith(("--", "deep-storm", *NAMES)):
            known = all_options | OF_OTHERS | IN_BENCHMARKS
            assert set(OPTION.findall(words)) <= known, words


def test_every_setting_and_argument_is_described_with_real_options(all_options):
    for verb in map(load, NAMES):
        said = [argument.description for argument in verb.arguments]
        said += [
            info.description or "" for cls in verb.settings.values()
            for info in cls.model_fields.values()
        ]  # fmt: skip
        for text in said:
            assert set(OPTION.findall(text)) <= all_options, text


@pytest.mark.parametrize("verb", NAMES)
def test_a_full_memory_names_what_the_verb_can_make_smaller(verb, options_of):
    sentence, _ = explain(MemoryError(), f"deep-storm {verb}")
    assert set(OPTION.findall(sentence)) <= options_of(verb)
    assert ("--chunk-frames or --tile-px" in sentence) == (verb == "reconstruct")
    assert ("--batch" in sentence) == (verb == "train")
    assert shlex.split(sentence)[0] == "deep-storm"
