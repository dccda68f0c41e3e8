# SPDX-License-Identifier: GPL-2.0-or-later
"""The rail: what a group may hold, and its pictures."""

from __future__ import annotations

from xml.etree import ElementTree

from django.conf import settings

from appliance.ui.templatetags.ui import NAVIGATION

AT_MOST = 7
PAGES = [page for _title, pages in NAVIGATION for page in pages]


def test_group_has_at_most_seven_pages():
    assert {str(title): len(pages) for title, pages in NAVIGATION if len(pages) > AT_MOST} == {}


def test_each_page_has_a_picture_of_its_own():
    drawn = {symbol.get("id") for symbol in ElementTree.parse(settings.BASE_DIR / "static/icons.svg").iter()}
    icons = [page.icon for page in PAGES]
    assert len(set(icons)) == len(icons)
    assert set(icons) <= drawn
