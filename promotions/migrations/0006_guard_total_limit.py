"""The database itself keeps redemptions within a promotion's limit.

A limit may be set below what was redeemed already, and returns take redemptions back then too, so it is counting up that
is refused. SQLite makes a table anew to change it and forgets its triggers: a migration that alters the table on SQLite
must set them again.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_POSTGRESQL = """
CREATE FUNCTION promotions_limit_reached() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: promotion % has no redemption left', TG_NAME, NEW.id
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER promotion_redeemed_within_limit BEFORE UPDATE OF redemptions ON promotions_promotion FOR EACH ROW
    WHEN (NEW.redemptions > OLD.redemptions AND NEW.redemptions > NEW.total_redemption_limit)
    EXECUTE FUNCTION promotions_limit_reached();
"""
_POSTGRESQL_BACK = """
DROP TRIGGER promotion_redeemed_within_limit ON promotions_promotion;
DROP FUNCTION promotions_limit_reached();
"""
_SQLITE = """
CREATE TRIGGER promotion_redeemed_within_limit BEFORE UPDATE OF redemptions ON promotions_promotion
    WHEN NEW.redemptions > OLD.redemptions AND NEW.redemptions > NEW.total_redemption_limit
BEGIN SELECT RAISE(ABORT, 'promotion_redeemed_within_limit'); END;
"""
_SQLITE_BACK = "DROP TRIGGER promotion_redeemed_within_limit;"


def guard_total_limit(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse a redemption beyond the limit."""
    schema_editor.execute(_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else _SQLITE, params=None)


def unguard_total_limit(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the guard away."""
    schema_editor.execute(_POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else _SQLITE_BACK)


class Migration(migrations.Migration):
    dependencies = [("promotions", "0005_one_index_for_each_question")]

    operations = [migrations.RunPython(guard_total_limit, unguard_total_limit)]
