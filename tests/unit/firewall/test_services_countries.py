# SPDX-License-Identifier: GPL-2.0-or-later
"""Editions of the country data: looked at before use, a suspicious drop refused, one in use at a time."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appliance.firewall import queries
from appliance.firewall.models import CountryData
from appliance.firewall.services import countries as editions
from appliance.firewall.services import (
    create_address,
    discard_country_data,
    have_country_data,
    upload_country_data,
    use_country_data,
)

OLD = "".join(f"198.51.100.{each},198.51.100.{each},DE\n" for each in range(0, 100, 2)) + "192.0.2.0,192.0.2.9,AT\n"


@pytest.fixture
def bundled(settings, tmp_path, db):
    settings.BASE_DIR = tmp_path
    (tmp_path / "vendor/country").mkdir(parents=True)
    (tmp_path / "vendor/country/ipv4.csv").write_text(OLD)
    (tmp_path / "vendor/country/ipv6.csv").write_text("2001:db8::,2001:db8::1,AT\n")
    (tmp_path / "vendor/country/LICENSE").write_text("CC BY 4.0, nro.net")
    return have_country_data()


def upload(owner, text, **fields):
    return upload_country_data(actor=owner, name="new.csv", files=[text.encode()], **fields)


def test_what_came_with_us_is_used_once(bundled):
    assert (bundled.active, bundled.licence, bundled.published) == (True, "CC BY 4.0, nro.net", date(2026, 6, 17))
    assert have_country_data() == bundled
    assert queries.KnownContents().country_ranges(["AT", "DE", "FR"]) == 2 + 50


def test_without_any_file_there_is_none(settings, tmp_path, db):
    settings.BASE_DIR = tmp_path
    assert have_country_data() is None
    known = queries.KnownContents()
    assert (known.edition, len(known.countries(["DE"]))) == ("", 0)


def test_newer_edition_of_ours_replaces_ours_and_not_an_upload(bundled, owner, monkeypatch):
    monkeypatch.setattr(editions, "BUNDLED", (editions.BUNDLED[0], date(2026, 7, 1)))
    newer = have_country_data()
    assert newer.published == date(2026, 7, 1)
    uploaded = use_country_data(actor=owner, data=upload(owner, OLD))
    monkeypatch.setattr(editions, "BUNDLED", (editions.BUNDLED[0], date(2026, 8, 1)))
    assert have_country_data() == uploaded


def test_upload_waits_and_says_what_it_would_change(bundled, owner):
    create_address(actor=owner, name="Germany", kind="country", value="DE")
    data = upload(owner, OLD + "203.0.113.0,203.0.113.7,DE\n")
    assert queries.active_country_data() == bundled
    assert queries.waiting_country_data() == data
    found = {each.code: (each.added, each.removed) for each in queries.country_differences(data)}
    assert found == {"DE": (1, 0), "*": (0, 0)}
    use_country_data(actor=owner, data=data)
    assert queries.active_country_data() == data
    assert CountryData.objects.count() == 1
    assert queries.KnownContents().edition == str(data.pk)


def test_suspicious_drop_is_refused_unless_it_is_meant(bundled, owner):
    create_address(actor=owner, name="Germany", kind="country", value="DE")
    data = upload(owner, "\n".join(OLD.split("\n")[20:]))
    with pytest.raises(ValidationError) as error:
        use_country_data(actor=owner, data=data)
    assert error.value.message_dict == {
        "force": ["New country data has 40 % fewer ranges for Germany. Kept the old data."]
    }  # fmt: skip
    assert queries.active_country_data() == bundled
    use_country_data(actor=owner, data=data, force=True)
    assert queries.active_country_data() == data


def test_file_with_one_family_only_is_a_suspicious_drop(bundled, owner):
    create_address(actor=owner, name="Austria", kind="country", value="AT")
    with pytest.raises(ValidationError, match="50 % fewer ranges for Austria"):
        use_country_data(actor=owner, data=upload(owner, OLD))


@pytest.mark.parametrize(
    ("files", "published", "field"),
    [
        ([], None, "files"), ([b""], None, "files"), ([b"192.0.2.0,192.0.2.1,DE\nx"], None, "files"),
        ([OLD.encode()], timezone.now().date() + timedelta(days=2), "published"),
    ],
)  # fmt: skip
def test_bad_upload_keeps_everything(bundled, owner, files, published, field):
    with pytest.raises(ValidationError) as error:
        upload_country_data(actor=owner, name="x", files=files, published=published)
    assert list(error.value.message_dict) == [field]
    assert CountryData.objects.get() == bundled


def test_edition_that_waits_can_be_discarded_and_the_used_one_not(bundled, owner):
    data = upload(owner, OLD)
    discard_country_data(actor=owner, data=data)
    assert queries.waiting_country_data() is None
    with pytest.raises(ValidationError, match="in use"):
        discard_country_data(actor=owner, data=bundled)


def test_country_finds_an_address(bundled, owner):
    create_address(actor=owner, name="Germany", kind="country", value="DE")
    create_address(actor=owner, name="Not Germany", kind="country", value="DE", negated=True)
    known = queries.KnownContents()
    assert [each.name for each in queries.found_addresses("198.51.100.4", known)] == ["Germany"]
    assert [each.name for each in queries.found_addresses("192.0.2.1", known)] == ["Not Germany"]
