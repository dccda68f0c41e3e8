# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions that telephony behind a firewall raises, and their answers: one page each, by its permanent name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Section:
    heading: Promise
    text: Promise


@dataclass(frozen=True)
class Way:
    """To where something can be done: a page of the console."""

    label: Promise
    page: str  # "firewall:rules"
    argument: str | None = None
    query: str = ""


@dataclass(frozen=True)
class Page:
    title: Promise
    sections: tuple[Section, ...]
    ways: tuple[Way, ...] = ()
    further: tuple[str, ...] = ()  # names of other pages
    guides: str = ""  # of help.guides: whose they are


_ADVISOR: Final = Way(_("Advisor"), "system:advisor")
_EXEMPTIONS: Final = Way(_("Exemptions"), "firewall:exemptions")
_WHAT_TO_DO: Final = _("What to do")

PAGES: Final = {
    "rtp-forwarding": Page(
        _("When is a port forwarding for speech needed?"),
        (
            Section(_("With the ALG: never"), _(
                "The ALG reads which ports a call uses and opens exactly these, for as long as the call lasts. A "
                "forwarding beside it keeps ports open all the time and may take one that a call was given. A "
                "forwarding of port 5060 lets anybody send SIP past the ALG.")),
            Section(_("Without the ALG: hardly ever"), _(
                "Where a server is exempt, speech comes in by the way that the phone system's own speech has opened. "
                "That works wherever RTP is symmetric, which it is with nearly all providers.")),
            Section(_("When it is needed"), _(
                "The server is exempt from the ALG, and the provider sends speech from another port than it receives "
                "at. Then forward the RTP ports of the phone system, as they are set there, and let only the "
                "provider's addresses use them.")),
            Section(_("How one sees it"), _(
                "The advisor watches the streams of exempt servers: check A09 names those that nothing comes back to, "
                "A08 a forwarding that five symmetric streams have shown to be unnecessary.")),
        ),
        (Way(_("Draft a forwarding for speech"), "firewall:recipes_one", "rtp"),
         Way(_("Port forwardings"), "firewall:rules", query="table=dnat")),
        ("symmetric-rtp", "exempt-servers"),
    ),
    "symmetric-rtp": Page(
        _("What does symmetric RTP mean?"),
        (
            Section(_("The words"), _(
                "Speech travels as RTP, in packets of UDP. It is symmetric when each side sends from the port at which "
                "it receives (RFC 4961).")),
            Section(_("Why it matters"), _(
                "A firewall lets answers in by the way that a question has opened. Speech from the port to which ours "
                "is sent is such an answer; speech from another port is not.")),
            Section(_("Here"), _(
                "Each provider has a switch for it. On, an opening is for exactly the address and the port that the "
                "provider announces. Off, any port of that address may send for as long as the call lasts.")),
            Section(_("Before the first packet"), _(
                "A provider's first packets may come before the phone system has said where it listens. They are "
                "dropped: that is normal at the start of a call, nobody hears it, and it never counts as an attack.")),
        ),
        (Way(_("Providers & PBXs"), "alg:providers"),),
        ("rtp-forwarding", "openings"),
    ),
    "alg-and-stun": Page(
        _("Why do the ALG and STUN exclude each other?"),
        (
            Section(_("Both do the same"), _(
                "Behind NAT, the phone system's private address must be replaced by the outside one. With STUN it asks "
                "a server how it is seen from outside and writes that into its messages itself. The ALG replaces it on "
                "the way.")),
            Section(_("Together they fail"), _(
                "The port that STUN told is the one of the connection to the STUN server; nobody opens it for a call. "
                "The ALG finds an address that is not the phone's own, leaves it as it is and opens nothing. Audio "
                "goes one way or not at all.")),
            Section(_WHAT_TO_DO, _(
                "Switch STUN off in the phone system, and clear an outside address that was entered there by hand. Or "
                "exempt the server from the ALG and leave it all to STUN.")),
            Section(_("With encrypted SIP"), _(
                "There it is the other way round: nobody can read the messages on the way, so the phone system needs "
                "STUN.")),
        ),
        (_EXEMPTIONS,),
        ("stun-off", "exempt-servers", "encrypted-sip"),
    ),
    "stun-off": Page(
        _("Where is STUN switched off in a phone system?"),
        (
            Section(_("What to look for"), _(
                "The field is called “STUN server” nearly everywhere and stands beside the provider's data, or with "
                "the network settings, as “NAT traversal”. Leave it empty, and clear an outside address that was "
                "entered there by hand. Then restart the phone system, so that it registers with its own address.")),
            Section(_("Check with your vendor"), _(
                "Below is what makers have published, each with its source and the day on which it was read; menus "
                "change. For Auerswald, Snom, STARFACE and others no public description was found: ask there.")),
        ),
        (_ADVISOR, _EXEMPTIONS),
        ("alg-and-stun",),
        "phones",
    ),
    "encrypted-sip": Page(
        _("What can the ALG do for encrypted SIP?"),
        (
            Section(_("Nothing"), _(
                "SIPS, on TCP port 5061, is encrypted between phone system and provider. The ALG neither reads nor "
                "changes it, and so opens nothing.")),
            Section(_("What is needed instead"), _(
                "Rules for TCP 5061 to the provider, for speech (UDP) from the phone system outwards, and for STUN "
                "where the phone system asks a STUN server. The recipe drafts them.")),
            Section(_("Speech"), _(
                "SIPS hides who telephones with whom. What is said is encrypted only with SRTP, which both ends must "
                "have switched on; without it everybody on the way can listen.")),
        ),
        (Way(_("Draft the rules for encrypted SIP"), "firewall:recipes_one", "sips"),),
        ("alg-and-stun",),
    ),
    "registration-interval": Page(
        _("How often must a phone system register?"),
        (
            Section(_("Asked and granted"), _(
                "A phone system asks for a time, and the provider grants one, often a shorter one. It must register "
                "again before the granted time is over (RFC 3261, section 10.2.4).")),
            Section(_("When it does not"), _(
                "A system that keeps to its own time is unreachable from the end of the granted time until it "
                "registers again, and calls may drop. With 660 s granted and 1200 s kept to that is up to 540 s, again "
                "and again.")),
            Section(_WHAT_TO_DO, _(
                "Set it below what is granted. In an AGFEO system that is “Gewünschte Gültigkeitsdauer einer "
                "Registrierung”: 600 where 660 s are granted.")),
        ),
        (Way(_("Registrations"), "sip:registrations"),),
    ),
    "exempt-servers": Page(
        _("When should a server be exempt from the ALG?"),
        (
            Section(_("When"), _(
                "When the phone system copes with NAT by itself, by STUN for instance; or for a test, to find out "
                "whether the ALG is to blame.")),
            Section(_("What happens"), _(
                "Messages to and from this server pass as the rules say, with private addresses in them, and the ALG "
                "opens nothing for its calls. Other servers are not touched, and calls with them go on.")),
            Section(_("What is needed then"), _(
                "Speech must be allowed outwards; it comes back by the same way where it is symmetric. The exemption's "
                "page lists the rules that are missing and drafts them.")),
            Section(_("Its end"), _(
                "Give a test an end: the ALG then takes over again by itself.")),
        ),
        (_EXEMPTIONS,),
        ("rtp-forwarding", "idle-path"),
    ),
    "idle-path": Page(
        _("How does a call come in without the ALG?"),
        (
            Section(_("By the way of the registration"), _(
                "The phone system's registration opens a connection, and the provider's calls come back by it. The "
                "firewall forgets a UDP connection that was idle for too long; from then on a call reaches nobody "
                "until the phone system registers again.")),
            Section(_WHAT_TO_DO, _(
                "Let the phone system send keep-alives, or register more often. Or leave the server to the ALG: it "
                "knows until when the provider has granted the registration, and keeps the way in open for so long.")),
        ),
        (_EXEMPTIONS,),
        ("registration-interval", "exempt-servers"),
    ),
    "old-connections": Page(
        _("Why does a change not show at once?"),
        (
            Section(_("Connections go on as they began"), _(
                "A firewall decides when a connection begins; what follows on it follows that decision. A registration "
                "or a call that began under the old rules stays allowed and translated as it was, and a test by it "
                "shows the old state.")),
            Section(_WHAT_TO_DO, _(
                "After an apply a bar counts these connections. Flush them now, or when the last call has ended; calls "
                "are never cut by accident. Nothing needs to be restarted.")),
        ),
        (Way(_("Connections"), "system:connections"),),
    ),
    "two-algs": Page(
        _("What if two ALGs are at work?"),
        (
            Section(_("In front of us"), _(
                "Many routers have a SIP ALG of their own. It changes what ours has written, and each undoes the "
                "other's work. Look for “SIP ALG” in the router that stands before this device, and switch it off.")),
            Section(_("How one sees it"), _(
                "Our own Via comes back in every answer. Where the address in it, or the one that the server says it "
                "has received from, is not ours, somebody in between has changed it.")),
            Section(_("In the kernel"), _(
                "Linux has one, nf_conntrack_sip, which acts where a rule hands connections to it. It would change the "
                "same messages once more, and a web page can make it open a port. Remove that rule.")),
        ),
        (_ADVISOR,),
        ("router-sip-alg", "kernel-helper"),
    ),
    "router-sip-alg": Page(
        _("How is the SIP ALG of a router switched off?"),
        (
            Section(_("What to look for"), _(
                "Its names are “SIP ALG”, “SIP helper”, “SIP passthrough”, “SIP inspection”, “SIP transformations”; it "
                "stands with NAT, WAN or the firewall. Restart the router afterwards: connections that began before "
                "keep the ALG that they had. The next answer of the provider shows the advisor whether it helped.")),
            Section(_("Check with your vendor"), _(
                "Below is what makers have published, each with its source and the day on which it was read; menus "
                "change. For FRITZ!Box, Speedport, UniFi and others no public description was found: ask there.")),
            Section(_("Where there is no switch"), _(
                "Let that router be a modem only, so that this device has the outside address. Or let the phone system "
                "speak encrypted SIP, which nobody can change on the way.")),
        ),
        (_ADVISOR,),
        ("two-algs", "encrypted-sip"),
        "routers",
    ),
    "kernel-helper": Page(
        _("How is the SIP helper of the kernel removed?"),
        (
            Section(_("Who uses it"), _(
                "Linux hands no connection to nf_conntrack_sip by itself. A rule does, of nftables or iptables, that "
                "another program has set up on this device. The advisor names it, and the command that removes it.")),
            Section(_WHAT_TO_DO, _(
                "As root on the device: delete that rule, then unload the module and keep it from being loaded. "
                "Connections that the helper has keep it until they end: flush them.")),
        ),
        (Way(_("Connections"), "system:connections"), _ADVISOR),
        ("two-algs",),
        "kernel",
    ),
    "from-outside": Page(
        _("How do telephones and technicians come in from outside?"),
        (
            Section(_("Not by an open port 5060"), _(
                "The Internet is scanned for SIP all the time; whoever guesses a password telephones at your expense. "
                "Plain SIP also shows everybody on the way who calls, and what a password can be guessed from.")),
            Section(_("Telephones"), _(
                "Best by VPN: then they are inside. Else by SIPS and SRTP, from as few addresses as possible.")),
            Section(_("Remote maintenance"), _(
                "Give it an end and the company's address. The rule then ends by itself, and its connections are cut "
                "at that moment.")),
            Section(_("Countries"), _(
                "A country as source keeps many scanners away, and is approximate: data sets agree on about nine "
                "addresses of ten. An address or a DNS name is exact.")),
        ),
        (Way(_("Telephones outside"), "firewall:recipes_one", "external"),
         Way(_("Remote maintenance of the telephone system"), "firewall:recipes_one", "maintenance")),
    ),
    "openings": Page(
        _("What opens and closes a port for speech?"),
        (
            Section(_("Opening"), _(
                "Offer and answer of a call name the two ends of each stream; the ALG opens exactly these. A stream "
                "takes two consecutive ports of our address, for RTP and RTCP. Where no pair is free, the call is "
                "refused with 503.")),
            Section(_("Closing"), _(
                "An opening closes with its call, when another description replaces it, or after the time of "
                "“Inactive media” without a packet. The call itself stays, and hold does not count as silence.")),
            Section(_("Speech that does not pass here"), _(
                "When a call from outside is forwarded to outside, both ends may send to each other directly. Then "
                "nothing is opened here, and nothing is wrong.")),
        ),
        (Way(_("Pinholes"), "sip:pinholes"), Way(_("Timers & limits"), "alg:settings")),
        ("symmetric-rtp",),
    ),
    "addresses": Page(
        _("Which addresses does the ALG replace?"),
        (
            Section(_("Only those of the party that sends"), _(
                "On the way out, a phone's own address and port become ours; on the way in, ours become its own. Every "
                "other byte stays as it came.")),
            Section(_("What therefore stays private"), _(
                "The address of another inside host, in History-Info or Diversion for instance. Providers rarely mind; "
                "where it must not be seen, switch that header off in the phone system.")),
            Section(_("When our own address changes"), _(
                "Connections of the old address are ended, and new traffic uses the new one. A phone is reached again "
                "as soon as it has registered again.")),
        ),
    ),
    "bans": Page(
        _("Who is banned, and why?"),
        (
            Section(_("Scanners"), _(
                "Who sends SIP again and again where no rule expects it, or says what no provider says, is banned for "
                "a while: new signalling from there is dropped in the kernel.")),
            Section(_("Providers"), _(
                "A server that a rule names singly, by its address or its DNS name, is never banned. Of a whole "
                "network or country anybody may be; name the provider's servers instead.")),
        ),
        (Way(_("Banned hosts"), "sip:bans"),),
    ),
    "engine-stopped": Page(
        _("Why are calls not being watched?"),
        (
            Section(_("What goes on meanwhile"), _(
                "Rules decide as before, and calls that run go on: the kernel carries their speech. A new call gets no "
                "openings. SIP itself is dropped, or forwarded plainly where you have chosen that for the time in "
                "which the engine is down.")),
            Section(_("Which process it is, and its last words"), _(
                "The service pinhole-engine. It is started again by itself whenever it ends. On the device, “systemctl "
                "status pinhole-engine” says whether it runs, and “journalctl -u pinhole-engine” what it said last: "
                "that another engine runs already, for instance.")),
            Section(_WHAT_TO_DO, _(
                "Mend what its last line names, and start it: by the button beside “Calls are not being watched”, or "
                "on the device with “systemctl restart pinhole-engine”. It knows its calls and telephones again, "
                "because it writes them down while it works.")),
        ),
        (Way(_("Timers & limits"), "alg:settings"),),
    ),
    "upkeep": Page(
        _("Which rules and objects want looking after?"),
        (
            Section(_("Rules"), _(
                "A rule that nothing has matched in 90 days may not be needed; one that an earlier rule covers decides "
                "about nothing. Disable it first, and delete it when nobody has missed it. A rule with an end cuts its "
                "connections at that moment.")),
            Section(_("Objects"), _(
                "A name that cannot be resolved keeps its last addresses. Country data gets older with every month, "
                "and addresses move.")),
        ),
        (Way(_("Rules"), "firewall:rules"), Way(_("Objects"), "firewall:objects")),
    ),
}  # fmt: skip
