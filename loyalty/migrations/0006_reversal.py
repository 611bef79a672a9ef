"""What was returned and voided of transactions, and what a transaction looks like since."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consumers", "0003_staff_in_words"),
        ("loyalty", "0005_redemption_message"),
    ]

    operations = [
        migrations.AddField(
            model_name="transaction",
            name="state",
            field=models.TextField(blank=True),
        ),
        migrations.CreateModel(
            name="Reversal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(max_length=100)),
                ("fingerprint", models.CharField(max_length=64)),
                ("kind", models.CharField(choices=[("return", "Return"), ("void", "Void")], max_length=8)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("lines", models.JSONField(default=list)),
                ("reversed", models.JSONField(default=dict)),
                ("points", models.BigIntegerField(default=0)),
                ("refund_due", models.DecimalField(decimal_places=4, max_digits=18)),
                ("not_recovered", models.DecimalField(decimal_places=4, max_digits=18)),
                ("answer", models.TextField()),
                (
                    "account",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consumers.account",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reversals", to="loyalty.transaction"
                    ),
                ),
            ],
            options={
                "ordering": ("transaction", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("account", "reference"), name="reversal_reference_once_per_account")
                ],
            },
        ),
    ]
