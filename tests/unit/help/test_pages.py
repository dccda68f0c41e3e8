# SPDX-License-Identifier: GPL-2.0-or-later
"""Every answer can be read, by its permanent link and in the side panel, and leads only to what there is."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from appliance.advisor.checks import CHECKS
from appliance.help.guides import ACTS, NOTES, guides
from appliance.help.pages import PAGES
from appliance.recipes.forms import RECIPES


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.mark.parametrize("name", PAGES)
def test_page_answers_its_question(console, name):
    page = PAGES[name]
    text = console.get(f"/help/{name}/").content.decode()
    assert f"<h1>{page.title}</h1>" in text
    assert str(page.title).endswith("?")
    for section in page.sections:
        assert len(re.findall(r"[.!?:](?=\s|$)", str(section.text))) <= 5, "short, or nobody reads it"
    for way in page.ways:
        address = reverse(way.page, args=[] if way.argument is None else [way.argument])
        assert f'href="{address}' in text
        assert console.get(address).status_code == 200
    assert set(page.further) <= set(PAGES)


def test_panel_shows_the_answer_alone(console):
    text = console.get("/help/symmetric-rtp/", headers={"HX-Request": "true"}).content.decode()
    assert '<h2 id="panel-title">' in text
    assert "<html" not in text


def test_there_is_no_page_without_an_answer(console):
    assert console.get("/help/nothing/").status_code == 404
    text = console.get("/help/").content.decode()
    assert all(f"/help/{name}/" in text for name in PAGES)


def test_help_is_found_by_its_words_and_where_questions_arise(console):
    assert "/help/alg-and-stun/" in console.get("/palette/?q=stun").content.decode()
    by_maker = console.get("/palette/?q=mikrotik").content.decode()
    assert "/help/router-sip-alg/" in by_maker
    assert "MikroTik (RouterOS)" in by_maker
    assert "/help/rtp-forwarding/" in console.get("/firewall/rules/?table=dnat").content.decode()
    assert "/help/exempt-servers/" in console.get("/firewall/exemptions/").content.decode()
    for name, recipe in RECIPES.items():
        text = console.get(f"/firewall/recipes/{name}/").content.decode()
        assert not recipe.help or f"/help/{recipe.help}/" in text
    assert {check.help for check in CHECKS} | {recipe.help for recipe in RECIPES.values() if recipe.help} <= set(PAGES)


def test_recipe_takes_answers_from_a_link(console):
    text = console.get("/firewall/recipes/rtp/?pbx=192.168.0.2&source=203.0.113.3&nonsense=1").content.decode()
    assert 'value="192.168.0.2"' in text
    assert 'value="203.0.113.3"' in text


def test_guides_of_makers_name_their_source_and_date(console):
    assert {page.guides for page in PAGES.values() if page.guides} == set(guides())
    for name, page in PAGES.items():
        text = html.unescape(console.get(f"/help/{name}/").content.decode()) if page.guides else ""
        listed = guides().get(page.guides, ())
        if page.guides in ("routers", "phones"):
            assert [each.name for each in listed] == sorted({each.name for each in listed}, key=str.casefold)
        for each in listed:
            assert each.act in ACTS
            assert set(each.notes) <= set(NOTES)
            assert bool(each.text) == (each.act != "source")
            assert date.fromisoformat(each.date) <= timezone.now().date()
            assert f"{each.source}, read on {each.date}." in text
            assert all(line in text for line in each.text)
        assert text.count("data-copy=") == sum(each.typed for each in listed)
