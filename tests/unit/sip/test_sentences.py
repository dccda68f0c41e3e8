# SPDX-License-Identifier: GPL-2.0-or-later
"""The console has a sentence for everything that the engine can say, with the same values."""

import string
from typing import get_args

import pytest

from appliance.sip.columns import CLOSED_BECAUSE, RULES, SENTENCES, ladder_config, level, said
from sipalg_core.alg import call_ids, rewrite, rewrite_ice, rewrite_sdp
from sipalg_core.alg.sayings import SENTENCES as SAID
from sipalg_core.alg.sayings import say
from sipalg_core.contract.events import ClosedBecause
from sipalg_core.sip import edit


def values(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(str(sentence)) if name}


def test_every_code_has_a_sentence_and_no_other():
    assert set(SENTENCES) == set(SAID)


@pytest.mark.parametrize("code", sorted(SAID))
def test_sentence_names_the_same_values(code):
    assert values(SENTENCES[code].label) == values(SAID[code])


def test_every_reason_of_a_change_has_its_rule():
    modules = (call_ids, rewrite, rewrite_ice, rewrite_sdp, edit)
    reasons = {
        value for module in modules for name, value in vars(module).items() if name.isupper() and isinstance(value, str)
    }
    assert reasons - {"255.255.255.255"} <= set(RULES) | {value for value in reasons if " " not in value}
    assert len(RULES) >= 10


def test_every_end_of_an_opening_has_a_word():
    assert set(get_args(ClosedBecause)) == set(CLOSED_BECAUSE)


def test_sentence_is_filled_and_explains_the_status():
    assert said(say("final-response", status=486, phrase="Busy Here").row()) == "486 Busy Here (busy)"
    assert said(say("peer-other-host", peer="a:1", host="b").row()).endswith("the other side sends from b.")
    assert said(None) == level(None) == ""
    assert level(say("peer-silent", peer="x").row()) == "error"


def test_code_of_a_newer_engine_is_said_in_its_own_words():
    assert said({"code": "new", "params": {"n": "3"}, "text": "3 things happened"}) == "3 things happened"


def test_script_gets_every_word_as_text():
    config = ladder_config()
    assert set(config["sentences"]) == set(SAID)
    assert all(isinstance(word, str) for word in config["words"].values())
