# SPDX-License-Identifier: GPL-2.0-or-later
"""Seal the secrets of authenticator apps and the seeds of recovery codes that lie in the database in clear."""

from typing import Any

from django.conf import settings
from django.db import migrations

from appliance.keys import is_sealed, seal

SECRETS = ("secret", "seed")


def seal_factors(apps: Any, _schema: Any) -> None:
    for factor in apps.get_model("mfa", "Authenticator").objects.filter(type__in=("totp", "recovery_codes")):
        clear = {name: factor.data[name] for name in SECRETS if name in factor.data and not is_sealed(factor.data[name])}
        if clear:
            factor.data |= {
                name: seal(text, key=settings.SECRET_KEY, purpose="factors") for name, text in clear.items()
            }  # fmt: skip
            factor.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_sign_in"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [migrations.RunPython(seal_factors, migrations.RunPython.noop)]
