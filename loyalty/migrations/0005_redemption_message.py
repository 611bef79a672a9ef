"""The e-mails about redemptions, which wait here to be sent."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consumers", "0003_staff_in_words"),
        ("loyalty", "0004_fill_claim_days"),
    ]

    operations = [
        migrations.CreateModel(
            name="RedemptionMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.EmailField(max_length=254)),
                ("subject", models.CharField(max_length=200)),
                ("body", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("claimed", "Being sent"),
                            ("sent", "Sent"),
                            ("uncertain", "Uncertain"),
                            ("failed", "Not sent"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("recorded_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField()),
                ("give_up_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True)),
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
                    "applied",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="message",
                        to="loyalty.appliedpromotion",
                    ),
                ),
                (
                    "consumer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemption_messages",
                        to="consumers.consumer",
                    ),
                ),
            ],
            options={
                "verbose_name": "redemption message",
                "ordering": ("-recorded_at", "-id"),
                "indexes": [
                    models.Index(fields=["account", "-recorded_at", "-id"], name="message_by_moment"),
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["next_attempt_at", "id"], name="message_due"
                    ),
                    models.Index(
                        condition=models.Q(("state", "claimed")), fields=["claimed_at"], name="message_in_hand"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "claimed"), _negated=True),
                            ("claimed_at__isnull", False),
                            _connector="OR",
                        ),
                        name="message_claimed_at_a_moment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "sent"), _negated=True), ("sent_at__isnull", False), _connector="OR"
                        ),
                        name="message_sent_at_a_moment",
                    ),
                ],
            },
        ),
    ]
