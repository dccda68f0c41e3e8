# SPDX-License-Identifier: GPL-2.0-or-later
"""German and Turkish are complete: every text that the sources hold now has a translation, and none is a guess."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("de", "tr")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory) -> Path:
    """The catalogues as `make messages` would leave them, from a copy."""
    copy = tmp_path_factory.mktemp("languages")
    for part in ("appliance", "templates", "locale", "sipalg_core"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    shutil.copy(ROOT / "manage.py", copy)
    languages = [word for language in LANGUAGES for word in ("-l", language)]
    subprocess.run(
        (sys.executable, "manage.py", "makemessages", *languages, "--no-location", "--no-wrap", "--no-obsolete"),
        cwd=copy, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return copy


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lacking", ["--untranslated", "--only-fuzzy"])
def test_no_text_is_missing_or_fuzzy(extracted: Path, language: str, lacking: str):
    catalogue = extracted / "locale" / language / "LC_MESSAGES/django.po"
    found = subprocess.run(
        ("msgattrib", lacking, "--no-obsolete", str(catalogue)), capture_output=True, text=True, check=True
    )  # fmt: skip
    texts = [line for line in found.stdout.splitlines() if line.startswith("msgid ") and line != 'msgid ""']
    assert texts == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_fit(language: str):
    catalogue = ROOT / "locale" / language / "LC_MESSAGES/django.po"
    subprocess.run(("msgfmt", "--check", "-o", "/dev/null", str(catalogue)), check=True, capture_output=True)


@pytest.mark.parametrize(("language", "calls"), [("de", "Live-Gespräche"), ("tr", "Canlı görüşmeler")])
def test_a_page_speaks_the_language_of_its_reader(client, owner, language: str, calls: str):
    client.force_login(owner)
    page = client.get("/calls/", headers={"Accept-Language": language}).content.decode()
    assert f'<html lang="{language}"' in page
    assert calls in page


def test_no_text_hides_from_the_catalogues():
    """xgettext looks into no f-string, and knows `_` and the functions' own names only."""
    asked = {"_", "gettext", "ngettext", "gettext_lazy", "ngettext_lazy"}
    hidden = []
    for source in (ROOT / "appliance").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            found: set[str] = set()
            if isinstance(node, ast.JoinedStr):
                calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
                found = {func.id for func in calls if isinstance(func, ast.Name)} & asked
            elif isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                found = {each.asname for each in node.names if each.asname} - asked
            hidden += [f"{source.relative_to(ROOT)}:{node.lineno}"] if found else []
    assert hidden == []
