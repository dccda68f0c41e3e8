# SPDX-License-Identifier: GPL-2.0-or-later
"""House rules that a machine can check: sizes, first lines, names, templates; each with a good and a bad line."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_CEILING = 400
FUNCTION_CEILING = 60
NAMED_BY_DJANGO = {ROOT / "appliance/database/base.py"}  # a database backend's module has this name and no other
CATCH_ALL = {"utils", "util", "common", "helpers", "helper", "misc", "base", "manager", "handlers", "data", "info"}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


SOURCES = [path for path in tracked("*.py") if "migrations" not in path.parts]
PRODUCT = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "tests"]
TEMPLATES = tracked("templates/*.html", "templates/**/*.html")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_check():
    assert len(PRODUCT) > 50
    assert TEMPLATES


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_module_is_short_and_begins_with_licence_and_purpose(path: Path):
    text = path.read_text()
    assert text.count("\n") <= MODULE_CEILING
    if text.strip():
        assert text.startswith("# SPDX-License-Identifier: GPL-2.0-or-later\n") or path.name == "manage.py"
        assert ast.get_docstring(ast.parse(text)), "the module says in one sentence what may live in it"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_functions_are_short(path: Path):
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_CEILING
    ]
    assert long == []


def test_no_catch_all_modules():
    assert [
        name(path)
        for path in PRODUCT
        if path not in NAMED_BY_DJANGO
        and {part.removesuffix(".py") for part in path.relative_to(ROOT).parts} & CATCH_ALL
    ] == []


INLINE = re.compile(
    r"""<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle\s*=|\son[a-z]+\s*=|(?:src|href|action)\s*=\s*["'](?:https?:)?//""",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "line", ["<script>x</script>", "<p style='x'>", '<a onclick="x">', '<img src="//cdn/x">', '<link href="https://x">']
)
def test_inline_rule_sees_bad_lines(line: str):
    assert INLINE.search(line)


@pytest.mark.parametrize(
    "line", ['<script src="/static/x.js"></script>', '<p class="style">', '<a href="/x">', "{{ x|json_script:'y' }}"]
)
def test_inline_rule_lets_good_lines_pass(line: str):
    assert not INLINE.search(line)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_template_has_nothing_inline_and_nothing_from_outside(path: Path):
    assert [line.strip() for line in path.read_text().splitlines() if INLINE.search(line)] == []


REGEX_IN_ENGINE = re.compile(r"^\s*(import re\b|from re import)", re.MULTILINE)


def test_no_regular_expression_on_network_bytes():
    """A plausible pattern for a display name takes 15 s on 24 bytes; the engine scans by index instead."""
    assert REGEX_IN_ENGINE.search("import re\n")
    engine = [
        path
        for path in PRODUCT
        if path.relative_to(ROOT).parts[:2] in {("sipalg_core", part) for part in ("sip", "sdp", "alg", "io")}
    ]
    assert engine
    assert [name(path) for path in engine if REGEX_IN_ENGINE.search(path.read_text())] == []
