"""The till's bodies and answers for the OpenAPI document, made from the types that decode them."""

from typing import Any

import msgspec

from loyalty.api.v1.till_bodies import ReturnBody, SaleBody, VoidBody

Schema = dict[str, Any]


def _inlined(schema: object, components: Schema) -> Any:
    """Return a schema with its references filled in: the OpenAPI document does not take its components."""
    if isinstance(schema, list):
        return [_inlined(part, components) for part in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _inlined(components[reference], components)
    return {name: _inlined(value, components) for name, value in schema.items()}


def _schema_of(struct: type[msgspec.Struct]) -> Schema:
    (schema,), components = msgspec.json.schema_components((struct,), ref_template="{name}")
    inlined: Schema = _inlined(schema, components)
    return inlined


def _object(**properties: object) -> Schema:
    return {"type": "object", "properties": properties}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


_TEXT = {"type": "string"}
_MONEY = {"type": "string", "description": "In the currency's minor unit, such as 12.50"}
_NUMBER = {"type": "integer"}
_YES_NO = {"type": "boolean"}
_MAYBE_NUMBER = {"type": ["integer", "null"]}
_MAYBE_TEXT = {"type": ["string", "null"]}

SALE_SCHEMA = {"application/json": _schema_of(SaleBody)}
BATCH_SCHEMA = {"application/json": _list(_schema_of(SaleBody))}
RETURN_SCHEMA = {"application/json": _schema_of(ReturnBody)}
VOID_SCHEMA = {"application/json": _schema_of(VoidBody)}
ANSWER_SCHEMA = _object(
    reference=_MAYBE_TEXT,
    currency=_TEXT,
    occurred_at={"type": "string", "format": "date-time"},
    status={"type": "string", "enum": ["quoted", "committed", "partly_returned", "returned", "voided"]},
    total_inc_tax=_MONEY,
    discount_total=_MONEY,
    net_total_inc_tax=_MONEY,
    points=_object(base=_NUMBER, promotion=_NUMBER, total=_NUMBER, balance=_MAYBE_NUMBER),
    lines=_list(
        _object(line_id=_TEXT, total_inc_tax=_MONEY, discount=_MONEY, net_total_inc_tax=_MONEY, base_points=_NUMBER)
    ),
    applied=_list(
        _object(
            promotion=_TEXT,
            version=_MAYBE_NUMBER,
            family=_TEXT,
            type=_TEXT,
            subtype=_TEXT,
            redemptions=_NUMBER,
            points=_NUMBER,
            discount=_MONEY,
            saving=_MONEY,
            lines=_list(_object(line_id=_TEXT, quantity=_TEXT, discount=_MONEY, points=_NUMBER)),
            vouchers=_list(_TEXT),
            confirmation_message=_TEXT,
            content={"type": "object"},
        )
    ),
    vouchers_issued=_list(_object(code=_TEXT, offer=_TEXT, expires_at=_MAYBE_TEXT, last_day=_MAYBE_TEXT)),
    vouchers_refused=_list(_object(code=_TEXT, reason=_TEXT)),
    add_products=_list(_object(discount=_TEXT, sku=_TEXT, quantity=_TEXT)),
    personalized=_list(
        _object(
            backend_id=_TEXT,
            requires_selection=_YES_NO,
            locks_after_first_apply=_YES_NO,
            locked=_YES_NO,
            selected=_list(_TEXT),
        )
    ),
    warnings=_list(_object(code=_TEXT, detail=_TEXT)),
    differences=_list(_object(field=_TEXT, expected={}, got={})),
    held_out=_list(_object(promotion=_TEXT, version=_NUMBER, redemptions=_NUMBER, points=_NUMBER, saving=_MONEY)),
    not_applied=_list(
        _object(
            promotion=_TEXT,
            family=_TEXT,
            reason=_TEXT,
            detail=_TEXT,
            won_by=_list(_TEXT),
            decided_by=_MAYBE_TEXT,
            near_miss={
                "type": ["object", "null"],
                "properties": {
                    "lacking": {"type": "string", "enum": ["spend", "units", "transactions", "rule"]},
                    "amount": _MONEY,
                    "units": _NUMBER,
                    "count": _NUMBER,
                    "rule": {"type": "object"},
                },
            },
        )
    ),
)
RETURN_ANSWER_SCHEMA = {
    **ANSWER_SCHEMA,
    "properties": {
        **ANSWER_SCHEMA["properties"],
        "return_reference": _TEXT,
        "refund_due": _MONEY,
        "not_recovered": _MONEY,
        "reversed": _object(
            points=_NUMBER,
            discount=_MONEY,
            redemptions=_list(_object(promotion=_TEXT, redemptions=_NUMBER)),
            vouchers_cancelled=_list(_TEXT),
            vouchers_already_redeemed=_list(_TEXT),
        ),
    },
}
BATCH_ANSWER_SCHEMA = _object(
    results=_list(_object(reference=_MAYBE_TEXT, status=_NUMBER, answer={"type": "object"})),
)
