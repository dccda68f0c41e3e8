# SPDX-License-Identifier: GPL-2.0-or-later
"""What recipes say: why an answer is refused, and what goes with a plan."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

REFUSALS: Final = {
    "missing": _("Answer this, please."),
    "not_a_place": _("Write an address, a network, a DNS name or a country, such as Germany or DE."),
    "not_a_host": _("Write one address, such as 192.168.0.2."),
    "country_for_sip": _("A country is too much for SIP: name the provider's servers by address or by DNS name."),
    "no_ports": _("Write a port, or a range such as 10000-10100."),
    "ports_below_1024": _("Speech uses ports from 1024 on. Below them are services that must not be reached."),
    "scanned": _(
        "Port 5060 is refused: the Internet is searched for it all the time, and what answers there is attacked within "
        "minutes. Use a VPN, or SIPS at another port."
    ),
    "no_end": _("Say when it ends. Maintenance without an end is a door that somebody forgets."),
    "no_source": _("Say from where, or tick that anybody may come."),
}
"""By the code of appliance.recipes.plans.Impossible."""

ADVICE: Final = {
    "sips_no_alg": _("Encrypted SIP cannot be read on the way: the ALG opens nothing for it, these rules do."),
    "stun_without_alg": _(
        "Without the ALG the telephone system must know its outside address: by STUN, or by an entry of yours."
    ),
    "country_is_rough": _("A country is approximate (about 90 % agreement between data sets); a DNS name is better."),
    "alg_opens_by_itself": _("Where the ALG is active it opens these ports by itself: use this only without it."),
    "vpn_is_best": _("A VPN is the safe way for telephones outside: then no rule is needed here."),
    "srtp_only": _("Switch SRTP on in the telephones: encrypted signalling does not encrypt speech."),
    "all_goes_out": _(
        "Everything is convenient, and a computer that was taken over uses it as well: the usual services do for most."
    ),
    "open_to_all": _("This is open to the whole Internet. A source would limit it."),
    "ends_by_itself": _("At its end the kernel closes it, for open connections as well, whoever is alive."),
}
"""By the codes of a plan."""
