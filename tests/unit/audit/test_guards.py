# SPDX-License-Identifier: GPL-2.0-or-later
"""No configuration change without an entry, and no entry that changes: in the database, in the file, byte by byte."""

import sqlite3
from contextlib import suppress

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from appliance.accounts.models import ApiToken, FactorDemand, Grant, MaintenanceWindow, User
from appliance.accounts.services import create_user, set_role
from appliance.audit.models import Entry
from appliance.audit.services import record, record_download, record_view, trail, verify, verify_copy
from appliance.audit.services.guards import OF_PEOPLE, install_guards, remove_guards, watched_tables
from appliance.database.base import Unrecorded
from appliance.firewall.models import Activation, AddressObject, Rule
from appliance.firewall.services import create_address, create_rule, delete_rule
from appliance.signin import FactorAdapter
from appliance.sip.models import HistorySettings
from appliance.system.models import NoticeSettings, ReasonDemand
from sipalg_core.contract import names
from tests.unit.accounts.factors import code, has_app


@pytest.fixture
def guarded(transactional_db):
    install_guards()
    yield
    remove_guards()


def test_every_table_of_the_configuration_is_watched():
    assert {"firewall_rule", "firewall_addressobject", "firewall_addressobject_members", "network_interface"} <= set(
        watched_tables()
    )


def test_a_change_without_an_entry_is_not_committed(guarded):
    with pytest.raises(Unrecorded), transaction.atomic():
        AddressObject.objects.create(name="x", kind="host", value="192.0.2.1")
    assert not AddressObject.objects.exists()


MADE = {
    "accounts_grant": lambda: Grant.objects.create(role="auditor", permission="calls.numbers", allowed=True),
    "accounts_user": lambda: User.objects.create(username="intruder", role="owner"),
    "accounts_apitoken": lambda: ApiToken.objects.create(user=User.objects.get(), name="x", prefix="x", hash="x"),
    "accounts_factordemand": lambda: FactorDemand.objects.create(),
    "accounts_maintenancewindow": lambda: MaintenanceWindow.objects.create(
        started_by="x", reason="x", scope=3, ends=timezone.now(), boot="x"
    ),
    "firewall_activation": lambda: Activation.objects.create(kind="rule", name="x", started_by="x", reason="x"),
    "mfa_authenticator": lambda: Authenticator.objects.bulk_create(  # no signal, as by hand in the database
        [Authenticator(user=User.objects.get(), type="totp", data={"secret": "x"})]
    ),
    "sip_historysettings": lambda: HistorySettings.objects.create(masking="all"),
    "system_reasondemand": lambda: ReasonDemand.objects.create(),
    "system_noticesettings": lambda: NoticeSettings.objects.create(webhook_url="https://evil.example/"),
}


def test_every_other_watched_table_has_a_row_to_try():
    assert MADE.keys() == OF_PEOPLE.keys()


@pytest.mark.parametrize("table", MADE)
def test_nobody_gets_power_without_an_entry(guarded, table):
    create_user(actor="test", username="anna", role="auditor")
    with pytest.raises(Unrecorded, match=table), transaction.atomic():
        MADE[table]()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] == (table == "accounts_user")


def test_a_role_is_not_changed_without_an_entry_and_being_seen_needs_none(guarded):
    user = create_user(actor="test", username="anna", role="auditor").user
    with pytest.raises(Unrecorded), transaction.atomic():
        User.objects.update(role="owner")
    User.objects.update(last_login=timezone.now())
    set_role(actor="test", user=user, role="administrator")
    assert User.objects.get().role == "administrator"


def test_a_factor_is_not_exchanged_without_an_entry_and_its_use_needs_none(guarded):
    user = create_user(actor="test", username="anna", role="auditor").user
    with transaction.atomic():
        factor = Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": "a", "used_mask": 0})
    assert Entry.objects.filter(verb="add second factor").count() == 1
    factor.data = {"seed": "a", "used_mask": 1}
    factor.save()  # as allauth notes a code that was used, in no transaction
    factor.data = {"seed": "b", "used_mask": 1}
    with pytest.raises(Unrecorded, match="mfa_authenticator"), transaction.atomic():
        factor.save()
    factor.delete()
    assert Entry.objects.filter(verb="remove second factor").count() == 1


def test_factors_come_and_go_by_their_pages_with_an_entry_each(guarded, client):
    user = create_user(actor="test", username="anna", role="auditor").user
    client.force_login(user)
    client.get("/accounts/factors/app/add/")
    client.post(
        "/accounts/factors/app/add/", {"code": code(FactorAdapter().decrypt(client.session["mfa.totp.secret"]))}
    )
    assert has_app(user)
    assert client.get("/accounts/factors/codes/").status_code == 200
    client.post("/accounts/factors/codes/new/")
    client.post("/accounts/factors/app/remove/")
    assert not Authenticator.objects.exists()
    added = Entry.objects.filter(verb="add second factor").values_list("after", flat=True)
    assert {each["type"] for each in added} == {"totp", "recovery_codes"}


def test_a_statement_outside_of_a_transaction_is_refused(guarded):
    create_address(actor="test", name="x", kind="host", value="192.0.2.1")
    with pytest.raises(Exception, match="user-defined function raised exception"):
        AddressObject.objects.update(value="192.0.2.2")
    assert AddressObject.objects.get().value == "192.0.2.1"


def test_an_entry_that_was_rolled_back_does_not_count(guarded):
    owner = create_user(actor="test", username="anna", role="owner").user

    def record_and_fail():
        with transaction.atomic():
            record(actor=owner, verb="test", target=owner)
            raise ZeroDivisionError

    def change():
        with transaction.atomic():
            with suppress(ZeroDivisionError):
                record_and_fail()
            AddressObject.objects.create(name="x", kind="host", value="192.0.2.1")

    with pytest.raises(Unrecorded):
        change()
    assert not AddressObject.objects.exists()


def test_an_entry_of_another_transaction_does_not_count(guarded):
    owner = create_user(actor="test", username="anna", role="owner").user
    with transaction.atomic():
        record(actor=owner, verb="test", target=owner)
    with pytest.raises(Unrecorded), transaction.atomic():
        Rule.objects.create(name="x", action="drop", position=1)


def test_services_record_and_so_may_commit(guarded):
    pbx = create_address(actor="test", name="PBX", kind="host", value="192.0.2.1")
    group = create_address(actor="test", name="All", kind="group", members=[pbx])
    rule = create_rule(actor="test", name="x", action="drop", source=group)
    delete_rule(actor="test", rule=rule)
    assert [each.verb for each in Entry.objects.order_by("sequence")] == ["create", "create", "create", "delete"]


def test_another_program_cannot_write_the_configuration_at_all(guarded):
    create_address(actor="test", name="x", kind="host", value="192.0.2.1")
    remembered = list(connection.connection.iterdump())
    other = sqlite3.connect(":memory:")
    other.executescript("\n".join(remembered).replace("BEGIN TRANSACTION;", "", 1).replace("COMMIT;", ""))
    with pytest.raises(sqlite3.OperationalError, match="no such function"):
        other.execute("UPDATE firewall_addressobject SET value = '192.0.2.2'")
    for statement in ("UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"):
        with pytest.raises(sqlite3.IntegrityError, match="cannot be changed or deleted"):
            other.execute(statement)


# --- the file, byte by byte ---


@pytest.fixture
def entries(owner):
    for number in range(3):
        record(actor=owner, verb="test", target=owner, after={"number": number}, reason="because")
    return names.state_dir() / "audit.jsonl"


def test_an_entry_is_on_the_disk_before_its_transaction_can_end(entries):
    assert len(entries.read_text().splitlines()) == 3
    assert verify_copy() is None


def test_a_disk_that_takes_no_entry_stops_the_act(owner, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trail.os, "fsync", full)
    with pytest.raises(OSError, match="No space"), transaction.atomic():
        create_address(actor=owner, name="x", kind="host", value="192.0.2.1")
    assert not AddressObject.objects.exists()


def test_any_flipped_byte_of_an_entry_is_found(entries):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_entry WHERE sequence = 2")
        columns = [each[0] for each in cursor.description]
        row = dict(zip(columns, cursor.fetchone(), strict=True))
        tried = 0
        for column, value in row.items():
            text = str(value)
            for at in range(len(text)) if value is not None else ():
                forged = "9" if column == "sequence" else text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
                try:
                    with transaction.atomic():
                        cursor.execute(f"UPDATE audit_entry SET {column} = %s WHERE sequence = %s", [forged, 2])
                except IntegrityError:
                    continue  # the database itself refuses what is no JSON
                assert (verify() or verify_copy()) is not None, (column, at)
                tried += 1
                changed = forged if column == "sequence" else 2
                cursor.execute(f"UPDATE audit_entry SET {column} = %s WHERE sequence = %s", [value, changed])
    assert tried > 200
    assert verify() is None


def test_any_flipped_byte_of_the_file_is_found(entries):
    whole = entries.read_bytes()
    for at in range(len(whole)):
        entries.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        assert verify_copy() is not None or at == len(whole) - 1, at
    entries.write_bytes(whole)
    assert verify_copy() is None


def test_command_says_whether_it_holds(entries, capsys):
    call_command("audit", "verify")
    assert "The audit log holds: " in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_entry SET actor = 'somebody else' WHERE sequence = 2")
    with pytest.raises(CommandError, match="entry 2 was changed"):
        call_command("audit", "verify")


def test_views_and_downloads_of_call_data_are_entries(owner):
    for _ in range(3):
        record_view(actor=owner, what="call 1")
    record_download(actor=owner, what="pcap")
    assert [each.verb for each in Entry.objects.order_by("sequence")] == ["view", "download"]


def test_syslog_gets_one_line_whatever_the_names_hold(owner, monkeypatch, django_capture_on_commit_callbacks):
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(2)
        monkeypatch.setenv("PINHOLE_SYSLOG", f"127.0.0.1:{listener.getsockname()[1]}")
        owner.username = 'a"]\nforged <109>1'
        with django_capture_on_commit_callbacks(execute=True):
            record(actor=owner, verb="test", target=owner, source="192.168.0.20")
        told = listener.recv(4096).decode()
    assert "\n" not in told
    assert 'actor="a\\"\\]?forged <109>1"' in told
    assert 'source="192.168.0.20"' in told
