"""Budgets, what was used of them, and the database's own guard of a promotion's budget.

A budget may be set below what was used already, and returns give back then too, so it is a sale that is refused: one
that redeems, and either goes beyond the budget or, where the basket that crosses it is honoured, finds nothing left.

SQLite makes the table anew and forgets its triggers, so that the one for the limit is set again.
"""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_LIMIT = "NEW.redemptions > OLD.redemptions AND NEW.redemptions > NEW.total_redemption_limit"
_BUDGET = (
    "NEW.budget_used > OLD.budget_used AND NEW.redemptions > OLD.redemptions"
    " AND CASE WHEN NEW.budget_overruns THEN OLD.budget_used >= NEW.budget_amount"
    " ELSE NEW.budget_used > NEW.budget_amount END"
)
_POSTGRESQL = f"""
CREATE FUNCTION promotions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: row % of %', TG_NAME, NEW.id, TG_TABLE_NAME
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER promotion_spent_within_budget BEFORE UPDATE OF budget_used ON promotions_promotion FOR EACH ROW
    WHEN ({_BUDGET}) EXECUTE FUNCTION promotions_guard();
"""
_POSTGRESQL_BACK = """
DROP TRIGGER promotion_spent_within_budget ON promotions_promotion;
DROP FUNCTION promotions_guard();
"""
_SQLITE = {
    "promotion_redeemed_within_limit": f"UPDATE OF redemptions ON promotions_promotion WHEN {_LIMIT}",
    "promotion_spent_within_budget": f"UPDATE OF budget_used ON promotions_promotion WHEN {_BUDGET}",
}


def guard_budget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse a sale beyond the budget."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL, params=None)
        return
    for name, when in _SQLITE.items():
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name};")
        schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{name}'); END;")


def unguard_budget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the guard away."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL_BACK)
    else:
        schema_editor.execute("DROP TRIGGER promotion_spent_within_budget;")


class Migration(migrations.Migration):
    dependencies = [("promotions", "0012_campaigns")]

    operations = [
        *(
            migrations.AddField(model, name, models.JSONField(blank=True, null=True))
            for model in ("historicalpromotion", "promotion")
            for name in ("budget", "customer_budget")
        ),
        migrations.AddField(
            "promotion", "budget_amount", models.BigIntegerField(blank=True, editable=False, null=True)
        ),
        migrations.AddField("promotion", "budget_overruns", models.BooleanField(default=False, editable=False)),
        migrations.AddField("promotion", "budget_used", models.BigIntegerField(default=0, editable=False)),
        migrations.AddField("promotion", "saving_given", models.BigIntegerField(default=0, editable=False)),
        migrations.RunPython(guard_budget, unguard_budget),
    ]
