# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of backups, and of the configuration as a readable document."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Router, Schema, UploadedFile

from appliance.accounts.models import User
from appliance.backup import document, entry
from appliance.system import services
from appliance.ui.requests import may

router = Router(tags=["backup"])


class BackupIn(Schema):
    passphrase: str


class RestoreIn(Schema):
    """`interfaces` gives interfaces of the document other names here; "" leaves one out. `dry_run` changes nothing."""

    configuration: Any = None
    interfaces: dict[str, str] = {}
    dry_run: bool = False


class Restored(Schema):
    """`left_out` counts rules whose time is over. Apply it as any other change."""

    changes: list[str]
    left_out: int


@router.post("/backup")
@may("backup.make", fresh="session")
def make_backup(request: HttpRequest, payload: BackupIn) -> HttpResponse:
    """The encrypted file."""
    content = services.make_backup(actor=cast(User, request.user), passphrase=payload.passphrase)
    return HttpResponse(content, content_type="application/octet-stream")


@router.get("/configuration", response=dict[str, Any])
@may("backup.make")
def get_configuration(request: HttpRequest) -> dict[str, Any]:
    """Names instead of keys; what it says can be sent to PUT."""
    return entry.collect().model_dump(mode="json")


@router.put("/configuration", response=Restored)
@may("backup.restore", fresh="session")
def put_configuration(request: HttpRequest, payload: RestoreIn) -> dict[str, Any]:
    """Replace the whole draft by this document, or nothing of it."""
    content = services.read_configuration(text=document.plain_text(payload.configuration))
    return _restored(request, content, payload.interfaces, dry_run=payload.dry_run)


@router.post("/restore", response=Restored)
@may("backup.restore", fresh="session")
def restore(
    request: HttpRequest, file: File[UploadedFile], passphrase: Form[str], dry_run: Form[bool] = False
) -> dict[str, Any]:
    """A backup, as a draft."""
    content = services.open_backup(file=file.read(document.LARGEST + 1), passphrase=passphrase)
    return _restored(request, content, {}, dry_run=dry_run)


def _restored(
    request: HttpRequest, content: document.Document, interfaces: dict[str, str], *, dry_run: bool
) -> dict[str, Any]:
    looked = services.preview(content=content, interfaces=interfaces)
    if not dry_run:
        services.restore(actor=cast(User, request.user), content=content, interfaces=interfaces)
    return {"changes": [change.text for change in looked.changes], "left_out": looked.left_out}
