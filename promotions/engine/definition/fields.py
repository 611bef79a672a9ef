"""The fields of definitions: types, choices, inserts and limits."""

LOYALTY_TYPES = ("fixed_points", "points_multiplier", "bonus_points", "redeem_offer")
DISCOUNT_TYPES = ("amount", "percentage", "fixed_price", "free_product")
PRICE_ORDERS = ("cheapest", "most_expensive")
CONDITIONS = ("site_rules", "customer_rules", "transaction_rules", "line_item_rules")
LIMITS = ("total_redemption_limit", "customer_redemption_limit")
DISCOUNT_LIMITS = (*LIMITS, "transaction_redemption_limit")
ACTIVITY_INSERTS = ("promotion_name", "currency", "spend", "site_name")
MESSAGE_INSERTS = (
    "promotion_name",
    "short_description",
    "long_description",
    "confirmation_message",
    "terms_and_conditions",
    *(f"{name}_{n}" for name in ("link_url", "anchor_text", "image_url", "alt_text") for n in (1, 2, 3)),
)
MAX_LINKS = 3
MAX_PRODUCT_SETS = 10
MAX_PRODUCTS_IN_SET = 1_000
MAX_APPLICATION_RULES = 10
MAX_UNITS = 1_000_000
MAX_POINTS = 1_000_000_000
MAX_LENGTHS = {"key": 64, "short": 200, "text": 20_000, "url": 2_000}


_OUTCOME_FIELDS = {
    "fixed_points": frozenset({"points"}),
    "points_multiplier": frozenset({"multiplier", "multiplier_scope"}),
    "bonus_points": frozenset({"issue_points_on", "conversion_units", "conversion_points", "whole_ratio_units_only"}),
    "redeem_offer": frozenset({"offer"}),
}
