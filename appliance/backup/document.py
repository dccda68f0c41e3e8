# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration as a readable document: names instead of keys, a list for each kind of thing, in an order that can
be entered again. `read` checks its form; what the values mean is the services' business.
"""

from __future__ import annotations

import json
from datetime import datetime, time
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT: Final = "pinhole-configuration"
VERSION: Final = 1
PRODUCT: Final = "0.1.0"

# --- Implementation constants ---

MOST: Final = 20_000
"""Things of one kind."""
LARGEST: Final = 5 * 1024 * 1024  # octets

Name = Annotated[str, Field(max_length=80)]
Line = Annotated[str, Field(max_length=500)]


class _Thing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class InterfaceIn(_Thing):
    name: Annotated[str, Field(max_length=15)]
    role: Line
    addresses: Annotated[list[Line], Field(max_length=64)] = []
    masquerade: bool = False


class AddressIn(_Thing):
    """Kinds of objects grow; what a kind does not know is refused by its service."""

    model_config = ConfigDict(extra="allow", strict=True)

    name: Name
    kind: Line
    value: Line = ""
    members: Annotated[list[Name], Field(max_length=MOST)] = []


class ServiceIn(_Thing):
    """As with addresses."""

    model_config = ConfigDict(extra="allow", strict=True)

    name: Name
    protocol: Line
    ports: Annotated[str, Field(max_length=200)] = ""
    application: Line = ""


class ScheduleIn(_Thing):
    name: Name
    weekdays: Annotated[list[int], Field(max_length=7)]
    begin: Annotated[time, Field(strict=False)]
    end: Annotated[time, Field(strict=False)]
    timezone: Annotated[str, Field(max_length=60)] = "UTC"


class RuleIn(_Thing):
    """`expired`: its time was over when this was written, and so it is not entered again."""

    table: Line = "forward"
    name: Name
    action: Line
    enabled: bool = True
    source: Name | None = None
    destination: Name | None = None
    service: Name | None = None
    from_zone: Line = ""
    to_zone: Line = ""
    target: Name | None = None
    target_port: int | None = None
    until: Annotated[datetime | None, Field(strict=False)] = None
    expired: bool = False
    schedule: Name | None = None
    section: Name = ""
    tags: Annotated[list[Name], Field(max_length=50)] = []
    log: bool = False
    prepared: bool = False
    comment: Line = ""


class ProviderIn(_Thing):
    name: Name
    signalling: Name
    media: Name | None = None
    symmetric_media: bool = False
    template: Line = ""


class SettingsIn(_Thing):
    """Of the ALG, for a provider, or for all (null)."""

    provider: Name | None = None
    values: dict[str, Any]


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["pinhole-configuration"]
    version: int
    product: Line = ""
    made: Line = ""
    interfaces: Annotated[list[InterfaceIn], Field(max_length=MOST)] = []
    addresses: Annotated[list[AddressIn], Field(max_length=MOST)] = []
    services: Annotated[list[ServiceIn], Field(max_length=MOST)] = []
    schedules: Annotated[list[ScheduleIn], Field(max_length=MOST)] = []
    rules: Annotated[list[RuleIn], Field(max_length=MOST)] = []
    providers: Annotated[list[ProviderIn], Field(max_length=MOST)] = []
    settings: Annotated[list[SettingsIn], Field(max_length=MOST)] = []


class Refused(ValueError):
    """`fields` maps a place (`rules[3].action`) to what is wrong there."""

    def __init__(self, fields: dict[str, list[str]], newer: str = "") -> None:
        self.fields, self.newer = fields, newer
        super().__init__(str(fields))


def read(text: bytes) -> Document:
    """Raise Refused."""
    if len(text) > LARGEST:
        raise Refused({"file": ["It is larger than 5 MB."]})
    try:
        plain = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise Refused({"file": [f"This is no JSON: {error}"]}) from error
    return checked(plain)


def checked(plain: Any) -> Document:
    """Raise Refused."""
    version = plain.get("version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise Refused({"version": ["too new"]}, newer=str(plain.get("product") or version))
    try:
        return Document.model_validate_json(json.dumps(plain))
    except (ValidationError, ValueError, RecursionError) as error:
        raise Refused(_places(error)) from error


def plain_text(plain: Any) -> bytes:
    """Of JSON values that somebody else has read already."""
    return json.dumps(plain).encode()


def write(document: Document) -> bytes:
    return json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False).encode() + b"\n"


def place(*path: str | int) -> str:
    """`rules[3].action`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _places(error: Exception) -> dict[str, list[str]]:
    if not isinstance(error, ValidationError):
        return {"file": [str(error)]}
    fields: dict[str, list[str]] = {}
    for each in error.errors()[:100]:
        fields.setdefault(place(*each["loc"]) or "file", []).append(each["msg"])
    return fields
