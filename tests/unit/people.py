# SPDX-License-Identifier: GPL-2.0-or-later
"""One account for each role, for tests of who may what."""

from appliance.accounts.models import User
from appliance.permissions import Role


def person(role):
    """Without a password: hashing one costs a tenth of a second."""
    user = User(username=f"a_{role}", role=role, is_superuser=role == Role.OWNER)
    user.set_unusable_password()
    user.save()
    return user
