# SPDX-License-Identifier: GPL-2.0-or-later

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sip', '0005_quality'),
    ]

    operations = [
        migrations.AddField(
            model_name='callrecord',
            name='media',
            field=models.JSONField(default=list),
        ),
    ]
