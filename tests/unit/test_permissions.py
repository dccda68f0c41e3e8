# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page, API operation and live topic, for every role, against the one table. What has no entry fails here."""

import json
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from appliance.accounts import queries
from appliance.accounts.models import MaintenanceWindow
from appliance.accounts.services import create_api_token
from appliance.api import api
from appliance.firewall.services import create_rule
from appliance.live.hub import hub
from appliance.live.lookout import ASKED
from appliance.permissions import ANYBODY, PERMISSIONS, TOPICS, Role, Scope, allows
from appliance.sip import consumers
from appliance.ui.requests import permission_of
from tests.live_socket import live
from tests.unit.accounts.factors import give_app
from tests.unit.people import person

METHODS = ("GET", "POST")
ALL_METHODS = (*METHODS, "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
SAMPLES = {"IntConverter": "999999", "StringConverter": "x", "SlugConverter": "x", "UUIDConverter": "0" * 32}
CASES = [*((role, None) for role in Role), *((Role.SUPPORT, scope) for scope in Scope)]
OPEN_DESCRIPTION = "openapi-json"  # names addresses, holds no data


def _patterns(resolver, prefix="", app=""):
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _patterns(each, prefix + str(each.pattern), each.app_name or app)
        else:
            assert isinstance(each, URLPattern)
            yield prefix + str(each.pattern), each, app


ROUTES = [(path, each, app) for path, each, app in _patterns(get_resolver())]
PAGES = [(path, each) for path, each, app in ROUTES if app != "ninja"]
OPERATIONS = [
    (f"/api/v1/{path.strip('/')}", method, operation)
    for bound in api._get_bound_routers()
    for path, view in bound.path_operations.items()
    for operation in view.operations
    for method in operation.methods
]


def _filled(path, pattern):
    for name, converter in pattern.pattern.converters.items():
        path = path.replace(f"<int:{name}>", "999999").replace(f"<str:{name}>", "x").replace(f"<{name}>", "x")
        path = path.replace(f"<slug:{name}>", SAMPLES.get(type(converter).__name__, "x"))
    return "/" + path


def _refused(answer):
    """Support without a window is not even in."""
    return answer.status_code == 403 or (
        answer.status_code == 302 and answer.url.startswith("/accounts/sign-in/?next=")
    )


def _expected(permission, role, scope=None):
    return permission == ANYBODY or allows(permission, role, scope)


def _in_a_window(user, scope):
    """Remote maintenance is open, and he has the second factor without which support comes nowhere."""
    MaintenanceWindow.objects.create(
        started_by="test", reason="no audio", scope=scope, sources=["127.0.0.1", "192.168.0.20"],
        boot=queries.boot_id(), ends=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    give_app(user)


@pytest.fixture
def people(db):
    return {role: person(role) for role in Role}


def test_every_page_names_a_permission():
    assert len(PAGES) > 40
    assert [
        path for path, each in PAGES for method in ALL_METHODS if permission_of(each.callback, method) is None
    ] == []


def test_every_operation_names_a_permission():
    assert len(OPERATIONS) > 35
    assert [
        (method, path)
        for path, method, operation in OPERATIONS
        if permission_of(operation.view_func, method) in (None, ANYBODY)
    ] == []
    ninja = {each.name for _path, each, app in ROUTES if app == "ninja"}
    assert {OPEN_DESCRIPTION} <= ninja
    assert len([each for _path, each, app in ROUTES if app == "ninja"]) <= len(OPERATIONS) + 2, "a page of ninja's own"


def test_every_topic_has_a_permission():
    assert {topic for topic in (*hub.feeds, *ASKED) if topic not in TOPICS} == set()
    assert set(TOPICS.values()) <= set(PERMISSIONS)


@pytest.mark.parametrize("role", Role)
def test_pages_open_for_whom_the_table_says(client, people, engine, role):
    wrong = []
    for path, each in PAGES:
        for method in METHODS:
            client.force_login(people[role])
            answer = getattr(client, method.lower())(_filled(path, each))
            may = _expected(permission_of(each.callback, method), role)
            assert answer.status_code < 500
            if _refused(answer) == may:
                wrong.append((method, path, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("scope", Scope)
def test_pages_open_for_support_as_far_as_the_window_goes(client, people, engine, scope):
    user, wrong = people[Role.SUPPORT], []
    _in_a_window(user, scope)
    for path, each in PAGES:
        for method in METHODS:
            client.force_login(user)
            answer = getattr(client, method.lower())(_filled(path, each))
            assert answer.status_code < 500
            if _refused(answer) == _expected(permission_of(each.callback, method), Role.SUPPORT, scope):
                wrong.append((method, path, answer.status_code))
            if not queries.has_second_factor(user):
                give_app(user)  # he may take his own away
    assert wrong == []


def test_pages_lead_who_is_not_signed_in_to_the_door(client, db):
    for path, each in PAGES:
        for method in METHODS:
            if permission_of(each.callback, method) != ANYBODY:
                answer = getattr(client, method.lower())(_filled(path, each))
                assert (answer.status_code, answer.url.partition("?")[0]) == (302, "/accounts/sign-in/"), path


@pytest.mark.parametrize(("role", "scope"), CASES)
def test_operations_answer_whom_the_table_says(client, people, engine, broker, role, scope):
    if scope is not None:
        _in_a_window(people[role], scope)
    _token, text = create_api_token(user=people[role], name="tests")
    wrong = []
    for path, method, operation in OPERATIONS:
        address = path
        for name in operation.signature.path_params_names:
            address = address.replace(f"{{{name}}}", "999999")
        answer = client.generic(
            method, address, "{}", content_type="application/json", headers={"Authorization": f"Bearer {text}"}
        )
        assert answer.status_code < 500 or answer.status_code == 503, (address, answer.content)  # netadmin is away
        if (answer.status_code != 403) != _expected(permission_of(operation.view_func, method), role, scope):
            wrong.append((method, address, answer.status_code))
    assert wrong == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("role", "scope"), CASES)
async def test_topics_open_for_whom_the_table_says(engine, role, scope):
    user = await database_sync_to_async(person)(role)
    if scope is not None:
        await database_sync_to_async(_in_a_window)(user, scope)
    text = (await database_sync_to_async(create_api_token)(user=user, name="tests"))[1]
    async with live((b"authorization", f"Bearer {text}".encode())) as socket:
        if role is Role.SUPPORT and scope is None:
            assert await socket.closed() == 4401
            return
        for topic in (*hub.feeds, *ASKED, "call:1"):
            await socket.send({"subscribe": [topic]})
            answer = await socket.receive(topic)
            assert ("error" not in answer) == allows(TOPICS[topic.partition(":")[0]], role, scope), topic


@pytest.mark.django_db(transaction=True)
async def test_lost_role_closes_the_socket(engine, monkeypatch):
    monkeypatch.setattr(consumers, "IDENTITY_INTERVAL", 0.05)
    user = await database_sync_to_async(person)(Role.AUDITOR)
    text = (await database_sync_to_async(create_api_token)(user=user, name="tests"))[1]
    async with live((b"authorization", f"Bearer {text}".encode())) as socket:
        await socket.send({"subscribe": ["calls"]})
        assert (await socket.receive("calls"))["rows"] == []
        user.role = Role.SUPPORT
        await database_sync_to_async(user.save)()
        assert await socket.closed() == 4401


# --- the table itself: console.md 3.1 ---


def test_the_owner_may_everything():
    assert all(allows(permission, Role.OWNER) for permission in PERMISSIONS)


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        (Role.ADMINISTRATOR, "rules.delete", True), (Role.ADMINISTRATOR, "changes.apply", True),
        (Role.ADMINISTRATOR, "alg.exempt", True), (Role.ADMINISTRATOR, "users.change", False),
        (Role.ADMINISTRATOR, "backup.restore", False),
        (Role.TECHNICIAN, "calls.trace", True), (Role.TECHNICIAN, "alg.exempt", True),
        (Role.TECHNICIAN, "rules.start", True), (Role.TECHNICIAN, "connections.flush_phones", True),
        (Role.TECHNICIAN, "rules.change", False), (Role.TECHNICIAN, "rules.delete", False),
        (Role.TECHNICIAN, "network.change", False), (Role.TECHNICIAN, "traffic.see", False),
        (Role.AUDITOR, "rules.see", True), (Role.AUDITOR, "audit.export", True),
        (Role.AUDITOR, "rules.change", False), (Role.AUDITOR, "calls.trace", False),
    ],
)  # fmt: skip
def test_roles(role, permission, expected):
    assert allows(permission, role) is expected


def test_the_auditor_changes_nothing():
    changing = [word for word in PERMISSIONS if word.endswith((".change", ".delete", ".apply", ".start", ".make"))]
    assert [word for word in changing if allows(word, Role.AUDITOR)] == []


def test_support_may_nothing_without_a_window_and_never_touches_people():
    assert [word for word in PERMISSIONS if allows(word, Role.SUPPORT)] == []
    for word in ("users.see", "users.change", "maintenance.start", "backup.make", "backup.restore", "audit.export"):
        assert not allows(word, Role.SUPPORT, Scope.CHANGE)
    assert allows("rules.see", Role.SUPPORT, Scope.SEE)
    assert not allows("calls.trace", Role.SUPPORT, Scope.SEE)
    assert allows("calls.trace", Role.SUPPORT, Scope.DIAGNOSE)
    assert not allows("rules.change", Role.SUPPORT, Scope.DIAGNOSE)
    assert allows("rules.change", Role.SUPPORT, Scope.CHANGE)


# --- what people see of it ---


def test_refusal_says_who_could(client, people):
    create_rule(actor="test", name="drop all", action="drop")
    client.force_login(people[Role.TECHNICIAN])
    answer = client.post("/firewall/rules/1/delete/")
    assert answer.status_code == 403
    assert (
        "Only a firewall admin can delete rules. Ask a_administrator, a_owner or send a request."
        in answer.content.decode()
    )
    fragment = client.post("/firewall/rules/1/delete/", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Retarget"]) == (403, "#messages")
    assert "Only a firewall admin" in fragment.content.decode()


def test_api_refuses_in_words(client, people):
    _token, text = create_api_token(user=people[Role.AUDITOR], name="tests")
    answer = client.post("/api/v1/apply", "{}", "application/json", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 403
    assert json.loads(answer.content)["error"].startswith("Only a firewall admin can apply or take back changes.")


def test_pages_show_what_one_may(client, people, engine):
    create_rule(actor="test", name="drop all", action="drop")
    client.force_login(people[Role.AUDITOR])
    text = client.get("/firewall/rules/").content.decode()
    assert "drop all" in text
    for hidden in ("Add rule", "/delete/", "/enabled/", 'name="confirm_within"'):
        assert hidden not in text
    client.force_login(people[Role.ADMINISTRATOR])
    assert "Add rule" in client.get("/firewall/rules/").content.decode()


def test_token_may_at_most_what_its_role_may(people):
    token, text = create_api_token(user=people[Role.OWNER], name="monitoring")
    assert queries.permits(queries.user_for_token(text), "rules.change")
    token.role = Role.AUDITOR
    token.save()
    assert not queries.permits(queries.user_for_token(text), "rules.change")
    assert queries.permits(queries.user_for_token(text), "rules.see")


def test_view_without_a_name_lets_nobody_in(client, people, settings, monkeypatch):
    view = next(each for path, each in PAGES if path == "firewall/rules/").callback
    monkeypatch.delitem(vars(view), "permissions")
    client.force_login(people[Role.OWNER])
    answer = client.get("/firewall/rules/")
    assert answer.status_code == 403
    assert "it names no permission" in answer.content.decode()
