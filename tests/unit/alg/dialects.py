# SPDX-License-Identifier: GPL-2.0-or-later
"""Session descriptions as real telephones, telephone systems and providers write them.

In a row stands `{ip}` for the telephone's host, `{p0}` for a media port of its, `{r0}` for the one behind that: inside
its own, outside ours. Whatever else stands there is nobody's to change.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """`ours` is the telephone's description, `theirs` the other side's answer to it, or offer before it; then of each
    opening our line, from 0, its component, and the port of the other side."""

    ours: str
    theirs: str
    opens: tuple[tuple[int, str, int], ...] = ((0, "rtp", 7000), (0, "rtcp", 7001))


HEAD = "v=0\no=- 1 1 IN IP4 {ip}\ns=-\nc=IN IP4 {ip}\nt=0 0\n"
PLAIN = "m=audio 7000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n"

DESCRIBED = {
    "fritzbox": Row(
        """\
v=0
o=user 11235813 11235813 IN IP4 {ip}
s=call
c=IN IP4 {ip}
t=0 0
m=audio {p0} RTP/AVP 9 8 0 2 102 101
a=sendrecv
a=rtpmap:2 G726-32/8000
a=rtpmap:101 telephone-event/8000
a=rtcp:{r0}
""",
        PLAIN,
    ),
    "grandstream": Row(
        """\
v=0
o=101 8000 8000 IN IP4 {ip}
s=SIP Call
c=IN IP4 {ip}
t=0 0
m=audio {p0} RTP/AVP 0 8 18 101
a=sendrecv
a=rtcp:{r0} IN IP4 {ip}
a=ptime:20
""",
        PLAIN,
    ),
    "asterisk": Row(
        """\
v=0
o=root 1821966158 1821966158 IN IP4 {ip}
s=Asterisk PBX 20
c=IN IP4 {ip}
t=0 0
m=audio {p0} RTP/AVP 8 101
a=silenceSupp:off - - - -
a=ptime:20
a=maxptime:140
a=ssrc:2142 cname:192.168.0.10
""",
        PLAIN,
    ),
    "user-of-two-words": Row(
        """\
v=0
o=Sonus UAC 20 1 IN IP4 {ip}
s=-
c=IN IP4 {ip}
t=0 0
m=audio {p0} RTP/AVP 8
""",
        PLAIN,
    ),
    "user-of-no-word": Row(
        """\
v=0
o= 1 1 IN IP4 {ip}
s=-
c=IN IP4 {ip}
t=0 0
m=audio {p0} RTP/AVP 8
""",
        PLAIN,
    ),
    "version-that-is-missing": Row(
        """\
v=0
o=- 20 IN IP4 {ip}
s=-
c=IN IP4 {ip}\t
t=0 0
m=audio {p0} RTP/AVP 8
""",
        PLAIN,
    ),
    "origin-without-an-address": Row(
        """\
v=0
o=door 1 1
s=-
c=IN IP4 {ip}
t=0 0
m=audio {p0} RTP/AVP 8
""",
        PLAIN,
    ),
    "blanks-at-the-ends": Row(
        """\
v=0
o=- 1 1 IN IP4 {ip}\x20
s=-\x20
c=IN IP4 {ip}\x20
t=0 0\x20
m=audio {p0} RTP/AVP 8 101\x20
a=rtcp:{r0} IN IP4 {ip}\x20
a=sendrecv\x20
""",
        PLAIN,
    ),
    "snom-srtp-or-not-at-one-port": Row(
        HEAD
        + """\
m=audio {p0} RTP/SAVP 8
a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:WbTBosdVUZqEb6Htqhn
m=audio {p0} RTP/AVP 8
""",
        """\
m=audio 0 RTP/SAVP 8
m=audio 7000 RTP/AVP 8
""",
        ((1, "rtp", 7000), (1, "rtcp", 7001)),
    ),
    "best-effort-srtp": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8 101
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:192.168.0.10+5060/AAAA|2^20|1:32
""",
        PLAIN,
    ),
    "yealink-video": Row(
        HEAD
        + """\
b=AS:512
m=audio {p0} RTP/AVP 9 8
a=rtcp-fb:* nack
m=video {p1} RTP/AVP 99
b=AS:384
a=rtpmap:99 H264/90000
a=fmtp:99 profile-level-id=42801F;packetization-mode=1
a=rtcp-fb:* ccm fir
""",
        PLAIN + "m=video 7010 RTP/AVP 99\n",
        ((0, "rtp", 7000), (0, "rtcp", 7001), (1, "rtp", 7010), (1, "rtcp", 7011)),
    ),
    "fax": Row(
        HEAD
        + """\
m=image {p0} udptl t38
a=T38FaxVersion:0
a=T38MaxBitRate:14400
a=T38FaxRateManagement:transferredTCF
a=T38FaxUdpEC:t38UDPRedundancy
""",
        "m=image 7000 udptl t38\n",
        ((0, "rtp", 7000),),
    ),
    "fax-beside-audio": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8
m=image {p1} UDPTL t38
""",
        """\
m=audio 0 RTP/AVP 8
m=image 7000 UDPTL t38
""",
        ((1, "rtp", 7000),),
    ),
    "ims-with-preconditions": Row(
        """\
v=0
o=- 1 1 IN IP4 {ip}
s=-
t=0 0
m=audio {p0} RTP/AVP 104 8
c=IN IP4 {ip}
b=AS:41
b=RS:0
b=RR:0
a=rtpmap:104 AMR-WB/16000
a=curr:qos local none
a=curr:qos remote none
a=des:qos optional local sendrecv
""",
        PLAIN,
    ),
    "webrtc-in-one-bundle": Row(
        HEAD
        + """\
a=group:BUNDLE 0 1
a=msid-semantic: WMS *
m=audio {p0} UDP/TLS/RTP/SAVPF 111
a=mid:0
a=rtcp-mux
a=setup:actpass
a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B
a=ice-ufrag:F7gI
a=ice-pwd:x9cml/YzichV2+XlhiMu8g
a=candidate:1 1 UDP 2130706431 {ip} {p0} typ host
a=ssrc:1 msid:a b
m=video {p1} UDP/TLS/RTP/SAVPF 99
a=mid:1
a=rtcp-mux
a=candidate:1 1 UDP 2130706431 {ip} {p1} typ host
""",
        """\
a=group:BUNDLE 0 1
m=audio 7000 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=rtcp-mux
a=setup:active
m=video 7000 UDP/TLS/RTP/SAVPF 99
a=mid:1
a=rtcp-mux
""",
        ((0, "rtp", 7000), (1, "rtp", 7000)),
    ),
    "both-lines-at-one-port": Row(
        HEAD
        + """\
a=group:BUNDLE a v
m=audio {p0} RTP/AVP 8
a=mid:a
a=rtcp-mux
m=video {p0} RTP/AVP 99
a=mid:v
a=rtcp-mux
""",
        """\
m=audio 7000 RTP/AVP 8
a=rtcp-mux
m=video 7000 RTP/AVP 99
a=rtcp-mux
""",
        ((0, "rtp", 7000), (1, "rtp", 7000)),
    ),
    "only-in-the-bundle": Row(
        HEAD
        + """\
a=group:BUNDLE a v
m=audio {p0} RTP/AVP 8
a=mid:a
a=rtcp-mux
m=video 0 RTP/AVP 99
a=mid:v
a=bundle-only
a=rtcp-mux
""",
        """\
m=audio 7000 RTP/AVP 8
a=rtcp-mux
m=video 0 RTP/AVP 99
""",
        ((0, "rtp", 7000),),
    ),
    "conference": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8
m=application {p1} UDP/BFCP *
a=floorctrl:c-s
m=application {p2} RTP/AVP 100
a=rtpmap:100 H224/4800
""",
        PLAIN
        + """\
m=application 7020 UDP/BFCP *
m=application 7030 RTP/AVP 100
""",
        ((0, "rtp", 7000), (0, "rtcp", 7001), (1, "rtp", 7020), (2, "rtp", 7030), (2, "rtcp", 7031)),
    ),
    "text": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8
m=text {p1} RTP/AVP 98 97
a=rtpmap:98 red/1000
a=rtpmap:97 t140/1000
""",
        PLAIN + "m=text 7010 RTP/AVP 98\n",
        ((0, "rtp", 7000), (0, "rtcp", 7001), (1, "rtp", 7010), (1, "rtcp", 7011)),
    ),
    "messages-over-tcp": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8
m=message 2855 TCP/MSRP *
a=accept-types:text/plain
a=path:msrp://192.168.0.10:2855/iau39;tcp
""",
        PLAIN + "m=message 7654 TCP/MSRP *\n",
    ),
    "held": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8
a=sendonly
""",
        PLAIN + "a=recvonly\n",
    ),
    "held-for-all-lines": Row(
        """\
v=0
o=- 1 2 IN IP4 {ip}
s=-
c=IN IP4 {ip}
t=0 0
a=inactive
m=audio {p0} RTP/AVP 8
""",
        PLAIN,
    ),
    "alternatives-of-x-lite": Row(
        HEAD
        + """\
m=audio {p0} RTP/AVP 8
a=alt:1 1 : 2pZ6 gEx2 192.168.0.10 14000
""",
        PLAIN,
    ),
    "gb28181": Row(
        HEAD
        + """\
m=video {p0} RTP/AVP 96
a=rtpmap:96 PS/90000
y=0100000001
f=
""",
        "m=video 7000 RTP/AVP 96\n",
    ),
}
