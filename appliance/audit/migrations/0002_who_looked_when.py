# SPDX-License-Identifier: GPL-2.0-or-later
"""An index for the question whether somebody has looked at something of late."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['verb', 'actor', 'time'], name='who_looked_when'),
        ),
    ]
