"""Count what promotions gave so far, so that a budget set from now on knows it."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from promotions.engine.money import exponent

_FILL = """
UPDATE promotions_promotion SET
    budget_used = CASE WHEN family = 'discount' OR type = 'redeem_offer' THEN given.money ELSE given.points END,
    saving_given = given.money
FROM (
    SELECT a.promotion_id, SUM(a.points) AS points, CAST(SUM(ROUND(a.saving * {scale})) AS bigint) AS money
    FROM loyalty_appliedpromotion a JOIN promotions_promotion p ON p.id = a.promotion_id
    WHERE p.currency = '{currency}' GROUP BY a.promotion_id
) given
WHERE given.promotion_id = promotions_promotion.id
"""


def fill_budgets_used(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add up what is left of every sale, currency by currency: each has its own minor unit."""
    promotion = apps.get_model("promotions", "Promotion")
    for currency in promotion.objects.order_by().values_list("currency", flat=True).distinct():
        scale = 10 ** exponent(currency)
        schema_editor.execute(_FILL.format(scale=scale, currency=currency.replace("'", "''")), params=None)


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0022_offer_funding"), ("promotions", "0013_budgets")]

    operations = [migrations.RunPython(fill_budgets_used, migrations.RunPython.noop)]
