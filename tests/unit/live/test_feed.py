# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshot + deltas == fresh snapshot, whatever happens to the rows and whenever a browser comes."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.live.feed import Feed

IDS = st.sampled_from(["a", "b", "c", "d"])
ROWS = st.builds(lambda row_id, value: {"id": row_id, "value": value}, IDS, st.integers(0, 2))
STEPS = st.one_of(
    ROWS.map(lambda row: ("apply", [{"op": "put", "row": row}])),
    IDS.map(lambda row_id: ("apply", [{"op": "del", "id": row_id}])),
    st.lists(ROWS, max_size=4, unique_by=lambda row: row["id"]).map(lambda rows: ("replace", rows)),
    st.just(("flush", None)),
    st.just(("join", None)),
)


def follow(copy, message):
    """What a browser does."""
    assert message["seq"] == copy["seq"] + 1
    copy["seq"] = message["seq"]
    for op in message["ops"]:
        if op["op"] == "put":
            copy["rows"][op["row"]["id"]] = op["row"]
        else:
            del copy["rows"][op["id"]]


@given(st.lists(STEPS, max_size=30))
def test_every_copy_is_the_truth(steps):
    feed, copies, truth = Feed("calls"), [], {}

    def flush():
        message = feed.delta(0.0)
        for copy in copies if message else ():
            follow(copy, message)

    for step, content in steps:
        if step == "apply":
            feed.apply(content)
            for op in content:
                truth.pop(op.get("id"), None) if op["op"] == "del" else truth.__setitem__(op["row"]["id"], op["row"])
        elif step == "replace":
            feed.replace(content)
            truth = {row["id"]: row for row in content}
        elif step == "flush":
            flush()
        else:
            snapshot = feed.snapshot(0.0)
            copies.append({"seq": snapshot["seq"], "rows": {row["id"]: row for row in snapshot["rows"]}})
    flush()
    fresh = {row["id"]: row for row in feed.snapshot(0.0)["rows"]}
    assert fresh == truth
    assert all(copy == {"seq": feed.seq, "rows": truth} for copy in copies)


def test_many_changes_of_a_row_are_told_once_and_undone_ones_never():
    feed = Feed("calls")
    for packets in range(5):
        feed.put({"id": "a", "packets": packets})
    assert feed.delta(1.0) == {
        "topic": "calls", "seq": 1, "kind": "delta", "t": 1.0, "ops": [{"op": "put", "row": {"id": "a", "packets": 4}}]
    }  # fmt: skip
    feed.put({"id": "b"})
    feed.delete("b")
    assert feed.delta(2.0) is None
    assert feed.seq == 1
