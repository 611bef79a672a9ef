"""The OpenAPI document: what completes it, and the view that answers it."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from drf_spectacular.views import SpectacularAPIView

from config.openapi_descriptions import FIELDS, FIELDS_OF_SCHEMAS, PARAMETERS, SCHEMAS
from consumers.api.framework.components import (
    TEXT,
    WHOLE,
    described,
    enum,
    named_components,
    reference,
    referenced_name,
)
from consumers.api.framework.query import DeclaredParameters, Parameter
from consumers.api.framework.schema import ERROR, JSON
from consumers.error_codes import error_codes_registered
from consumers.types import JsonMapping, JsonObject

EXAMPLES = Path(__file__).parent / "openapi_examples.json"

_HEADERS: Mapping[str, JsonObject] = {
    "X-Request-Id": described({"schema": TEXT}, "The id of the request, which the log has too."),
    "RateLimit-Policy": described({"schema": TEXT}, "Calls and seconds, as `60000;w=60`. Left out without a limit."),
    "RateLimit-Limit": described({"schema": WHOLE}, "Calls of the key in a minute."),
    "RateLimit-Remaining": described({"schema": WHOLE}, "Calls left in this minute."),
    "RateLimit-Reset": described({"schema": WHOLE}, "Seconds until the next minute."),
    "Retry-After": described({"schema": WHOLE}, "Seconds after which to try again."),
    "WWW-Authenticate": described({"schema": TEXT}, "`Api-Key`."),
}
_ALWAYS = ("X-Request-Id",)
_OF_A_KEY = (*_ALWAYS, "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

_RESPONSES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Refused": ("The call is not valid: `errors` says what is wrong and where.", _OF_A_KEY),
    "Unauthenticated": (
        "The API key is missing, unknown, revoked or expired: `not_authenticated`, `authentication_failed`.",
        (*_ALWAYS, "WWW-Authenticate"),
    ),
    "Forbidden": ("The role of the API key does not allow this call: `permission_denied`.", _OF_A_KEY),
    "NotFound": ("The row does not exist in the account: `not_found`.", _OF_A_KEY),
    "NotAcceptable": ("The `Accept` header does not allow application/json: `not_acceptable`.", _OF_A_KEY),
    "TooLarge": ("The body has too many bytes or rows for one call: `too_large`.", _OF_A_KEY),
    "UnsupportedMediaType": ("The body is not application/json: `unsupported_media_type`.", _OF_A_KEY),
    "Throttled": ("The API key has used its calls for this minute: `throttled`.", (*_OF_A_KEY, "Retry-After")),
    "Unavailable": ("Nothing was changed; try again: `unavailable`.", (*_OF_A_KEY, "Retry-After")),
}


def _headers(names: tuple[str, ...]) -> JsonObject:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _error_codes() -> JsonObject:
    codes = error_codes_registered().values()
    meanings = "\n".join(f"- `{code.code}`: {code.meaning}" for code in codes)
    text = "Stable: match on it, and go by the HTTP status for one that you do not know."
    return described(enum(*(code.code for code in codes)), f"{text}\n\n{meanings}")


def _responses() -> JsonObject:
    return {
        name: {"description": text, "headers": _headers(headers), "content": {JSON: {"schema": ERROR}}}
        for name, (text, headers) in _RESPONSES.items()
    }


def document_completed(result: JsonObject, generator: Any, request: Any, public: bool) -> JsonObject:
    """Return the document with what no single view says: named schemas, answers, headers, enums, examples."""
    components: JsonObject = result["components"]
    schemas: JsonObject = {**named_components(), "ErrorCode": _error_codes(), **components["schemas"]}
    for operation, method in _operations(result):
        if method == "patch":
            media_type = operation["requestBody"]["content"][JSON]
            media_type["schema"] = _patch_of(media_type["schema"], schemas)
        for status, response in operation["responses"].items():
            if "$ref" not in response:
                response["headers"] = _headers(_OF_A_KEY)
            if status.startswith("2") and JSON in response.get("content", {}):
                _name_answer(response["content"][JSON], operation["operationId"], schemas)
    components["headers"] = dict(_HEADERS)
    components["responses"] = _responses()
    _add_examples(result)
    components["schemas"] = {}
    _name_enums(schemas)
    components["schemas"] = {name: schemas[name] for name in sorted(_used_names(result, schemas))}
    _describe(result)
    return result


def _operations(document: JsonObject) -> Iterator[tuple[JsonObject, str]]:
    for path in document["paths"].values():
        for method, operation in path.items():
            yield operation, method


def _name_answer(media_type: JsonObject, operation_id: str, schemas: JsonObject) -> None:
    """Give an answer that is written in place a name."""
    schema = media_type["schema"]
    if "$ref" not in schema:
        name = "".join(word.capitalize() for word in operation_id.split("_")) + "Answer"
        schemas[name] = schema
        media_type["schema"] = reference(name)


def _patch_of(schema: JsonObject, schemas: JsonObject) -> JsonObject:
    """Return what PATCH takes of what PUT takes: every field may be left out, also of objects in it."""
    name = referenced_name(schema)
    if name is None:
        return {
            keyword: [_patch_of(part, schemas) for part in value] if keyword in ("anyOf", "oneOf", "allOf") else value
            for keyword, value in schema.items()
        }
    target = schemas[name]
    if "properties" not in target or name.endswith("Rules"):
        return schema
    patch_name = name.removesuffix("Input") + "Patch"
    if patch_name not in schemas:
        properties = {
            field: inner if field.endswith("rules") else _patch_of(inner, schemas)
            for field, inner in target["properties"].items()
        }
        for field, inner in properties.items():
            properties[field] = {keyword: value for keyword, value in inner.items() if keyword != "default"}
        schemas[patch_name] = {
            **{keyword: value for keyword, value in target.items() if keyword != "required"},
            "properties": properties,
        }
    return {**schema, **reference(patch_name)}


# --- descriptions ---

_ENDS = re.compile(r"(Input|Patch|Row|Answer|Body|Definition)$")


def _describe(document: JsonObject) -> None:
    """Describe the schemas, fields and parameters whose classes do not."""
    for name, schema in document["components"]["schemas"].items():
        stem = _ENDS.sub("", name)
        _set_description(schema, SCHEMAS.get(name, SCHEMAS.get(stem, "")))
        for field, inner in schema.get("properties", {}).items():
            _set_description(inner, FIELDS_OF_SCHEMAS.get(f"{stem}.{field}", FIELDS.get(field, "")))
    for operation, _ in _operations(document):
        for parameter in operation.get("parameters", ()):
            _set_description(parameter, PARAMETERS.get(parameter["name"], ""))


def _set_description(part: JsonObject, text: str) -> None:
    if text and not part.get("description"):
        part["description"] = text


# --- enums ---


@cache
def _enum_names() -> Mapping[tuple[str, ...], str]:
    """Return the named enums by their values."""
    return {tuple(schema["enum"]): name for name, schema in named_components().items() if "enum" in schema}


def _name_enums(schemas: JsonObject) -> None:
    """Replace enums that have a name by references to it."""
    names = _enum_names()

    def named(schema: Any) -> Any:
        if isinstance(schema, list):
            return [named(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        values = schema.get("enum")
        if isinstance(values, list) and tuple(values) in names:
            text = {"description": schema["description"]} if "description" in schema else {}
            return {**reference(names[tuple(values)]), **text}
        return {name: named(value) for name, value in schema.items()}

    for name, schema in schemas.items():
        if "enum" not in schema:
            schemas[name] = named(schema)


def _used_names(document: JsonObject, schemas: JsonObject) -> set[str]:
    """Return the names of the schemas that the operations refer to, also through others."""
    used: set[str] = set()
    left = list(_references(document))
    while left:
        name = left.pop()
        if name not in used:
            used.add(name)
            left += _references(schemas[name])
    return used


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for entry in part:
            yield from _references(entry)
    elif isinstance(part, dict):
        target = part.get("$ref")
        if isinstance(target, str) and target.startswith("#/components/schemas/"):
            yield target.rpartition("/")[2]
        for value in part.values():
            yield from _references(value)


# --- examples ---


@cache
def examples() -> Mapping[str, JsonMapping]:
    """Return recorded calls by operation: ``body``, ``status`` and ``answer``. Tests make each call."""
    calls: dict[str, JsonMapping] = {}
    for call in json.loads(EXAMPLES.read_text()) if EXAMPLES.exists() else ():
        calls.setdefault(call["operation"], call)
    return calls


def _add_examples(document: JsonObject) -> None:
    for operation, _ in _operations(document):
        call = examples().get(operation["operationId"])
        if call is None:
            continue
        if "body" in call and "requestBody" in operation:
            operation["requestBody"]["content"][JSON]["example"] = call["body"]
        content = operation["responses"].get(str(call["status"]), {}).get("content")
        if content and "answer" in call:
            content[JSON]["example"] = call["answer"]


class SchemaView(DeclaredParameters, SpectacularAPIView):
    """The document, in the format that ``?format=`` or the Accept header asks for."""

    parameters = {"GET": (Parameter(name="format"), Parameter(name="lang"))}
