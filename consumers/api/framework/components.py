"""Schemas of the OpenAPI document that are written by hand, because no serializer has their shape.

A part of a body that a service checks (a rule tree, an outcome) is described beside the code of its call::

    RULES = component("SiteRules", body_object({"match": enum("all", "any"), …}, required=("match", "rules")))

``component`` gives it a name in the document and returns the reference to it. Only what some call refers to is in the
document.
"""

from collections.abc import Iterable, Mapping

from consumers.types import JsonMapping, JsonObject

_REFERENCE = "#/components/schemas/"
_components: dict[str, JsonObject] = {}

TEXT: JsonObject = {"type": "string"}
FLAG: JsonObject = {"type": "boolean"}
WHOLE: JsonObject = {"type": "integer"}
DATE: JsonObject = {"type": "string", "format": "date"}
MOMENT: JsonObject = {"type": "string", "format": "date-time"}
NULL: JsonObject = {"type": "null"}
AMOUNT: JsonObject = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["12.50"]}
"""A decimal number in an answer."""


def component(name: str, schema: JsonObject) -> JsonObject:
    """Name a schema in the document; return the reference to it."""
    _components[name] = schema
    return reference(name)


def named_components() -> Mapping[str, JsonObject]:
    """Return every schema that was named, by name."""
    return _components


def reference(name: str) -> JsonObject:
    """Return the reference to a named schema."""
    return {"$ref": f"{_REFERENCE}{name}"}


def referenced_name(schema: JsonMapping) -> str | None:
    """Return the name of the schema that a reference refers to; None for a schema of another kind."""
    target = schema.get("$ref")
    return target.removeprefix(_REFERENCE) if isinstance(target, str) else None


def described(schema: JsonMapping, text: str) -> JsonObject:
    """Return a schema with a description."""
    return {**schema, "description": text} if text else dict(schema)


def nullable(schema: JsonMapping) -> JsonObject:
    """Return a schema that also admits null."""
    if NULL in schema.get("anyOf", ()) or "null" in schema.get("type", ()):
        return dict(schema)
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [dict(schema), NULL]}


def text(*, max_length: int, min_length: int = 0) -> JsonObject:
    """Return the schema of a text."""
    return {"type": "string", **({"minLength": min_length} if min_length else {}), "maxLength": max_length}


def whole(lowest: int, highest: int) -> JsonObject:
    """Return the schema of a whole number from ``lowest`` to ``highest``."""
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def enum(*values: str) -> JsonObject:
    """Return the schema of one of some texts."""
    return {"type": "string", "enum": list(values)}


def array(items: JsonMapping, *, max_items: int | None = None, min_items: int = 0) -> JsonObject:
    """Return the schema of a list."""
    return {
        "type": "array",
        "items": dict(items),
        **({"minItems": min_items} if min_items else {}),
        **({} if max_items is None else {"maxItems": max_items}),
    }


def body_object(properties: Mapping[str, JsonObject], *, required: Iterable[str] = ()) -> JsonObject:
    """Return the schema of an object of a body: other fields are refused."""
    return {**answer_object(properties, required=required), "additionalProperties": False}


def answer_object(properties: Mapping[str, JsonObject], *, required: Iterable[str] | None = None) -> JsonObject:
    """Return the schema of an object of an answer, by default with all of its fields."""
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), **({"required": names} if names else {})}
