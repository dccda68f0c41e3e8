# SPDX-License-Identifier: GPL-2.0-or-later
"""Every setting of the ALG, once: form, REST, help and the test against the engine's policy all read it from here."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from appliance.sip.columns.kinds import (
    Addresses,
    Checks,
    Choice,
    Methods,
    Number,
    Ports,
    Rates,
    Setting,
    Switch,
    Text,
)

_S: Final = _("s")
_CHECKS: Final = (
    ("request-line", _("first line of a request")),
    ("request-uri", _("address in the first line")),
    ("sip-version", _("version of SIP")),
    ("status-code", _("status of an answer")),
    ("header-name", _("name of a header")),
    ("header-without-colon", _("header without a colon")),
    ("repeated-header", _("header that may stand once stands twice")),
    ("missing-via", _("no Via")),
    ("missing-from", _("no From")),
    ("missing-to", _("no To")),
    ("missing-call-id", _("no Call-ID")),
    ("missing-cseq", _("no CSeq")),
    ("call-id", _("Call-ID")),
    ("cseq", _("CSeq")),
    ("cseq-method", _("method in CSeq is another")),
    ("via", _("Via")),
    ("too-many-hops", _("too many Via entries")),
    ("max-forwards", _("Max-Forwards")),
    ("expires", _("Expires")),
    ("content-length", _("Content-Length")),
    ("content-length-beyond-end", _("Content-Length is longer than the message")),
    ("address", _("address in From, To or Contact")),
    ("open-quote", _("quotation mark that does not close")),
    ("open-bracket", _("bracket that does not close")),
)
_ACTIONS: Final = (("respond", _("answer 400")), ("pass", _("let pass untouched")), ("discard", _("discard")))
_RARELY: Final = _("your provider or the maker of your telephones asks for it.")


class Group(NamedTuple):
    title: Text
    lead: Text
    settings: tuple[Setting, ...]


_TIMERS: Final = Group(
    _("Timers"),
    _("How long the ALG waits. The defaults are those of SIP itself or of the usual appliances."),
    (
        Number(
            "timers.inactive_media", _("Inactive media"),
            _("A pinhole without a packet for so long is closed; the call stays, and hold does not count."),
            _("calls with long silence lose their audio."), 120, low=10, high=2550, unit=_S,
        ),
        Number(
            "timers.maximum_call", _("Longest call"),
            _("A call that lasts longer ends here: its pinholes are closed."),
            _("you have conferences or lines that stay open for days."), 43_200, low=180, high=432_000, unit=_S,
            off=_("no limit"),
        ),
        Number(
            "timers.t1", _("T1, the round trip"),
            _("A request without an answer, or the answer to a call, is remembered for 64 times T1."),
            _("your provider is reached by satellite."), 500, low=500, high=5000, unit=_("ms"), scale=1000,
        ),
        Number(
            "timers.t4", _("T4, the longest life of a message"),
            _("For so long a repeated answer still belongs to its request."), _RARELY, 5, low=5, high=10, unit=_S,
        ),
        Number(
            "timers.timer_c", _("Timer C, until the first sign"),
            _("A call that nobody answers with a word for so long has ended."), _RARELY, 3, low=3, high=10,
            unit=_("min"), scale=1 / 60,
        ),
        Number(
            "timers.provisional_invite", _("Ringing"),
            _("After each sign of the other side, a call may ring for so long."),
            _("your callers wait in queues that ring for longer."), 210, low=10, high=3600, unit=_S,
        ),
        Number(
            "timers.teardown", _("Teardown delay"),
            _("Pinholes stay open for so long after BYE or CANCEL, so that the last words arrive."), _RARELY,
            5, low=0, high=30, unit=_S,
        ),
        Number(
            "timers.gate", _("Early media without an answer"),
            _("While the far end has not named its media address, its servers may send for so long."), _RARELY,
            60, low=5, high=300, unit=_S,
        ),
        Number(
            "timers.retry_denial", _("Retry protection"),
            _("Whoever was refused by a telephone does not get through to it again for so long."),
            _("callers complain that a second attempt does not ring."), 5, low=1, high=3600, unit=_S, off=_("off"),
        ),
    ),
)  # fmt: skip

_LIMITS: Final = Group(
    _("Limits"),
    _("How much one telephone, one call or one message may take."),
    (
        Number(
            "limits.calls_per_host", _("Calls of one telephone or telephone system"),
            _("More at a time are answered with 503."), _("one host must not take all lines."),
            0, low=1, high=20_000, off=_("no limit of its own"),
        ),
        Number(
            "limits.half_open_per_host", _("Calls that are being set up"),
            _("Of one host; more at a time are answered with 503."), _("a dialler sets up more than that."),
            10_000, low=1, high=20_000, off=_("no limit of its own"),
        ),
        Number(
            "limits.media_lines", _("Media lines of one description"),
            _("Audio, video, fax and others together; a description with more is refused with 488."),
            _("you use video conferences with many streams."), 8, low=1, high=64,
        ),
        Number(
            "limits.ports_per_host", _("Media ports of one host"), _("Its largest share of all media ports."),
            _("one host must not use them up for the others."), 100, low=1, high=100, unit="%",
        ),
        Number(
            "limits.message", _("Largest message"), _("A larger one is answered with 513."),
            _("you want to bound what passes."), 65_535, low=1000, high=65_535, unit=_("octets"),
        ),
        Number(
            "limits.line", _("Longest header"), _("A message with a longer one is answered with 413."),
            _("you want to bound what passes."), 8192, low=78, high=8192, unit=_("octets"),
        ),
        Rates(
            "limits.rates", _("Requests a second, by method"),
            _("Of one host; more are answered with 503. A method without a number has no limit."),
            _("one host floods your provider."), {},
        ),
    ),
)  # fmt: skip

_HANDLING: Final = Group(
    _("Messages"),
    _("What is done with messages beyond their addresses."),
    (
        Methods(
            "handling.blocked_methods", _("Blocked methods"), _("Requests of these methods are answered with 405."),
            _("you do not want messages or presence to pass."), [],
        ),
        Choice(
            "handling.unknown_methods", _("Unknown methods"),
            _("Requests of a method that no standard names pass with their addresses translated, or are dropped."),
            _("only known methods may pass."), "pass",
            choices=(("pass", _("pass, translated")), ("drop", _("drop"))),
        ),
        Checks(
            "handling.syntax", _("Malformed messages"),
            _("What becomes of a message that fails a check: it is answered, discarded, or let pass untouched."),
            _("a device sends something odd that your provider accepts."), {}, checks=_CHECKS, actions=_ACTIONS,
        ),
        Switch(
            "handling.hide_call_ids", _("Hide Call-IDs"),
            _("What a telephone names its calls is replaced towards the provider, reversibly."),
            _("your telephones put their addresses into it and your provider must not see them."), False,
        ),
        Switch(
            "handling.hold_keeps_ports", _("Hold keeps its ports"),
            _("A call on hold keeps its media ports, so that it comes back on the same ones."),
            _("you run out of media ports."), True,
        ),
        Choice(
            "handling.engine_down", _("While the engine is down"),
            _("SIP is dropped, or forwarded with plain NAT: without pinholes, and inside addresses may leave."),
            _("signalling matters more to you than privacy and audio."), "drop",
            choices=(("drop", _("drop")), ("forward", _("forward plainly"))),
        ),
        Number(
            "handling.idle_path", _("Memory of idle SIP paths without the ALG"),
            _("Calls of an exempt server come in by the connection that the registration opened; it is remembered so "
              "long without a packet."),
            _("a telephone without the ALG registers more rarely than the kernel remembers (advisor, A23)."),
            0, where="all", low=1, high=86_400, unit=_S, off=_("as the kernel does"),
        ),
    ),
)  # fmt: skip

_MEDIA: Final = Group(
    _("Media and network"),
    _("Ports, classes of service, and whose addresses are replaced."),
    (
        Ports(
            "policy.media_ports", _("Media ports"), _("From these, each call gets its ports on our address."),
            _("another appliance forwards only certain ports to this one."), "20000-29999", where="all", least=100,
        ),
        Ports(
            "policy.signalling_ports", _("Signalling ports"),
            _("From these, each telephone beside the first gets its own port on our address."),
            _("they are in use for something else."), "30000-30999", where="all", least=10,
        ),
        Number(
            "handling.dscp_media", _("DSCP of media"), _("Audio leaves with this class of service; 46 is EF."),
            _("your provider or your network names another one."), 46, low=0, high=63, empty=_("as it comes"),
        ),
        Number(
            "handling.dscp_signalling", _("DSCP of signalling"), _("SIP messages leave with this class of service."),
            _("your provider or your network names one, often 24 or 26."), None, low=0, high=63, empty=_("as it comes"),
        ),
        Choice(
            "peering.translate", _("Address translation"),
            _("Whose addresses are replaced by ours. A network that is routed keeps its own and gets pinholes only; "
              "so does a server behind an internal interface, whatever stands here."),
            _("your network is routed to the provider."), "all",
            choices=(("all", _("IPv4 and IPv6")), ("ipv4", _("IPv4 only")), ("none", _("none"))),
        ),
        Addresses(
            "peering.outside", _("Our address"), _("By which of our addresses the provider knows us."),
            _("you have several and the provider expects a certain one."), [],
        ),
        Switch(
            "peering.learn_media", _("Learn where media comes from"),
            _("If audio comes from elsewhere in the provider's media networks than its description says, that one "
              "source is let in: in the first ten seconds, and only while the described one is silent. Works only "
              "where addresses are translated: in a routed network there is no port of ours where media could be "
              "heard."),
            _("the call says that the other side sends from another address or port."), False, where="provider",
        ),
        Switch(
            "peering.shadow", _("Shadow mode"),
            _("Everything is decided and shown, nothing is changed or opened: calls go on as with plain NAT."),
            _("you want to see what the ALG would do before it does it."), False,
        ),
    ),
)  # fmt: skip

_SCREENING: Final = Group(
    _("Scanners and floods"),
    _("What the kernel turns away. Hosts that a rule names singly are never banned."),
    (
        Number(
            "screening.ban", _("Ban"), _("A stranger who tries our SIP ports again and again is not heard so long."),
            _("somebody behind a changing address is banned by mistake."), 3600, where="all", low=1, high=432_000,
            unit=_S, off=_("nobody is banned"),
        ),
        Number(
            "screening.ban_after", _("Attempts before a ban"), _("In a minute."), _RARELY, 10, where="all",
            low=1, high=1000,
        ),
        Number(
            "screening.connections_per_host", _("TCP connections of one host"), _("For SIP."),
            _("a telephone system opens one for each line."), 16, where="all", low=1, high=1000,
        ),
        Number(
            "screening.connections_of_strangers", _("TCP connections of all hosts that no rule names singly"),
            _("For SIP."), _("you have very many telephones in one network."), 128, where="all", low=1, high=10_000,
        ),
        Number(
            "screening.connections", _("TCP connections in all"), _("For SIP."), _RARELY, 512, where="all",
            low=1, high=10_000,
        ),
    ),
)  # fmt: skip

GROUPS: Final = (_TIMERS, _LIMITS, _HANDLING, _MEDIA, _SCREENING)
SETTINGS: Final = {setting.path: setting for group in GROUPS for setting in group.settings}


def for_engine(values: dict[str, Any]) -> dict[str, Any]:
    """The same values in the units of the engine's policy; what is no setting any more is left out."""
    return {path: SETTINGS[path].contract(value) for path, value in values.items() if path in SETTINGS}
