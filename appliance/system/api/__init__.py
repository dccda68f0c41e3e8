# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of system: revisions and health, connections, backups, the advisor, the device."""

from appliance.system.api.advisor import router as advisor
from appliance.system.api.backup import router as backup
from appliance.system.api.connections import router as connections
from appliance.system.api.device import router as device_router
from appliance.system.api.log import router as log
from appliance.system.api.notices import router as notices
from appliance.system.api.revisions import router as revisions
from appliance.system.api.tests import router as tests

routers = (revisions, connections, log, tests, advisor, backup, notices, device_router)

__all__ = ["routers"]
