# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/assets.py lays down accepted files only."""

import pytest

from deploy import assets

ASSET = assets.Asset(target="kit/kit.css", requirement="kit==1", member="kit.css")


@pytest.fixture(autouse=True)
def vendor(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    return tmp_path


def test_every_asset_is_in_the_manifest():
    assert set(assets.manifest()) == {asset.target for asset in assets.ASSETS}


def test_accepted_file_is_written_and_then_current(monkeypatch, vendor):
    monkeypatch.setattr(assets, "fetch", lambda asset: b"a{}")
    accepted = {ASSET.target: assets.digest(b"a{}")}
    assert not assets.is_current(ASSET, accepted)
    assets.install(ASSET, accepted)
    assert assets.is_current(ASSET, accepted)
    (vendor / ASSET.target).write_bytes(b"b{}")
    assert not assets.is_current(ASSET, accepted)


def test_other_bytes_are_refused_and_not_written(monkeypatch, vendor):
    monkeypatch.setattr(assets, "fetch", lambda asset: b"evil{}")
    with pytest.raises(assets.AssetError, match="is not the accepted file"):
        assets.install(ASSET, {ASSET.target: assets.digest(b"a{}")})
    assert not (vendor / ASSET.target).exists()


def test_source_map_is_left_out():
    assert assets.without_source_map(b"a{}\n/*# sourceMappingURL=a.css.map */") == b"a{}\n"
