# SPDX-License-Identifier: GPL-2.0-or-later
"""What the content security policy and the appliance's seclusion demand of every template and script."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template
from django.utils.formats import get_format

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
OWN_STATIC = sorted(path for path in (ROOT / "static").rglob("*.*") if "vendor" not in path.parts)
FIRST_LOAD = 120_000  # octets, compressed: console reference 3.11

FORBIDDEN = {
    "inline style": re.compile(r"\sstyle=|<style"),
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)"),
    "event attribute": re.compile(r"\son[a-z]+="),
    "outside address": re.compile(r"https?://(?!www\.w3\.org/2000/svg)"),
    "markup from data": re.compile(r"innerHTML|outerHTML=|insertAdjacentHTML|\|safe\b|hx-on|hx-vals=.js:"),
    "code from text": re.compile(r"\beval\(|new Function|js:"),
}


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "text", ['<p style="x">', "<script>x</script>", '<a onclick="x">', "http://a/", "a.innerHTML = b"]
)
def test_the_patterns_find_what_they_name(text):
    assert any(pattern.search(text) for pattern in FORBIDDEN.values())


@pytest.mark.parametrize("path", [*TEMPLATES, *OWN_STATIC], ids=named)
def test_nothing_the_policy_would_stop(path):
    text = path.read_text()
    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_template_compiles(path):
    get_template(str(path.relative_to(ROOT / "templates")))


def test_no_style_is_for_anything_behind_something():
    """Chromium would style a whole table anew with each row that comes into it: a fifth of all that live calls cost."""
    sheets = [path for path in (ROOT / "static").rglob("*.css") if "uplot" not in path.parts]
    assert len(sheets) > 4
    assert [named(path) for path in sheets if re.search(r"[+~]\s*\*", path.read_text())] == []


def test_every_class_for_controls_and_places_has_a_rule():
    """Of Bootstrap we have the reboot alone: what its other sheets would have meant is ours to say."""
    rules = " ".join(path.read_text() for path in OWN_STATIC if path.suffix == ".css")
    values = " ".join(" ".join(re.findall(r'class="([^"]*)"', path.read_text())) for path in TEMPLATES)
    used = set(re.findall(r"(?<![\w-])(?:btn|form|text|flex|[dmp][tbsexy]?)-[\w-]+", values))
    assert "btn-primary" in used
    assert sorted(name for name in used if f".{name}" not in rules) == []


def test_every_icon_is_in_the_sprite():
    symbols = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/icons.svg").read_text()))
    used = {name for path in TEMPLATES for name in re.findall(r'{% icon "([^"]+)"', path.read_text())}
    assert used <= symbols
    assert {"ok", "hint", "warning", "error", "inbound", "outbound", "up", "down"} <= symbols  # named by data


def test_first_load_is_within_its_budget():
    names = [
        "vendor/bootstrap/reboot.min.css",
        "vendor/geist/geist.woff2",
        "vendor/geist/geist-mono.woff2",
        "django_htmx/htmx-2.min.js",
        "icons.svg",
        "icon.svg",
    ]
    names += [str(path.relative_to(ROOT / "static")) for path in OWN_STATIC if path.suffix in {".css", ".js"}]
    found = [finders.find(name) for name in names]
    assert None not in found, "run deploy/assets.py"
    assert sum(len(gzip.compress(Path(path).read_bytes())) for path in found) < FIRST_LOAD


def imported(module):
    """The modules that one needs, and what those need."""
    source = (ROOT / f"static/js/{module}.js").read_text()
    found = set(re.findall(r'^import .*"\./(\w+)\.js"', source, re.M))
    return found.union(*map(imported, found))


@pytest.mark.parametrize(
    ("template", "modules"), [("base", ["app"]), ("sip/call", ["app", "call"]), ("firewall/rules", ["app", "rules"])]
)
def test_every_module_of_a_page_is_fetched_at_once(template, modules):
    source = (ROOT / "templates/base.html").read_text() + (ROOT / f"templates/{template}.html").read_text()
    preloaded = set(re.findall(r"modulepreload\" href=\"{% static 'js/(\w+)\.js'", source))
    assert preloaded == set().union(*map(imported, modules))


def test_what_draws_a_call_is_asked_for_before_all_else():
    first = re.search(r"{% block first %}(.*?){% endblock %}", (ROOT / "templates/sip/call.html").read_text(), re.S)[1]
    assert set(re.findall(r"modulepreload\" href=\"{% static 'js/(\w+)\.js'", first)) == imported("call")


def test_numbers_of_live_pages_are_grouped_as_in_each_language():
    """words.js writes them by a table of its own; Django's formats know the same."""
    line = re.search(r"THOUSANDS = .*", (ROOT / "static/js/words.js").read_text())[0]
    expected = [f'{code}: "{get_format("THOUSAND_SEPARATOR", code)}"' for code, _ in settings.LANGUAGES]
    assert sorted(re.findall(r'\w+: "."', line)) == sorted(expected)
