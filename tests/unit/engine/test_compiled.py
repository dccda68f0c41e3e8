# SPDX-License-Identifier: GPL-2.0-or-later
"""Which form is taken: never one of other sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipalg_core import compiled


@pytest.fixture
def folder(monkeypatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(compiled, "folder", lambda: tmp_path)
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    return tmp_path


@pytest.mark.parametrize("mark", [None, "", "of other sources"])
def test_without_one_of_these_sources_the_pure_form_is_taken(folder: Path, monkeypatch, mark: str | None):
    if mark is not None:
        (folder / "fingerprint").write_text(mark)
    assert not compiled.take()
    monkeypatch.setenv(compiled.SWITCH, "required")
    with pytest.raises(RuntimeError, match="deploy/compile"):
        compiled.take()


def test_one_can_do_without(folder: Path, monkeypatch):
    (folder / "fingerprint").write_text(compiled.fingerprint())
    monkeypatch.setenv(compiled.SWITCH, "no")
    assert not compiled.take()


def test_every_source_counts(monkeypatch, tmp_path: Path):
    before, read = compiled.fingerprint(), Path.read_bytes
    for path in compiled.sources():
        monkeypatch.setattr(Path, "read_bytes", lambda self, path=path: read(self) + b"#" * (self == path))
        assert compiled.fingerprint() != before, path
    assert len(compiled.sources()) > 25


def test_what_stays_pure_is_there():
    stems = {path.stem for package in compiled.PACKAGES for path in (compiled.ROOT / package).glob("*.py")}
    assert stems >= compiled.PURE
