# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that matter most say what happened, what it means and what to do, word by word, in all three languages.

Where each can be met is shown by the test of its page (tests/README.md, "The console"). What we say beyond the table
(which rule, what the kernel said) stands between its sentences or behind them, never in them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils.translation import gettext, ngettext, override

from appliance.firewall.columns import LOOKUP_ERRORS
from appliance.kernel.connections import Flushed
from appliance.permissions import PERMISSIONS
from appliance.ruleset import apply as ruleset_apply
from appliance.system.columns import notices, outcome
from appliance.system.columns.outcomes import _patterns
from appliance.system.models import Notice
from appliance.system.views.connections import flushed_sentence
from appliance.ui.columns import unresolved

AT = datetime(2026, 3, 4, 14, 2, tzinfo=UTC).timestamp()
IN_USE = (
    "“%(name)s” is used in %(count)d rule. Replace it there first: %(rules)s.",
    "“%(name)s” is used in %(count)d rules. Replace it there first: %(rules)s.",
)


def _filled(text: str, **values: object) -> str:
    return gettext(text) % values


def _geo() -> str:
    lost = "New country data has %(percent)d %% fewer ranges for %(country)s."
    return gettext("%s Kept the old data.") % _filled(lost, percent=41, country="DE")


def _no_permission() -> str:
    return f"{PERMISSIONS['rules.delete'].refusal} {gettext('Ask %s or send a request.') % 'Anna'}"


TOLD = {
    "would lock out": lambda: outcome(
        "These changes would cut off your own access from 192.168.0.20. No rule would accept TCP 8000 at lan0. "
        "Nothing was applied."
    ),
    "rolled back": lambda: outcome(
        "No confirmation within 90 s. Revision 41 is active again; your changes are kept as a draft."
    ),
    "name not resolved": lambda: unresolved("sip.example.net", AT),
    "object in use": lambda: ngettext(*IN_USE, 6) % {"name": gettext("PBX"), "count": 6, "rules": "A"},
    "edit conflict": lambda: _filled(
        "%(who)s changed this rule at %(when)s. Compare and choose.", who="Anna", when="10:14"
    ),
    "end in the past": lambda: gettext("The end time is in the past. The rule would never be active."),
    "engine down": lambda: gettext(
        "The SIP engine does not answer. Running calls continue; new calls get no openings."
    ),
    "flush done": lambda: flushed_sentence(Flushed(closed=14, spared=2)),
    "backup too new": lambda: _filled(
        "This backup is from version %(theirs)s, this device runs %(ours)s. Update first.", theirs="2.4", ours="2.1"
    ),
    "nft refused": lambda: outcome(
        "The kernel refused the rules (rule 17, “RTP in”). Nothing was changed. It said: No such file."
    ),
    "geo update refused": _geo,
    "no permission": _no_permission,
}  # fmt: skip
"""As the console says it, with the table's names and numbers."""

TABLE = {
    "would lock out": (
        ("These changes would cut off your own access from 192.168.0.20.", "Nothing was applied."),
        ("Diese Änderungen würden Ihren eigenen Zugriff von 192.168.0.20 sperren.", "Es wurde nichts übernommen."),
        ("Bu değişiklikler 192.168.0.20 adresinden kendi erişiminizi keser.", "Hiçbir şey uygulanmadı."),
    ),
    "rolled back": (
        ("No confirmation within 90 s. Revision 41 is active again; your changes are kept as a draft.",),
        ("Keine Bestätigung innerhalb von 90 s. Revision 41 ist wieder aktiv, Ihre Änderungen bleiben als Entwurf "
         "erhalten.",),
        ("90 sn içinde onay gelmedi. 41 numaralı sürüm yeniden etkin; değişiklikleriniz taslak olarak duruyor.",),
    ),
    "name not resolved": (
        ("sip.example.net cannot be resolved since ", "14:02", ". The last known addresses stay in use."),
        ("sip.example.net ist seit ", "14:02", " nicht auflösbar. Die zuletzt bekannten Adressen gelten weiter."),
        ("sip.example.net ", "14:02", "'den beri çözümlenemiyor. Bilinen son adresler kullanılmaya devam ediyor."),
    ),
    "object in use": (
        ('"PBX" is used in 6 rules. Replace it there first',),
        ('" wird in 6 Regeln verwendet. Ersetzen Sie ', " dort zuerst"),
        ('" 6 kuralda kullanılıyor. Önce oralarda değiştirin',),
    ),
    "edit conflict": (
        ("Anna changed this rule at 10:14. Compare and choose.",),
        ("Anna hat diese Regel um 10:14 geändert. Vergleichen und wählen Sie.",),
        ("Anna bu kuralı 10:14'te değiştirdi. Karşılaştırıp seçin.",),
    ),
    "end in the past": (
        ("The end time is in the past. The rule would never be active.",),
        ("Der Endzeitpunkt liegt in der Vergangenheit. Die Regel wäre nie aktiv.",),
        ("Bitiş zamanı geçmişte. Kural hiç etkin olmaz.",),
    ),
    "engine down": (
        ("The SIP engine does not answer. Running calls continue; new calls get no openings.",),
        ("Die SIP-Engine antwortet nicht. Laufende Gespräche gehen weiter, neue erhalten keine Freigaben.",),
        ("SIP motoru yanıt vermiyor. Süren görüşmeler devam eder; yeni görüşmelere geçiş açılmaz.",),
    ),
    "flush done": (
        ("14 connections closed, 2 calls spared.",),
        ("14 Verbindungen getrennt, 2 Gespräche verschont.",),
        ("14 bağlantı kapatıldı, 2 görüşme korundu.",),
    ),
    "backup too new": (
        ("This backup is from version 2.4, this device runs 2.1. Update first.",),
        ("Diese Sicherung stammt aus Version 2.4, dieses Gerät hat 2.1. Bitte zuerst aktualisieren.",),
        ("Bu yedek 2.4 sürümünden, bu cihaz 2.1 kullanıyor. Önce güncelleyin.",),
    ),
    "nft refused": (
        ('The kernel refused the rules (rule 17, "RTP in"). Nothing was changed.',),
        ('Der Kernel hat die Regeln abgelehnt (Regel 17, "RTP in"). Es wurde nichts geändert.',),
        ('Çekirdek kuralları reddetti (17. kural, "RTP in"). Hiçbir şey değişmedi.',),
    ),
    "geo update refused": (
        ("New country data has 41 % fewer ranges for DE. Kept the old data.",),
        ("Die neuen Länderdaten enthalten 41 % weniger Bereiche für DE. Alte Daten behalten.",),
        ("Yeni ülke verisinde DE için %41 daha az aralık var. Eski veri korundu.",),
    ),
    "no permission": (
        ("Only a firewall admin can delete rules. Ask Anna or send a request.",),
        ("Nur Firewall-Admins können Regeln löschen. Fragen Sie Anna oder senden Sie eine Anfrage.",),
        ("Kuralları yalnızca güvenlik duvarı yöneticisi silebilir. ", "Anna", " ya da istek gönderin."),
    ),
}  # fmt: skip
"""The table of the reference; where it is in pieces, a name, a date or what we add stands between. A German object has
no gender that we know, and a Turkish name no ending."""

STRAIGHT = str.maketrans("“”„’", '"""\'')


def test_no_row_of_the_table_is_missing():
    assert list(TOLD) == list(TABLE)


@pytest.mark.parametrize("case", TABLE)
@pytest.mark.parametrize(("language", "at"), [("en", 0), ("de", 1), ("tr", 2)])
def test_it_is_said_in_the_readers_language(case, language, at):
    with override(language):
        said = TOLD[case]().translate(STRAIGHT)
    place = 0
    for piece in TABLE[case][at]:
        assert piece in said[place:], said
        place = said.index(piece, place) + len(piece)
    assert said.startswith(TABLE[case][at][0]) or case == "object in use"


@pytest.mark.parametrize(
    ("kind", "subject", "german", "turkish"),
    [
        ("rolled_back", notices.ROLLED_BACK.format(number=41), "Revision 41 wurde zurückgenommen",
         "41 sürümü geri alındı"),
        ("rule_ended", notices.RULE_ENDED.format(name="Door", until="2026-03-04 14:02"),
         "Die Regel „Door“ hat um 2026-03-04 14:02 UTC geendet", "“Door” kuralı 2026-03-04 14:02 UTC’de bitti"),
        ("activation_ended", notices.ACT_ENDED.format(kind="Exemption from the ALG", name="sip", until="14:02"),
         "Ausnahme vom ALG „sip“ hat um 14:02 UTC geendet", "ALG muafiyeti “sip” 14:02 UTC’de sona erdi"),
        ("lookup_failed", unresolved("sip.example.net", AT),
         "sip.example.net ist seit 2026-03-04 14:02 UTC nicht auflösbar. Die zuletzt bekannten Adressen gelten weiter.",
         "sip.example.net 2026-03-04 14:02 UTC'den beri çözümlenemiyor. "
         "Bilinen son adresler kullanılmaya devam ediyor."),
    ],
)  # fmt: skip
def test_a_notice_is_read_back_in_the_readers_language(kind, subject, german, turkish):
    notice = Notice(key=f"{kind}:1:0", kind=kind, subject=subject, text=str(LOOKUP_ERRORS["timeout"]))
    for language, said in (("en", subject), ("de", german), ("tr", turkish)):
        with override(language):
            row = notices.notice_row(notice)
            assert (row.subject, row.text) == (said, str(LOOKUP_ERRORS["timeout"]))
            assert row.page.startswith("/")


def test_whatever_is_written_down_of_a_revision_is_read_back():
    """A refusal that somebody adds to that module has a sentence of its own, or is seen in English only."""
    source = Path(ruleset_apply.__file__).read_text()
    written = re.findall(r'(?:ApplyRefused\(f?|text = f|return \(f)"([^"]+)"', source)
    assert len(written) == 4
    for text in written:
        told = re.sub(r"\{[^}]*\}", "x", text.replace("{which}", " (rule 1, “x”)"))
        assert any(pattern.fullmatch(told) for pattern, _sentence in _patterns()), text


def test_what_is_new_stays_as_it_was_written():
    text = "Something new: 17 (x). Nothing was changed."
    with override("de"):
        assert outcome(text) == "Something new: 17 (x). Es wurde nichts geändert."
    assert outcome("") == ""
