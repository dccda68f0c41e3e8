# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of nf_tables' netlink language: messages, and attributes by what they are of. Nothing of our own.

linux/netfilter/nf_tables.h, whose names these are without their NFTA_ and NFT_MSG_; libnftnl/udata.h.
"""

from __future__ import annotations

from typing import Final

SUBSYSTEM: Final = 10
"""Of nfnetlink."""
NFPROTO_INET: Final = 1

# --- messages ---

GETCHAIN: Final = SUBSYSTEM << 8 | 4
GETRULE: Final = SUBSYSTEM << 8 | 7
GETSET: Final = SUBSYSTEM << 8 | 10
DELSET: Final = SUBSYSTEM << 8 | 11
NEWSETELEM: Final = SUBSYSTEM << 8 | 12
GETSETELEM: Final = SUBSYSTEM << 8 | 13
DELSETELEM: Final = SUBSYSTEM << 8 | 14
GETOBJ: Final = SUBSYSTEM << 8 | 19

# --- attributes ---

LIST_ELEM: Final = 1

CHAIN_NAME: Final = 3
SET_NAME: Final = 2
RULE_CHAIN, RULE_EXPRESSIONS, RULE_USERDATA = 2, 4, 7
OBJ_TABLE, OBJ_NAME, OBJ_TYPE, OBJ_DATA = 1, 2, 3, 4
TABLE: Final = 1
"""Of chains, sets and rules."""

SET_ELEM_LIST_TABLE, SET_ELEM_LIST_SET, SET_ELEM_LIST_ELEMENTS = 1, 2, 3
SET_ELEM_KEY, SET_ELEM_DATA, SET_ELEM_TIMEOUT, SET_ELEM_EXPIRATION, SET_ELEM_USERDATA, SET_ELEM_EXPR = 1, 2, 4, 5, 6, 7
SET_ELEM_KEY_END: Final = 10

DATA_VALUE, DATA_VERDICT = 1, 2
VERDICT_CODE, VERDICT_CHAIN = 1, 2
EXPR_NAME, EXPR_DATA = 1, 2
COUNTER_BYTES, COUNTER_PACKETS = 1, 2
LOOKUP_SET: Final = 1
IMMEDIATE_DATA: Final = 2

# --- values ---

OBJECT_COUNTER: Final = 1
GOTO: Final = -4
UDATA_COMMENT: Final = 0
