# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to accounts: secrets, sessions, people, and when support may come in."""

from appliance.accounts.services import attempts
from appliance.accounts.services.maintenance import (
    close_overdue,
    close_window,
    console_port,
    open_window,
    take_back,
)
from appliance.accounts.services.people import (
    Invitation,
    create_pass,
    create_user,
    demand_factor,
    describe_user,
    grant,
    renew_link,
    reset_factors,
    set_active,
    set_role,
)
from appliance.accounts.services.secrets import (
    OWNER,
    LinkInvalid,
    create_api_token,
    create_owner_link,
    delete_api_token,
    needs_code,
    redeem_link,
    set_password,
)
from appliance.accounts.services.sessions import (
    end_sessions,
    seen,
    set_own_password,
    signed_in,
    signed_out,
)

__all__ = [
    "OWNER", "Invitation", "LinkInvalid", "attempts", "close_overdue", "close_window", "console_port",
    "create_api_token", "create_owner_link", "create_pass", "create_user", "delete_api_token", "demand_factor",
    "describe_user", "end_sessions", "grant", "needs_code", "open_window", "redeem_link", "renew_link", "reset_factors",
    "seen", "set_active", "set_own_password", "set_password", "set_role", "signed_in", "signed_out", "take_back",
]  # fmt: skip
