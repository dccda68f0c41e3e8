from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sip', '0004_alg_settings'),
    ]

    operations = [
        migrations.CreateModel(
            name='QualityHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('node', models.CharField(default='local', max_length=40)),
                ('provider', models.CharField(max_length=80)),
                ('hour', models.DateTimeField(db_index=True)),
                ('inward', models.BooleanField()),
                ('runs', models.PositiveIntegerField(default=0)),
                ('expected', models.PositiveBigIntegerField(default=0)),
                ('received', models.PositiveBigIntegerField(default=0)),
                ('jitter_runs', models.PositiveIntegerField(default=0)),
                ('jitter_sum', models.FloatField(default=0.0)),
                ('worst_loss', models.FloatField(default=0.0)),
            ],
            options={
                'ordering': ['-hour', 'provider', 'inward'],
                'constraints': [models.UniqueConstraint(fields=('node', 'provider', 'hour', 'inward'), name='one_row_an_hour_and_direction')],
            },
        ),
    ]
