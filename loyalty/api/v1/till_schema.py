"""The till's bodies and answers as components of the OpenAPI document, made from the types that decode them."""

from typing import Any

import msgspec

from consumers.api.framework.components import array, component, reference
from consumers.lengths import MAX_REFERENCE_LENGTH
from consumers.types import JsonObject
from loyalty.api.v1.till_answers import BatchAnswers, Decision, ReturnAnswer, TransactionAnswer
from loyalty.api.v1.till_bodies import ReturnBody, SaleBody, VoidBody

_TYPES: tuple[type[msgspec.Struct], ...] = (
    SaleBody,
    ReturnBody,
    VoidBody,
    Decision,
    TransactionAnswer,
    ReturnAnswer,
    BatchAnswers,
)


def _plain(schema: Any) -> Any:
    """Return a schema without what generators of clients do not need: titles, defaults of null, types beside names."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {name: schema[name] for name in ("$ref", "description") if name in schema}
    plain = {name: _plain(value) for name, value in schema.items() if name != "title" or isinstance(value, dict)}
    if plain.get("default", "") is None:
        del plain["default"]
    if plain.get("required") == []:
        del plain["required"]
    return plain


def _components() -> None:
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    for name, schema in schemas.items():
        component(name, _plain(schema))
    # A quote needs no reference; a commit does.
    sale = _plain(schemas[SaleBody.__name__])
    reference_text = {"type": "string", "minLength": 1, "maxLength": MAX_REFERENCE_LENGTH}
    properties = {**sale["properties"], "reference": reference_text}
    required = [*sale["required"], "reference"]
    description = "A paid basket to commit."
    component("TransactionBody", {**sale, "description": description, "properties": properties, "required": required})


def _body(struct: type[msgspec.Struct]) -> JsonObject:
    return {"application/json": reference(struct.__name__)}


_components()

SALE_SCHEMA = _body(SaleBody)
TRANSACTION_SCHEMA = {"application/json": reference("TransactionBody")}
BATCH_SCHEMA = {"application/json": array(reference("TransactionBody"))}
RETURN_SCHEMA = _body(ReturnBody)
VOID_SCHEMA = _body(VoidBody)
QUOTE_ANSWER = reference(Decision.__name__)
TRANSACTION_ANSWER = reference(TransactionAnswer.__name__)
RETURN_ANSWER = reference(ReturnAnswer.__name__)
BATCH_ANSWER = reference(BatchAnswers.__name__)
