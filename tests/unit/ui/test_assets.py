# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/assets.py lays down accepted files only; deploy/packages.py takes them out of packages without running any."""

import subprocess
import tarfile

import pytest

from deploy import assets, packages

ASSET = assets.Asset(target="static/vendor/kit/kit.css", package="npm:kit@1", member="kit.css")


class Holding:
    """A registry with one file."""

    def __init__(self, content):
        self.content = content

    def read(self, package, member):
        assert (package, member) == (ASSET.package, ASSET.member)
        return self.content


@pytest.fixture
def root(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    return tmp_path


def test_every_asset_is_in_the_manifest():
    assert set(assets.manifest()) == {asset.target for asset in assets.ASSETS}


def test_every_asset_is_an_exact_pin():
    for asset in assets.ASSETS:
        registry, _, name = asset.package.partition(":")
        assert ("==" if registry == "pypi" else "@") in name[1:]


def test_what_setup_laid_down_is_what_was_accepted():
    accepted = assets.manifest()
    assert [asset.target for asset in assets.ASSETS if not assets.is_current(asset, accepted)] == []


def test_accepted_file_is_written_and_then_current(root):
    accepted = {ASSET.target: assets.digest(b"a{}")}
    assert not assets.is_current(ASSET, accepted)
    assets.install(ASSET, accepted, Holding(b"a{}"))
    assert assets.is_current(ASSET, accepted)
    (root / ASSET.target).write_bytes(b"b{}")
    assert not assets.is_current(ASSET, accepted)


def test_other_bytes_are_refused_and_not_written(root):
    with pytest.raises(assets.AssetError, match="is not the accepted file"):
        assets.install(ASSET, {ASSET.target: assets.digest(b"a{}")}, Holding(b"evil{}"))
    assert not (root / ASSET.target).exists()


def test_source_map_is_left_out():
    assert assets.without_what_harms(b"a{}legend+*{clear:left}\n/*# sourceMappingURL=a.css.map */") == b"a{}\n"


@pytest.fixture
def npm(monkeypatch, tmp_path):
    """An npm that packs one file, and what it was called with."""
    called = []

    def run(command, **options):
        called.append(command)
        folder = command[command.index("--pack-destination") + 1]
        (tmp_path / "kit.css").write_bytes(b"a{}")
        with tarfile.open(f"{folder}/kit-1.tgz", "w:gz") as archive:
            archive.add(tmp_path / "kit.css", "package/kit.css")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return called


def test_package_is_downloaded_once_for_all_of_its_files(npm, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/npm")
    with packages.Packages() as registry:
        assert registry.read("npm:kit@1", "kit.css") == registry.read("npm:kit@1", "kit.css") == b"a{}"
        with pytest.raises(packages.PackageError, match="holds no file other"):
            registry.read("npm:kit@1", "other.css")
    assert len(npm) == 1
    assert "--ignore-scripts" in npm[0]


def test_registry_that_refuses_is_told_in_words(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/npm")
    monkeypatch.setattr(subprocess, "run", lambda command, **o: subprocess.CompletedProcess(command, 1, "", "E404 kit"))
    with (
        packages.Packages() as registry,
        pytest.raises(packages.PackageError, match=r"Check the machine's way.*\n.*E404"),
    ):
        registry.read("npm:kit@1", "kit.css")
