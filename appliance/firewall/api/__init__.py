# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the firewall: rules, the objects that they use, and questions about them."""

from appliance.firewall.api.activations import router as activations
from appliance.firewall.api.addresses import router as addresses
from appliance.firewall.api.countries import router as countries
from appliance.firewall.api.objects import router as objects
from appliance.firewall.api.questions import router as questions
from appliance.firewall.api.recipes import router as recipes
from appliance.firewall.api.references import Reference, address_named
from appliance.firewall.api.rules import router as rules

routers = (rules, recipes, addresses, objects, countries, questions, activations)

__all__ = ["Reference", "address_named", "routers"]
