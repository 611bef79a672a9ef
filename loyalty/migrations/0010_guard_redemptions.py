"""The database itself keeps what consumers redeem within its bounds.

- A consumer's redemptions do not grow beyond the promotion's limit for each customer; one that was set lower since
  stands in the way of nothing else.
- What a promotion has of a transaction only shrinks, by returns.
- A voucher that paid for a transaction pays for no other before it was given back.

SQLite makes a table anew to change it and forgets its triggers: a migration that alters one of these tables on SQLite
must set them again.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_POSTGRESQL = """
CREATE FUNCTION loyalty_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: row % of %', TG_NAME, NEW.id, TG_TABLE_NAME
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;
CREATE FUNCTION loyalty_guard_customer_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM promotions_promotion
        WHERE id = NEW.promotion_id AND NEW.redemptions > CAST(eligibility->>'customer_redemption_limit' AS bigint);
    IF FOUND THEN
        RAISE EXCEPTION '%: consumer % has no redemption of promotion % left', TG_NAME, NEW.consumer_id, NEW.promotion_id
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER usage_within_customer_limit BEFORE UPDATE OF redemptions ON loyalty_promotionusage FOR EACH ROW
    WHEN (NEW.redemptions > OLD.redemptions) EXECUTE FUNCTION loyalty_guard_customer_limit();
CREATE TRIGGER usage_begun_within_customer_limit BEFORE INSERT ON loyalty_promotionusage FOR EACH ROW
    WHEN (NEW.redemptions > 0) EXECUTE FUNCTION loyalty_guard_customer_limit();
CREATE TRIGGER applied_only_shrinks BEFORE UPDATE ON loyalty_appliedpromotion FOR EACH ROW
    WHEN (NEW.redemptions > OLD.redemptions OR NEW.points > OLD.points) EXECUTE FUNCTION loyalty_guard();
CREATE TRIGGER voucher_pays_once BEFORE UPDATE OF redeemed_by_id ON loyalty_voucher FOR EACH ROW
    WHEN (OLD.redeemed_by_id <> NEW.redeemed_by_id) EXECUTE FUNCTION loyalty_guard();
"""
_POSTGRESQL_BACK = """
DROP TRIGGER usage_within_customer_limit ON loyalty_promotionusage;
DROP TRIGGER usage_begun_within_customer_limit ON loyalty_promotionusage;
DROP TRIGGER applied_only_shrinks ON loyalty_appliedpromotion;
DROP TRIGGER voucher_pays_once ON loyalty_voucher;
DROP FUNCTION loyalty_guard_customer_limit();
DROP FUNCTION loyalty_guard();
"""
_LIMIT = (
    "(SELECT json_extract(eligibility, '$.customer_redemption_limit') FROM promotions_promotion"
    " WHERE id = NEW.promotion_id)"
)
_SQLITE = {
    "usage_within_customer_limit": "UPDATE OF redemptions ON loyalty_promotionusage"
    f" WHEN NEW.redemptions > OLD.redemptions AND NEW.redemptions > {_LIMIT}",
    "usage_begun_within_customer_limit": f"INSERT ON loyalty_promotionusage WHEN NEW.redemptions > {_LIMIT}",
    "applied_only_shrinks": "UPDATE ON loyalty_appliedpromotion"
    " WHEN NEW.redemptions > OLD.redemptions OR NEW.points > OLD.points",
    "voucher_pays_once": "UPDATE OF redeemed_by_id ON loyalty_voucher WHEN OLD.redeemed_by_id <> NEW.redeemed_by_id",
}


def guard_redemptions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse what goes beyond the bounds."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL, params=None)
        return
    for name, when in _SQLITE.items():
        schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{name}'); END;")


def unguard_redemptions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the guards away."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL_BACK)
        return
    for name in _SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name};")


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0009_documents_compressed_fast"),
        ("promotions", "0006_guard_total_limit"),
    ]

    operations = [migrations.RunPython(guard_redemptions, unguard_redemptions)]
