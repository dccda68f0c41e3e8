# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages travel compressed."""

import gzip

ACCEPTS = {"Accept-Encoding": "gzip"}


def test_page_is_compressed_for_who_takes_it(client, owner):
    client.force_login(owner)
    plain = client.get("/help/")
    packed = client.get("/help/", headers=ACCEPTS)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(plain.content) / 2
    assert gzip.decompress(packed.content)[:200] == plain.content[:200]
