"""Hold every call that a test makes against the OpenAPI document, on both sides.

Stricter than a client may be: an answer that has a field, a value or a status which the document does not name fails,
and so does a body that is taken though the document says it is not.
"""

import json
import unicodedata
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
from django.urls import Resolver404, resolve
from drf_spectacular.generators import SchemaGenerator

from consumers.api.framework.schema import ERROR

JSON = "application/json"
_NOT_DESCRIBED = {"/api/v1/schema", "/api/v1/docs"}
_NO_OPERATION = {404, 405, 400, 401, 403, 406, 429, 503}
"""What a path or method is answered with that the document does not have."""

_OWN_HEADERS = {"x-request-id", "retry-after", "www-authenticate"} | {
    f"ratelimit-{part}" for part in ("policy", "limit", "remaining", "reset")
}


_generation = Lock()


def document() -> Any:
    """Return the OpenAPI document, also where a test has addresses of its own.

    Tills of a test that call at once wait for each other: the generator takes the views' own schemas for itself.
    """
    with _generation:
        return _generated()


@cache
def _generated() -> Any:
    return SchemaGenerator(urlconf="config.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


def resolved(part: Any) -> Any:
    """Return what a reference of the document refers to."""
    while "$ref" in part:
        target = document()
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def _closed(schema: Any) -> Any:
    """Return a schema whose objects have no fields but those that are named."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed


_COMPONENTS = "urn:components"


def _absolute(part: Any) -> Any:
    """Return a schema whose references lead to the registry's components."""
    if isinstance(part, list):
        return [_absolute(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    return {
        name: f"{_COMPONENTS}{value}" if name == "$ref" and isinstance(value, str) else _absolute(value)
        for name, value in part.items()
    }


@cache
def _registry() -> Any:
    """Hold the components once for all validators, which would each keep a copy of two megabytes."""
    components = {"components": {"schemas": _closed(document()["components"]["schemas"])}}
    return jsonschema_rs.Registry([(_COMPONENTS, components)], draft=jsonschema_rs.Draft202012)


@cache
def _validator(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        _absolute(_closed(json.loads(schema))), registry=_registry(), validate_formats=True
    )


def schema_problems(schema: Any, value: Any) -> list[str]:
    """Return where a value is not what a schema says."""
    validator = _validator(json.dumps(schema))
    return [
        f"{'/'.join(map(str, error.instance_path)) or 'whole'}: {error.message[:300]}"
        for error in validator.iter_errors(value)
    ]


@cache
def _operations_by_route() -> dict[str, Any]:
    return {path.replace("{", "<key:").replace("}", ">").lstrip("/"): path for path in document()["paths"]}


def operation_of(method: str, path: str) -> tuple[str, Any]:
    """Return the path in the document and the operation of a call; no operation where there is none."""
    try:
        route = resolve(unquote(path)).route
    except Resolver404:
        return "", None
    described = _operations_by_route().get(route, "")
    operations = document()["paths"].get(described, {})
    verb = "get" if method == "HEAD" else method.lower()
    if verb not in operations and route.endswith(("/bulk", "/batch")):
        # The row of that key: described at the path of every row.
        name = route.rpartition("/")[0]
        rows = [row for row in document()["paths"] if row.startswith(f"/{name}/{{") and row.count("/") == 4]
        described, operations = (rows[0], document()["paths"][rows[0]]) if rows else ("", {})
    return described, operations.get(verb)


def call_problems(method: str, path: str, sent: bytes, response: Any) -> list[str]:
    """Return what of a call the document does not describe."""
    if not path.startswith("/api/v1/") or path in _NOT_DESCRIBED or response.status_code in (500, 502):
        return []
    _, operation = operation_of(method, path)
    status = response.status_code
    problems: list[str] = []
    schema: Any
    if operation is None:
        if status not in _NO_OPERATION:
            problems.append(f"no operation is described, and yet it answers {status}")
        schema = ERROR
    else:
        answer = operation["responses"].get(str(status))
        if answer is None:
            return [f"the status {status} is not described: {response.content[:300]!r}"]
        answer = resolved(answer)
        problems += _header_problems(answer, response)
        schema = answer.get("content", {}).get(JSON, {}).get("schema")
        if status == 409 and method != "HEAD":
            codes = {error["code"] for error in json.loads(response.content)["errors"]}
            problems += [f"409 {code} is not described" for code in codes if f"`{code}`" not in answer["description"]]
    if method == "HEAD":
        return problems
    if schema is None:
        problems += [f"a body is answered: {response.content[:100]!r}"] if response.content else []
    else:
        problems += [f"answer {status}: {problem}" for problem in schema_problems(schema, json.loads(response.content))]
    if operation is not None and status < 300 and not _is_refused_in_part(response):
        problems += _body_problems(operation, sent)
    return problems


def _header_problems(answer: Any, response: Any) -> list[str]:
    described = {name.lower() for name in answer.get("headers", {})}
    sent = {name.lower() for name in response.headers} & _OWN_HEADERS
    return [f"the header {name} is not described" for name in sorted(sent - described)]


def _is_refused_in_part(response: Any) -> bool:
    """Return whether a batch was answered that has refused baskets."""
    answer = json.loads(response.content or b"{}")
    rows = answer.get("results", ()) if isinstance(answer, dict) else ()
    return any(isinstance(row.get("answer"), dict) and row["status"] >= 400 for row in rows)


def _body_problems(operation: Any, sent: bytes) -> list[str]:
    described = operation.get("requestBody")
    if described is None or not sent:
        return []
    schema = described["content"][JSON]["schema"]
    body = _without_blanks(json.loads(sent))
    return [f"the body was taken, and yet {problem}" for problem in schema_problems(schema, body)]


def _without_blanks(value: Any) -> Any:
    """Return a body as it counts: without blanks around texts, and composed (NFC)."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.strip() or value)
    if isinstance(value, list):
        return [_without_blanks(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _without_blanks(entry) for name, entry in value.items()}
    return value
