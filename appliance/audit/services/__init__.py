# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to the audit trail, and what keeps others from writing there."""

from appliance.audit.services.trail import (
    Broken,
    origin,
    record,
    record_download,
    record_list,
    record_view,
    verify,
    verify_copy,
)

__all__ = ["Broken", "origin", "record", "record_download", "record_list", "record_view", "verify", "verify_copy"]
