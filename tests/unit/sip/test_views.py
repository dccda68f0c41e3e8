# SPDX-License-Identifier: GPL-2.0-or-later
"""The live pages bring header, words and configuration of their table."""

import json
import re

import pytest


@pytest.mark.parametrize(
    ("path", "topic", "empty"),
    [
        ("/calls/", "calls", "No calls right now."),
        ("/calls/registrations/", "registrations", "No registration seen yet."),
        ("/calls/pinholes/", "pinholes", "No openings."),
    ],
)
def test_header_and_script_come_from_one_table(client, owner, path, topic, empty):
    client.force_login(owner)
    text = client.get(path).content.decode()
    config = json.loads(re.search(rf'<script id="{topic}-table" type="application/json">(.*?)</script>', text)[1])
    assert config["topic"] == topic
    header = re.findall(r"<th[^>]*>([^<]+)</th>", text)
    assert header == [column["label"] for column in config["columns"]]
    assert empty in text
