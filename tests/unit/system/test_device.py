# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the device itself: what it is made of and under which licences, how it is reached, how old its data is."""

import io
import socket
import ssl
import subprocess
import tarfile
import threading
from datetime import UTC, date, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from appliance import device, shipped, tls
from appliance.audit.models import Entry
from appliance.firewall.models import CountryData
from appliance.kernel.clock import Clock, clock
from appliance.system.services import make_backup
from tests.unit.network.test_interfaces import link

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(client, owner, engine):
    client.force_login(owner)
    return client


def text_of(answer):
    return answer.content.decode()


# --- about ---


def test_about_names_every_package_that_ours_asks_for_with_its_licence(console):
    page = text_of(console.get("/system/about/"))
    named = {each.page or each.name for each in shipped.packages()}
    assert {"django", "celery", "pyroute2", "cryptography", "argon2-cffi", "kombu", "asgiref"} <= named
    assert not {"pytest", "mypy", "playwright"} & named, "what only builds and tests is not shipped"
    assert [each.name for each in shipped.packages() if not each.licence] == []
    for words in (shipped.version(), "BSD-3-Clause", "Bootstrap", "SortableJS", "0BSD"):
        assert words in page


def test_licences_can_be_read(console):
    assert "GNU GENERAL PUBLIC LICENSE" in text_of(console.get("/system/about/licence/"))
    assert "Django Software Foundation" in text_of(console.get("/system/about/licence/django/"))
    assert console.get("/system/about/licence/no-such-package/").status_code == 404
    assert console.get("/system/about/licence/pytest/").status_code == 404


def test_data_is_attributed_as_its_licence_asks(console, db):
    assert "nro.net" in text_of(console.get("/system/about/"))
    for source, words in (("DB-IP Lite", "IP Geolocation by DB-IP"), ("IPFire", "location.ipfire.org")):
        CountryData.objects.all().delete()
        CountryData.objects.create(source=source, published=date(2026, 11, 1), active=True)
        assert words in text_of(console.get("/system/about/"))
    CountryData.objects.update(source="our own", licence="by us")
    assert "by us" in text_of(console.get("/system/about/"))


def test_source_is_exactly_this_program_and_nothing_of_its_state(console):
    answer = console.get("/system/about/source.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        names = archive.getnames()
        inside = archive.extractfile(f"pinhole-{shipped.version()}/appliance/shipped.py").read()
    assert inside == (shipped.ROOT / "appliance/shipped.py").read_bytes()
    assert any(name.endswith("/sipalg_core/alg/engine.py") for name in names)
    for hidden in ("/var/", "/.venv/", "/vendor/", "secret_key", "__pycache__", ".sqlite3"):
        assert not [name for name in names if hidden in name]


def test_debians_list_is_read_as_debian_writes_it(tmp_path, monkeypatch):
    status = tmp_path / "status"
    status.write_text(
        "Package: nftables\nStatus: install ok installed\nVersion: 1.0.6-2\nDescription: x\n more\n\n"
        "Package: conntrack\nStatus: deinstall ok config-files\nVersion: 1.4\n\nPackage: bash\nVersion: 5\n"
    )
    monkeypatch.setattr(shipped, "_DEBIAN", status)
    assert [(part.name, part.version) for part in shipped.programs()] == [("nftables", "1.0.6-2")]
    monkeypatch.setattr(shipped, "_DEBIAN", tmp_path / "none")
    assert shipped.programs() == []


# --- network, time, certificate ---


def test_device_page_says_what_runs(console, monkeypatch, settings):
    settings.CONSOLE_ORIGINS = ["http://testserver", "https://firewall.example"]
    links = [link("wan0", "203.0.113.2/24", gateway="203.0.113.1")]
    monkeypatch.setattr("appliance.network.queries.ask", lambda *_, **__: links)
    monkeypatch.setattr(device, "certificates", list)
    page = text_of(console.get("/system/device/"))
    for words in ("http://testserver", "https://firewall.example", "this page", "203.0.113.2/24", "data-clock="):
        assert words in page
    assert page.count("not encrypted") == 1


def test_device_page_without_netadmin_says_so(console):
    assert "does not answer" in text_of(console.get("/system/device/"))


def test_certificate_is_seen_at_the_consoles_own_door(tmp_path, settings):
    key, shown = tmp_path / "key.pem", tmp_path / "shown.pem"
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "20",
         "-keyout", key, "-out", shown, "-subj", "/CN=firewall.example",
         "-addext", "subjectAltName=DNS:firewall.example"),
        check=True, capture_output=True,
    )  # fmt: skip
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(shown, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_answer_once, args=(listening, door), daemon=True).start()
        settings.CONSOLE_ORIGINS = [f"https://127.0.0.1:{listening.getsockname()[1]}", "http://localhost"]
        (found,) = device.certificates()
    assert (found.subject, found.names, found.level, found.error) == (
        "firewall.example", ("firewall.example",), "warning", ""
    )  # fmt: skip
    assert (found.until - datetime.now(UTC)).days in (19, 20)


def _answer_once(listening, door):
    try:
        door.wrap_socket(listening.accept()[0], server_side=True).close()
    except OSError:
        return


def test_closed_door_is_said(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.CONSOLE_ORIGINS = [f"https://127.0.0.1:{port}"]
    (found,) = device.certificates()
    assert found.error
    assert found.level == "error"


def test_clock_is_the_kernels(console, monkeypatch):
    told = clock()
    assert abs((told.now - datetime.now(UTC)).total_seconds()) < 60
    assert told.synchronised in (True, False, None)
    for synchronised, words in (
        (True, "Kept in step with a time server"),
        (False, "with nothing"),
        (None, "cannot be"),
    ):
        monkeypatch.setattr(device, "clock", lambda state=synchronised: Clock(datetime.now(UTC), state))
        assert words in text_of(console.get("/system/device/"))


# --- updates and geo data ---


def test_updates_page_tells_versions_and_the_age_of_data(console, owner):
    page = text_of(console.get("/system/updates/"))
    assert shipped.version() in page
    assert 'data-age="none"' in page
    assert "No backup has been made yet." in page
    CountryData.objects.create(source="NRO", published=date(2020, 1, 1), active=True)
    make_backup(actor=owner, passphrase="a long pass phrase")
    page = text_of(console.get("/system/updates/"))
    assert 'data-age="error"' in page
    assert "Last backup:" in page


def test_certificate_is_replaced_where_it_names_the_console(
    console, settings, tmp_path, monkeypatch, django_capture_on_commit_callbacks
):
    settings.CONSOLE_ORIGINS = ["https://pinhole.example"]
    monkeypatch.setattr(tls, "kept_at", lambda: tmp_path / "console.pem")
    fits, other = tls.made_here(["https://pinhole.example"]), tls.made_here(["https://other.example"])

    def send(pair, **more):
        files = {name: SimpleUploadedFile(f"{name}.pem", pair.pem) for name in ("certificate", "key")}
        with django_capture_on_commit_callbacks(execute=True):
            return console.post("/system/device/certificate/", files | more)

    assert "Who asks for pinhole.example would be warned" in text_of(send(other))
    assert not tls.kept_at().exists()
    assert send(other, anyway="on").status_code == 302
    assert send(fits).status_code == 302
    assert tls.kept_at().read_bytes().count(b"BEGIN CERTIFICATE") == 1
    entry = Entry.objects.order_by("sequence").last()
    assert (entry.verb, entry.after["names"]) == ("replace certificate", ["pinhole.example"])
    assert "PRIVATE" not in str(entry.after)
    page = text_of(console.get("/system/device/"))
    assert "Kept here:" in page
    assert "PRIVATE KEY-----" not in page
