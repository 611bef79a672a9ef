"""Budgets of campaigns, what was used of them, and the database's own guard.

No campaign has a budget yet, so that no row changes. The columns are added without rebuilding a table, and with defaults
in the database, so that the code of before goes on while it migrates.

A budget may be set below what was used already, and promotions with sales may move into a campaign: it is a sale that is
refused, which counts itself in the same statement.
"""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from consumers.added_column import AddColumn

_NAME = "campaign_spent_within_budget"
_BEYOND = (
    "NEW.sales_counted > OLD.sales_counted AND NEW.budget_used > OLD.budget_used"
    " AND CASE WHEN NEW.budget_overruns THEN OLD.budget_used >= NEW.budget_amount"
    " ELSE NEW.budget_used > NEW.budget_amount END"
)
_WRITES = "BEFORE UPDATE OF budget_used ON promotions_campaign"


def guard_budget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse a sale beyond the budget."""
    if schema_editor.connection.vendor == "postgresql":
        action = "EXECUTE FUNCTION promotions_guard()"
        schema_editor.execute(
            f"CREATE TRIGGER {_NAME} {_WRITES} FOR EACH ROW WHEN ({_BEYOND}) {action};", params=None
        )
    else:
        action = f"BEGIN SELECT RAISE(ABORT, '{_NAME}'); END"
        schema_editor.execute(f"CREATE TRIGGER {_NAME} {_WRITES} WHEN {_BEYOND} {action};", params=None)


def unguard_budget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the guard away."""
    table = " ON promotions_campaign" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER {_NAME}{table};")


class Migration(migrations.Migration):
    dependencies = [("promotions", "0014_fill_ignores_universal_holdout")]

    operations = [
        migrations.AddField("historicalcampaign", "budget", models.JSONField(blank=True, null=True)),
        AddColumn("campaign", "budget", models.JSONField(blank=True, null=True)),
        AddColumn("campaign", "budget_amount", models.BigIntegerField(blank=True, editable=False, null=True)),
        AddColumn(
            "campaign", "budget_overruns", models.BooleanField(db_default=False, default=False, editable=False)
        ),
        AddColumn("campaign", "budget_used", models.BigIntegerField(db_default=0, default=0, editable=False)),
        AddColumn("campaign", "sales_counted", models.BigIntegerField(db_default=0, default=0, editable=False)),
        AddColumn(
            "promotion", "in_campaign_budget", models.BooleanField(db_default=False, default=False, editable=False)
        ),
        migrations.RunPython(guard_budget, unguard_budget),
    ]
