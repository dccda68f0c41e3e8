# SPDX-License-Identifier: GPL-2.0-or-later
"""The REST API under /api/v1/: authentication, error answers, and the routers of the apps."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as RequestInvalid
from ninja.security import HttpBearer, SessionAuth

from appliance.accounts.api import router as people
from appliance.accounts.models import User
from appliance.accounts.queries import user_for_token
from appliance.audit.api import router as audit
from appliance.firewall.api import routers as firewall
from appliance.gate import admit
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.live.control import EngineUnavailable
from appliance.network.api import router as network
from appliance.sip.api import routers as sip
from appliance.system.api import routers as system


class BearerToken(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> User:
        user = user_for_token(token)
        if user is None:
            raise AuthenticationError
        request.user = user
        return admit(request, user)


class BrowserSession(SessionAuth):
    """Writes need the CSRF token as well."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, _key: str | None) -> User | None:
        return admit(request, request.user) if isinstance(request.user, User) else None


api = NinjaAPI(
    title="Pinhole",
    version="1.0.0",
    description="What the console does, for programs. Lists are `{items, count}`, errors `{error, fields}`.",
    docs_url=None,  # its pages need scripts that our content security policy forbids
    auth=[BearerToken(), BrowserSession()],
)
for router in (*firewall, network, *sip, *system, people, audit):
    api.add_router("", router)


def _answer(request: HttpRequest, status: int, error: str, fields: dict[str, list[str]] | None = None) -> HttpResponse:
    body: dict[str, Any] = {"error": error} | ({"fields": fields} if fields else {})
    return api.create_response(request, body, status=status)


@api.exception_handler(AuthenticationError)
def unauthenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    return _answer(request, 401, "Send an API token as “Authorization: Bearer …”, or sign in.")


@api.exception_handler(HttpError)
def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(request, error.status_code, str(error))


@api.exception_handler(RequestInvalid)
def request_invalid(request: HttpRequest, error: RequestInvalid) -> HttpResponse:
    """Types and missing fields; what the values mean is `invalid`'s part."""
    fields: dict[str, list[str]] = {}
    for each in error.errors:
        place = [str(part) for part in each["loc"] if part not in ("body", "payload", "query", "path")]
        fields.setdefault(".".join(place) or "body", []).append(each["msg"])
    return _answer(request, 422, "The request is not understood.", fields)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = error.message_dict if hasattr(error, "error_dict") else {"body": error.messages}
    return _answer(request, 422, " ".join(message for messages in fields.values() for message in messages), fields)


@api.exception_handler(Http404)
@api.exception_handler(ObjectDoesNotExist)
def absent(request: HttpRequest, _error: Exception) -> HttpResponse:
    return _answer(request, 404, "There is no such thing here.")


@api.exception_handler(EngineUnavailable)
@api.exception_handler(NetadminUnavailable)
def engine_unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    return _answer(request, 503, str(error))
