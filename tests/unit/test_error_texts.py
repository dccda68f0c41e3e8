# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that matter most say what happened, what it means and what to do, in each of the three languages.

Where each can be met is shown by the test of its page (tests/README.md, "The console").
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils.translation import gettext, ngettext, override

from appliance.ruleset import apply as ruleset_apply
from appliance.system.columns import outcome
from appliance.system.columns.outcomes import _patterns

IN_USE = (
    "“%(name)s” is used in %(count)d rule (%(rules)s). Replace it there first.",
    "“%(name)s” is used in %(count)d rules (%(rules)s). Replace it there first.",
)
SAID = {
    "would lock out": (
        "These changes would cut off your own access from 192.168.0.20: no rule would accept TCP 8000 at lan0. "
        "Nothing was changed.",
        "Diese Änderungen würden Ihren eigenen Zugriff von 192.168.0.20 sperren",
        "Bu değişiklikler 192.168.0.20 adresinden kendi erişiminizi keser",
    ),
    "rolled back": (
        "No confirmation within 90 s. Revision 41 is active again; your changes are kept as a draft.",
        "Keine Bestätigung innerhalb von 90 s. Revision 41 ist wieder aktiv, Ihre Änderungen bleiben als Entwurf "
        "erhalten.",
        "90 sn içinde onay gelmedi. 41 numaralı sürüm yeniden etkin; değişiklikleriniz taslak olarak duruyor.",
    ),
    "name not resolved": (
        "The last known addresses stay in use (%s).", "Die letzten bekannten Adressen gelten weiter",
        "Bilinen son adresler kullanılmaya devam ediyor",
    ),
    "edit conflict": (
        "%(who)s changed this rule at %(when)s. Compare and choose.",
        "%(who)s hat diese Regel um %(when)s geändert. Vergleichen und wählen Sie.",
        "%(who)s bu kuralı %(when)s’te değiştirdi. Karşılaştırıp seçin.",
    ),
    "end in the past": (
        "The end time is in the past. The rule would never be active.",
        "Der Endzeitpunkt liegt in der Vergangenheit. Die Regel wäre nie aktiv.",
        "Bitiş zamanı geçmişte. Kural hiç etkin olmaz.",
    ),
    "engine down": (
        "The SIP engine does not answer. Running calls continue; new calls get no openings.",
        "Die SIP-Engine antwortet nicht. Laufende Gespräche gehen weiter, neue erhalten keine Freigaben.",
        "SIP motoru yanıt vermiyor. Süren görüşmeler devam eder; yeni görüşmelere geçiş açılmaz.",
    ),
    "backup too new": (
        "This backup is from version %(theirs)s, this device runs %(ours)s. Update first.",
        "Diese Sicherung stammt aus Version %(theirs)s, dieses Gerät hat %(ours)s. Bitte zuerst aktualisieren.",
        "Bu yedek %(theirs)s sürümünden, bu cihaz %(ours)s kullanıyor. Önce güncelleyin.",
    ),
    "nft refused": (
        "The kernel refused the rules (rule 17, “RTP in”): No such file. Nothing was changed.",
        "Der Kernel hat die Regeln abgelehnt (Regel 17, „RTP in“): No such file. Es wurde nichts geändert.",
        'Çekirdek kuralları reddetti (17. kural, "RTP in"): No such file. Hiçbir şey değişmedi.',
    ),
    "geo update refused": (
        "New country data has %(percent)d %% fewer ranges for %(country)s.",
        "Die neuen Länderdaten enthalten %(percent)d %% weniger Bereiche für %(country)s.",
        "Yeni ülke verisinde %(country)s için %(percent)d %% daha az aralık var.",
    ),
    "no permission": (
        "Only a firewall admin can delete rules.", "Nur ein Firewall-Admin kann Regeln löschen.",
        "Kuralları yalnızca güvenlik duvarı yöneticisi silebilir.",
    ),
}  # fmt: skip
STORED = {"would lock out", "rolled back", "nft refused"}
"""They are written down by processes that know no reader."""


@pytest.mark.parametrize("case", SAID)
@pytest.mark.parametrize("language", ["de", "tr"])
def test_it_is_said_in_the_readers_language(case, language):
    english, german, turkish = SAID[case]
    with override(language):
        shown = outcome(english) if case in STORED else gettext(english)
    assert shown.startswith(german if language == "de" else turkish)
    with override("en"):
        assert (outcome(english) if case in STORED else gettext(english)) == english


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "„PBX“ wird in 6 Regeln verwendet (A). Ersetzen Sie es dort zuerst."),
        ("tr", "“PBX” 6 kuralda kullanılıyor (A). Önce oralarda değiştirin."),
    ],
)
def test_object_in_use(language, said):
    with override(language):
        assert ngettext(*IN_USE, 6) % {"name": "PBX", "count": 6, "rules": "A"} == said


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
