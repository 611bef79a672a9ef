"""The documents of promotions as the OpenAPI document describes them, built from the tables that their checks read.

Each has two components: what a body may say, where nearly everything may be left out, and the normal form that answers
have.
"""

from collections.abc import Mapping

from consumers.api.framework.components import (
    AMOUNT,
    FLAG,
    MOMENT,
    NULL,
    TEXT,
    WHOLE,
    answer_object,
    array,
    body_object,
    component,
    described,
    enum,
    nullable,
    reference,
    text,
    whole,
)
from consumers.types import JsonObject
from promotions.engine.definition.fields import (
    CONDITIONS,
    CONTENT_TEXTS,
    DISCOUNT_LIMITS,
    DISCOUNT_TYPES,
    IGNORES_UNIVERSAL_HOLDOUT,
    LIMIT_PERIOD,
    LIMIT_PERIODS,
    LIMITS,
    LOYALTY_OUTCOME,
    LOYALTY_TYPES,
    MAX_APPLICATION_RULES,
    MAX_KEY_LENGTH,
    MAX_LINKS,
    MAX_NAME_LENGTH,
    MAX_PERIOD,
    MAX_PRODUCT_SETS,
    MAX_PRODUCTS_IN_SET,
    MAX_REDEMPTIONS,
    MAX_SKU_LENGTH,
    MAX_UNITS,
    MAX_URL_LENGTH,
    PRICE_ORDERS,
    WHEN_SHORT,
    FieldKind,
    OutcomeField,
)
from promotions.engine.definition.funding import MAX_PARTIES, MAX_PARTY_LENGTH
from promotions.engine.rules.attributes import ATTRIBUTES, Scope
from promotions.engine.rules.check import MAX_CONDITION_TEXT, MAX_CONDITION_VALUES, MAX_TREE_CONDITIONS, MAX_TREE_DEPTH

NUMBER: JsonObject = {
    "anyOf": [{"type": "string", "pattern": r"^([-+]?[0-9.eE+-]+)?$", "maxLength": 40}, WHOLE],
    "examples": ["12.50"],
}
"""A decimal number in a body. Where it may be left out, an empty text leaves it out too."""

QUANTITY: JsonObject = {"anyOf": [whole(0, MAX_UNITS), {"type": "string", "pattern": "^[0-9]{1,11}$"}]}
"""A number of units in a body; digits in a text are one too."""

_NAMES = {
    Scope.SITE: "Site",
    Scope.CUSTOMER: "Customer",
    Scope.TRANSACTION: "Transaction",
    Scope.LINE_ITEM: "LineItem",
}
EMPTY = component("NoRules", described({"type": "object", "maxProperties": 0}, "No rules: all qualify."))


def _rule_tree(scope: Scope) -> JsonObject:
    """Name the condition and the recursive group of a scope; return the reference to the group."""
    attributes = ATTRIBUTES[scope]
    operators = dict.fromkeys(operator for attribute in attributes.values() for operator in attribute.operators)
    value = {"type": "string", "minLength": 1, "maxLength": MAX_CONDITION_TEXT}
    condition = component(
        f"{_NAMES[scope]}Condition",
        described(
            body_object(
                {
                    "attribute": enum(*attributes),
                    "operator": enum(*operators),
                    "value": {
                        "anyOf": [
                            value,
                            WHOLE,
                            FLAG,
                            array({"anyOf": [value, WHOLE]}, min_items=1, max_items=MAX_CONDITION_VALUES),
                        ],
                        "description": "What the attribute and its operator compare with; a range is a list of two.",
                    },
                },
                required=("attribute", "operator", "value"),
            ),
            f"A condition on a {scope.replace('_', ' ')}.",
        ),
    )
    name = f"{_NAMES[scope]}Rules"
    return component(
        name,
        described(
            body_object(
                {"match": enum("all", "any"), "rules": array({"anyOf": [condition, reference(name)]})},
                required=("match", "rules"),
            ),
            f"All or any of some conditions and further groups: at most {MAX_TREE_CONDITIONS} conditions in all, "
            f"{MAX_TREE_DEPTH} levels deep.",
        ),
    )


TREES: Mapping[Scope, JsonObject] = {scope: _rule_tree(scope) for scope in Scope}
CONDITION_SCOPES = dict(zip(CONDITIONS, Scope, strict=True))

RULES: Mapping[str, JsonObject] = {
    name: {"anyOf": [TREES[scope], NULL], "description": "Rules that must match; null: all qualify."}
    for name, scope in CONDITION_SCOPES.items()
}
"""The trees of an answer, by the name of their field."""
RULES_BODY: Mapping[str, JsonObject] = {
    name: {"anyOf": [TREES[scope], EMPTY, NULL], "description": "Rules that must match; null or empty: all qualify."}
    for name, scope in CONDITION_SCOPES.items()
}
"""The trees of a body, by the name of their field."""
ANY_RULE: JsonObject = {
    "anyOf": [reference(f"{name}{part}") for name in _NAMES.values() for part in ("Condition", "Rules")],
}
"""A condition or group of any scope."""

PRICE_ORDER = component("PriceOrder", enum(*PRICE_ORDERS))
DISCOUNT_TYPE = component("DiscountType", enum(*DISCOUNT_TYPES))
PROMOTION_TYPE = component("PromotionType", enum(*LOYALTY_TYPES))

# --- what both families have ---

LIMIT_BODY = nullable(whole(1, MAX_REDEMPTIONS))
LIMIT = nullable(WHOLE)
PERIOD = described(
    component("LimitPeriod", enum(*LIMIT_PERIODS)),
    "The limit per customer holds over the whole promotion, or over each calendar period at the site.",
)
_WHEN_SHORT = described(
    component("WhenShort", enum(*WHEN_SHORT)),
    "Where less is left than a basket needs: nothing, what is left, or all of it one last time. By default nothing.",
)
_BUDGET_AMOUNT = "Money of a discount, and of vouchers by their perceived value; whole points of the others."
_CAMPAIGN_BUDGET_AMOUNT = (
    "In the account's currency. Points count by the value of a point, vouchers by their perceived value."
)


def _budget(name: str, *, is_body: bool, has_period: bool, amount: str = _BUDGET_AMOUNT) -> JsonObject:
    properties: dict[str, JsonObject] = {"amount": described(NUMBER if is_body else TEXT, amount)}
    if has_period:
        properties["period"] = described(
            component("BudgetPeriod", enum(*LIMIT_PERIODS)),
            "The whole promotion, or the calendar period in the account's time zone that holds the sale.",
        )
    properties["when_short"] = nullable(_WHEN_SHORT) if is_body else _WHEN_SHORT
    words = "How much each customer may get." if has_period else "How much may be given in all."
    if is_body:
        required = tuple(key for key in properties if key != "when_short")
        return nullable(component(f"{name}Input", described(body_object(properties, required=required), words)))
    return nullable(component(name, described(answer_object(properties), words)))


BUDGET = _budget("Budget", is_body=False, has_period=False)
BUDGET_BODY = _budget("Budget", is_body=True, has_period=False)
CUSTOMER_BUDGET = _budget("CustomerBudget", is_body=False, has_period=True)
CUSTOMER_BUDGET_BODY = _budget("CustomerBudget", is_body=True, has_period=True)
CAMPAIGN_BUDGET = _budget("CampaignBudget", is_body=False, has_period=False, amount=_CAMPAIGN_BUDGET_AMOUNT)
CAMPAIGN_BUDGET_BODY = _budget("CampaignBudget", is_body=True, has_period=False, amount=_CAMPAIGN_BUDGET_AMOUNT)
CAMPAIGN_BUDGET_USED: JsonObject = described(
    nullable(AMOUNT), "What its members have given of the budget so far; null without a budget."
)
BUDGET_USED: JsonObject = described(
    {"anyOf": [AMOUNT, WHOLE]}, "What was given so far, in the unit of the budget: an amount of money, or points."
)


def _content(name: str, *, is_body: bool) -> JsonObject:
    def entries(entry: str, field: str) -> JsonObject:
        properties = {
            "url": described(text(max_length=MAX_URL_LENGTH), "The address; it begins with https://."),
            field: text(max_length=MAX_NAME_LENGTH),
        }
        if not is_body:
            return array(component(entry, answer_object(properties)))
        optional = {key: nullable(schema) for key, schema in properties.items()}
        return nullable(array(component(f"{entry}Input", body_object(optional)), max_items=MAX_LINKS))

    texts = {key: text(max_length=max_length) for key, max_length in CONTENT_TEXTS.items()}
    lists = {"links": entries("Link", "anchor_text"), "images": entries("Image", "alt_text")}
    if is_body:
        return component(
            name,
            described(
                body_object({**{key: nullable(schema) for key, schema in texts.items()}, **lists}),
                "What the consumer reads.",
            ),
        )
    return component(name, described(answer_object({**texts, **lists}), "What the consumer reads."))


CONTENT = _content("Content", is_body=False)
CONTENT_BODY = _content("ContentInput", is_body=True)

FUNDING: JsonObject = array(
    component(
        "Funding",
        described(
            answer_object({"party": TEXT, "share": AMOUNT}), "A party that pays, and its share of the cost in per cent."
        ),
    )
)
FUNDING_BODY: JsonObject = nullable(
    array(
        component(
            "FundingInput",
            described(
                body_object(
                    {"party": text(min_length=1, max_length=MAX_PARTY_LENGTH), "share": NUMBER},
                    required=("party", "share"),
                ),
                "A party that pays, and its share of the cost in per cent, above 0. Each party once.",
            ),
        ),
        max_items=MAX_PARTIES,
    )
)

_VERSIONED: Mapping[str, JsonObject] = {
    "family": component("Family", enum("loyalty", "discount")),
    **dict.fromkeys(("code", "subtype", "name", "description", "currency"), TEXT),
    "starts_at": MOMENT,
    "ends_at": nullable(MOMENT),
    "budget": BUDGET,
    "customer_budget": CUSTOMER_BUDGET,
    "funding": FUNDING,
    "ledger_class": TEXT,
}
"""What a version keeps of a promotion beside its documents; ``_LATER`` are missing in versions of before."""
_LATER = frozenset({"budget", "customer_budget", "funding", "ledger_class"})


def _version_object(properties: Mapping[str, JsonObject]) -> JsonObject:
    """Return the schema of what a version says."""
    properties = {**_VERSIONED, **properties}
    return answer_object(properties, required=[name for name in properties if name not in _LATER])


# --- loyalty promotions ---


def _selection(*, is_body: bool) -> JsonObject:
    rules = (RULES_BODY if is_body else RULES)["line_item_rules"]
    match = enum("any", "all")
    if is_body:
        product_set = component(
            "ProductSetInput",
            described(
                body_object(
                    {"name": nullable(text(max_length=MAX_NAME_LENGTH)), "rules": rules, "units": nullable(QUANTITY)}
                ),
                "One set of a product selection.",
            ),
        )
        sets = nullable(array(product_set, max_items=MAX_PRODUCT_SETS))
        selection = body_object({"match": nullable(match), "sets": sets})
    else:
        product_set = component(
            "ProductSet",
            described(answer_object({"name": TEXT, "rules": rules, "units": WHOLE}), "One set of a product selection."),
        )
        selection = answer_object({"match": match, "sets": array(product_set)})
    name = "ProductSelectionInput" if is_body else "ProductSelection"
    return component(name, described(selection, "Which units count. No sets: every unit."))


_APPLY_TO = enum("all", "every", "first")
_PRICE_BY = enum("inc_tax", "ex_tax", "tax")
_QUANTITY_RULE = component(
    "QuantityRule",
    described(answer_object({"apply_to": _APPLY_TO, "units": WHOLE}), "How units make matching sets."),
)
_QUANTITY_RULE_BODY = component(
    "QuantityRuleInput",
    described(body_object({"apply_to": _APPLY_TO, "units": nullable(QUANTITY)}), "How units make matching sets."),
)
_PRICING_RULE = component(
    "PricingRule", described(answer_object({"order": PRICE_ORDER, "by": _PRICE_BY}), "Which units come first.")
)
_PRICING_RULE_BODY = component(
    "PricingRuleInput",
    described(body_object({"order": nullable(PRICE_ORDER), "by": nullable(_PRICE_BY)}), "Which units come first."),
)
_DOCUMENTS: Mapping[str, tuple[JsonObject, JsonObject]] = {
    "product_selection": (_selection(is_body=False), nullable(_selection(is_body=True))),
    "quantity_rule": (nullable(_QUANTITY_RULE), nullable(_QUANTITY_RULE_BODY)),
    "pricing_rule": (nullable(_PRICING_RULE), nullable(_PRICING_RULE_BODY)),
}
_HINTS = {
    "points": "The points of one redemption.",
    "multiplier": "What base points are multiplied by: 1 to 100.",
    "multiplier_scope": "Whether the base points of the basket or of line items are multiplied.",
    "issue_points_on": "Whether points are given for an amount spent or for a number of units.",
    "conversion_units": "The amount spent, or the number of units, that earns `conversion_points`: above 0.",
    "conversion_points": "The points for every `conversion_units`.",
    "whole_ratio_units_only": "Whether only full `conversion_units` earn points; otherwise parts earn their share.",
    "offer": "The code of a personalised offer.",
    "redemption_message": "The HTML of the e-mail to the consumer after a redemption; it is cleaned when it is saved.",
}
"""What a field of an outcome is for."""


def _outcome_field(field: OutcomeField, *, is_body: bool) -> JsonObject:
    types = " and ".join(f"`{name}`" for name in field.types)
    only = f"Only of {types}." if field.types != LOYALTY_TYPES else ""
    hint = " ".join(filter(None, (_HINTS.get(field.name, ""), only)))
    match field.kind:
        case FieldKind.DOCUMENT:
            return _DOCUMENTS[field.name][is_body]
        case FieldKind.WHOLE:
            schema = whole(1, field.highest)
        case FieldKind.FLAG:
            schema = FLAG
        case FieldKind.CHOICE:
            schema = enum(*field.choices)
        case FieldKind.NUMBER:
            schema = NUMBER if is_body else AMOUNT
        case _:
            schema = text(max_length=field.max_length)
    return described(nullable(schema) if is_body else schema, hint)


def _outcome(name: str, *, is_body: bool) -> JsonObject:
    fields = {key: _outcome_field(field, is_body=is_body) for key, field in LOYALTY_OUTCOME.items()}
    if is_body:
        schema = body_object(fields)
    else:
        common = [key for key, field in LOYALTY_OUTCOME.items() if field.types == LOYALTY_TYPES]
        schema = answer_object(fields, required=common)
    return component(name, described(schema, "What the promotion gives. Fields of another type are refused."))


OUTCOME = _outcome("Outcome", is_body=False)
OUTCOME_BODY = _outcome("OutcomeInput", is_body=True)

_MEASURE = enum("transactions", "quantity", "spend")
_UNIT = enum("days", "weeks", "months", "promotion")
_COUNTING = enum("reached", "every")
_APPLICATION_RULE = component(
    "ApplicationRule",
    described(
        answer_object(
            {
                "measure": _MEASURE,
                "threshold": AMOUNT,
                "period": component("Period", answer_object({"unit": _UNIT, "length": nullable(WHOLE)})),
                "line_item_rules": RULES["line_item_rules"],
                "counting": _COUNTING,
            }
        ),
        "What the consumer must have done before.",
    ),
)
_APPLICATION_RULE_BODY = component(
    "ApplicationRuleInput",
    described(
        body_object(
            {
                "measure": _MEASURE,
                "threshold": NUMBER,
                "period": component(
                    "PeriodInput",
                    described(
                        body_object({"unit": _UNIT, "length": nullable(whole(1, MAX_PERIOD))}, required=("unit",)),
                        "The days that the rule looks back over.",
                    ),
                ),
                "line_item_rules": RULES_BODY["line_item_rules"],
                "counting": nullable(_COUNTING),
            },
            required=("measure", "threshold", "period"),
        ),
        "What the consumer must have done before.",
    ),
)
_CONTROL_GROUP = component(
    "ControlGroup", described(answer_object({"group": TEXT, "percentage": AMOUNT}), "Who is held out.")
)
_CONTROL_GROUP_BODY = component(
    "ControlGroupInput",
    described(
        body_object({"group": nullable(text(max_length=MAX_KEY_LENGTH)), "percentage": nullable(NUMBER)}),
        "Who is held out; an empty object holds out nobody.",
    ),
)
ELIGIBILITY = component(
    "Eligibility",
    described(
        answer_object(
            {
                **RULES,
                "application_rules": array(_APPLICATION_RULE),
                "control_group": nullable(_CONTROL_GROUP),
                **dict.fromkeys(LIMITS, LIMIT),
                LIMIT_PERIOD: PERIOD,
                "always_apply": FLAG,
                IGNORES_UNIVERSAL_HOLDOUT: FLAG,
            }
        ),
        "Who gets it, where, when and how often.",
    ),
)
ELIGIBILITY_BODY = component(
    "EligibilityInput",
    described(
        body_object(
            {
                **RULES_BODY,
                "application_rules": nullable(array(_APPLICATION_RULE_BODY, max_items=MAX_APPLICATION_RULES)),
                "control_group": nullable(_CONTROL_GROUP_BODY),
                **dict.fromkeys(LIMITS, LIMIT_BODY),
                LIMIT_PERIOD: nullable(PERIOD),
                "always_apply": nullable(FLAG),
                IGNORES_UNIVERSAL_HOLDOUT: nullable(FLAG),
            }
        ),
        "Who gets it, where, when and how often.",
    ),
)
LOYALTY_DEFINITION = component(
    "PromotionDefinition",
    described(
        _version_object(
            {
                "type": PROMOTION_TYPE,
                "outcome": OUTCOME,
                "eligibility": ELIGIBILITY,
                "content": CONTENT,
            },
        ),
        "What a version of a promotion says.",
    ),
)

# --- discounts ---

_SET_DESCRIPTION = "One product set. Its source is one of `rules`, `products` and `personalized_promotion`."
_SET_HINTS = {
    "products": "The SKUs of the set.",
    "personalized_promotion": "The backend id of the personalized promotion whose lists the set uses.",
    "required_quantity": "How many units must be bought; 1 if neither it nor a spend is given.",
    "required_spend": "How much must be spent, in place of the quantity.",
    "repeats": "Whether the amount is given each time that the spend is reached, each as one redemption. Only with a "
    "`required_spend`, in a discount of type `amount` with no other set, and where all units get the discount. "
    "Left out if it is false.",
    "discounted_quantity": "How many units get the discount; null: the required quantity, or all units if a spend "
    "is required; 0: none.",
    "gets_discount": "Whether the set gets the discount; otherwise it must only be bought. True by default.",
    "default_product": "The SKU that a till may add for free, or that counts until a consumer chooses.",
}


def _hinted(properties: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    return {name: described(schema, _SET_HINTS.get(name, "")) for name, schema in properties.items()}


_SET_OF_ANSWER = _hinted(
    {
        "name": TEXT,
        "rules": RULES["line_item_rules"],
        "products": array(TEXT),
        "personalized_promotion": TEXT,
        "required_quantity": nullable(WHOLE),
        "required_spend": nullable(AMOUNT),
        "gets_discount": FLAG,
        "discounted_quantity": nullable(WHOLE),
        "default_product": nullable(TEXT),
        "repeats": FLAG,
    }
)
PRODUCT_SETS = array(
    component(
        "DiscountSet",
        described(
            answer_object(
                _SET_OF_ANSWER,
                required=set(_SET_OF_ANSWER) - {"rules", "products", "personalized_promotion", "repeats"},
            ),
            _SET_DESCRIPTION,
        ),
    )
)
PRODUCT_SETS_BODY = array(
    component(
        "DiscountSetInput",
        described(
            body_object(
                _hinted(
                    {
                        "name": nullable(text(max_length=MAX_NAME_LENGTH)),
                        "rules": RULES_BODY["line_item_rules"],
                        "products": nullable(
                            array(text(min_length=1, max_length=MAX_SKU_LENGTH), max_items=MAX_PRODUCTS_IN_SET)
                        ),
                        "personalized_promotion": nullable(text(max_length=MAX_KEY_LENGTH)),
                        "required_quantity": nullable(QUANTITY),
                        "required_spend": nullable(NUMBER),
                        "gets_discount": nullable(FLAG),
                        "discounted_quantity": nullable(QUANTITY),
                        "default_product": nullable(text(max_length=MAX_SKU_LENGTH)),
                        "repeats": nullable(FLAG),
                    }
                )
            ),
            _SET_DESCRIPTION,
        ),
    ),
    min_items=1,
    max_items=MAX_PRODUCT_SETS,
)
CONDITIONS_OF_DISCOUNT = component(
    "Conditions", described(answer_object(dict(RULES)), "Who gets it, where and in which transactions.")
)
DISCOUNT_DEFINITION = component(
    "DiscountDefinition",
    described(
        _version_object(
            {
                "discount_type": DISCOUNT_TYPE,
                "value": nullable(AMOUNT),
                "maximum_discount": nullable(AMOUNT),
                "price_order": PRICE_ORDER,
                "product_sets": PRODUCT_SETS,
                "conditions": CONDITIONS_OF_DISCOUNT,
                **dict.fromkeys(DISCOUNT_LIMITS, LIMIT),
                LIMIT_PERIOD: PERIOD,
                "always_apply": FLAG,
                IGNORES_UNIVERSAL_HOLDOUT: FLAG,
                "content": CONTENT,
            }
        ),
        "What a version of a discount says.",
    ),
)
