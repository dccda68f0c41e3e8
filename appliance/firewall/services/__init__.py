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
from appliance.firewall.services.addresses import (
    create_address,
    delete_address,
    describe_address,
    update_address,
)
from appliance.firewall.services.contents import (
    ask,
    drop_unused,
    held_by,
    hold,
    refresh,
    server_parts,
    set_name_servers,
    take_due,
)
from appliance.firewall.services.countries import (
    discard_country_data,
    have_country_data,
    upload_country_data,
    use_country_data,
)
from appliance.firewall.services.needed import Needed, draft_needed, rules_needed
from appliance.firewall.services.objects import (
    add_usual_services,
    create_schedule,
    create_service,
    delete_schedule,
    delete_service,
    describe_schedule,
    describe_service,
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
from appliance.firewall.services.uses import replace_everywhere

__all__ = [
    "EVERYTHING", "RULE_FIELDS", "Needed", "activated", "add_usual_services", "ask", "clone_rule", "count_hits",
    "create_address", "create_rule", "create_schedule", "create_service", "delete_address", "delete_rule",
    "delete_schedule", "delete_service", "describe_activation", "describe_address", "describe_rule",
    "describe_schedule", "describe_service", "discard_country_data", "draft_needed", "drop_unused", "end_overdue",
    "expire_rules", "have_country_data", "held_by", "hold", "move_rule", "not_activated", "open_console",
    "refresh", "replace_everywhere", "rules_needed", "server_parts", "set_name_servers", "set_rule_enabled",
    "start_exemption", "start_rule", "stop_activation", "take_due", "tell_netadmin", "update_address", "update_rule",
    "update_schedule", "update_service", "upload_country_data", "use_country_data",
]  # fmt: skip
