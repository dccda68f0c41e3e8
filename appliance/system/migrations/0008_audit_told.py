# SPDX-License-Identifier: GPL-2.0-or-later
"""How far the syslog server has the audit log."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('system', '0007_setup'),
    ]

    operations = [
        migrations.AddField(
            model_name='noticesettings',
            name='audit_told',
            field=models.PositiveBigIntegerField(help_text='last entry of the audit log that syslog has', null=True),
        ),
    ]
