# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to the firewall's configuration: rules, and the objects that they use."""

from appliance.firewall.services.activations import (
    EVERYTHING,
    activated,
    describe_activation,
    end_overdue,
    not_activated,
    open_console,
    start_exemption,
    start_rule,
    stop_activation,
    tell_netadmin,
)
from appliance.firewall.services.needed import Needed, draft_needed, rules_needed
from appliance.firewall.services.objects import (
    create_address,
    create_schedule,
    create_service,
    delete_address,
    delete_schedule,
    delete_service,
    describe_address,
    describe_schedule,
    describe_service,
    replace_address,
    update_address,
    update_schedule,
    update_service,
)
from appliance.firewall.services.rules import (
    RULE_FIELDS,
    clone_rule,
    count_hits,
    create_rule,
    delete_rule,
    describe_rule,
    expire_rules,
    move_rule,
    set_rule_enabled,
    update_rule,
)

__all__ = [
    "EVERYTHING", "RULE_FIELDS", "Needed", "activated", "clone_rule", "count_hits", "create_address", "create_rule",
    "create_schedule", "create_service", "delete_address", "delete_rule", "delete_schedule", "delete_service",
    "describe_activation", "describe_address", "describe_rule", "describe_schedule", "describe_service",
    "draft_needed", "end_overdue", "expire_rules", "move_rule", "not_activated", "open_console", "replace_address",
    "rules_needed", "set_rule_enabled", "start_exemption", "start_rule", "stop_activation", "tell_netadmin",
    "update_address", "update_rule", "update_schedule", "update_service",
]  # fmt: skip
