# SPDX-License-Identifier: GPL-2.0-or-later
"""Authenticator apps for tests: a secret, and the code that it shows now."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(secret=SECRET, step=0):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def give_app(user):
    return TOTP.activate(user, SECRET)


def has_app(user):
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
