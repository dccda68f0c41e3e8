# SPDX-License-Identifier: GPL-2.0-or-later
"""One account for each role, for tests of who may what."""

from functools import cache

from django.contrib.auth.hashers import make_password

from appliance.accounts.models import User
from appliance.permissions import Role

PASSWORD = "correct horse battery"


@cache
def password_hash():
    """Of PASSWORD, once: hashing takes a tenth of a second."""
    return make_password(PASSWORD)


def person(role, **fields):
    user = User(username=f"a_{role}", role=role, is_superuser=role == Role.OWNER, password=password_hash(), **fields)
    user.save()
    return user
