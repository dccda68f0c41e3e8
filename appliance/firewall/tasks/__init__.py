# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of the firewall: `kernel` runs in netadmin, `names` in the worker, with no privilege."""

from appliance.firewall.tasks.kernel import activate, count_connections, count_hits, follow_objects, settle_activations
from appliance.firewall.tasks.names import refresh_names

__all__ = ["activate", "count_connections", "count_hits", "follow_objects", "refresh_names", "settle_activations"]
