"""The guard of the limit per customer looks only at limits that hold over the whole promotion.

Redemptions in a calendar period are not stored but read from the consumer's transactions, under the consumer's lock.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION loyalty_guard_customer_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM promotions_promotion
        WHERE id = NEW.promotion_id AND NEW.redemptions > CAST(eligibility->>'customer_redemption_limit' AS bigint){only};
    IF FOUND THEN
        RAISE EXCEPTION '%: consumer % has no redemption of promotion % left', TG_NAME, NEW.consumer_id, NEW.promotion_id
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
"""
_POSTGRESQL_ONLY = "\n        AND eligibility->>'customer_limit_period' = 'promotion'"
_SQLITE_LIMIT = (
    "(SELECT json_extract(eligibility, '$.customer_redemption_limit') FROM promotions_promotion"
    " WHERE id = NEW.promotion_id{only})"
)
_SQLITE_ONLY = " AND json_extract(eligibility, '$.customer_limit_period') = 'promotion'"
_SQLITE = {
    "usage_within_customer_limit": "UPDATE OF redemptions ON loyalty_promotionusage"
    " WHEN NEW.redemptions > OLD.redemptions AND NEW.redemptions > {limit}",
    "usage_begun_within_customer_limit": "INSERT ON loyalty_promotionusage WHEN NEW.redemptions > {limit}",
}


def guard_limits_without_a_period(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Leave limits with a calendar period out."""
    _guard(schema_editor, postgresql_only=_POSTGRESQL_ONLY, sqlite_only=_SQLITE_ONLY)


def guard_all_limits(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Guard every limit again."""
    _guard(schema_editor, postgresql_only="", sqlite_only="")


def _guard(schema_editor: BaseDatabaseSchemaEditor, *, postgresql_only: str, sqlite_only: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL.format(only=postgresql_only), params=None)
        return
    limit = _SQLITE_LIMIT.format(only=sqlite_only)
    for name, when in _SQLITE.items():
        schema_editor.execute(f"DROP TRIGGER {name};")
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {when.format(limit=limit)} BEGIN SELECT RAISE(ABORT, '{name}'); END;"
        )


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0017_voucher_codes_in_capitals"),
        ("promotions", "0009_fill_limit_periods"),
    ]

    operations = [migrations.RunPython(guard_limits_without_a_period, guard_all_limits)]
