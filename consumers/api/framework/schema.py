"""How the OpenAPI document describes these views."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from consumers.api.framework.components import (
    TEXT,
    answer_object,
    array,
    component,
    described,
    enum,
    nullable,
    reference,
)
from consumers.api.framework.serializers import BulkAnswer, Input, Output
from consumers.types import JsonMapping, JsonObject

KEY_TEXT = "The key of the row. Send a slash in it as %2F."
JSON = "application/json"

ERROR = component(
    "Error",
    described(
        answer_object(
            {
                "type": enum("validation_error", "client_error", "server_error"),
                "errors": array(
                    component(
                        "ErrorItem",
                        described(
                            answer_object(
                                {
                                    "code": reference("ErrorCode"),
                                    "detail": described(TEXT, "For people; its wording may change."),
                                    "attr": described(
                                        nullable(TEXT),
                                        "The path of the field, such as lines.0.sku; null if no single field is wrong.",
                                    ),
                                }
                            ),
                            "One thing that was wrong.",
                        ),
                    ),
                    min_items=1,
                ),
            }
        ),
        "The answer of every refusal (status 400 and above). A refused call has changed nothing.",
    ),
)
"""The answer to a call that was refused. Who knows all codes names the component ``ErrorCode``."""

_WORDS = {"list": "List", "retrieve": "Read", "replace": "Create or replace", "change": "Change", "destroy": "Delete"}
_VERBS = {"get": "get", "put": "replace", "patch": "change", "delete": "delete", "post": "create"}
_CALLS = {"bulk", "batch", "evaluate", "void", "stop", "duplicate"}
"""Ends of paths that name what a POST does."""


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Api-Key <key>``."""

    target_class = "consumers.api.framework.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> JsonObject:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key`, a space, and the key.",
        }


class ApiSchema(AutoSchema):
    """Reads what a view declares: its input and output classes, its parameters, whom it is open to, what it refuses."""

    # --- the operation ---

    def is_excluded(self) -> bool:
        # These paths answer other methods too, for a row whose key is "bulk" or "batch".
        return self._action() != "bulk" and self.method != "POST" and self.path.endswith(("/bulk", "/batch"))

    def get_tags(self) -> list[str]:
        return [self._tokenize_path()[0]]

    def get_operation_id(self) -> str:
        words = [word.replace("-", "_") for word in self._tokenize_path()]
        verb = "list" if self._is_list_view() else _VERBS[self.method.lower()]
        is_named = self.method == "POST" and words[-1] in _CALLS
        return "_".join(words if is_named else [*words, verb])

    def get_summary(self) -> str:
        tag = self.get_tags()[0].replace("-", " ")
        noun = tag.removesuffix("s")
        action = self._action()
        if action == "list":
            return f"List {tag}"
        if action == "bulk":
            return f"Create or replace many {tag}"
        if action in _WORDS:
            return f"{_WORDS[action]} {'an' if noun[0] in 'aeiou' else 'a'} {noun}"
        return re.split(r"[.:;(](?=\s|$)|,(?=\s)| \(", self.get_description(), maxsplit=1)[0].replace("``", "").strip()

    def get_description(self) -> str:  # type: ignore[override]
        text: str = super().get_description()
        return text.replace("``", "`")

    def _action(self) -> str:
        return getattr(self.view, "action", None) or ""

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.method == "GET" and (self._action() == "list" or getattr(self.view, "is_list", False))

    # --- parameters ---

    def _get_parameters(self) -> list[JsonObject]:
        names = re.findall(r"{(\w+)}", self.path)
        declared = self.view.declared_parameters(self.method, is_list=self._is_list_view())  # type: ignore[attr-defined]
        return [*map(self._path_parameter, names), *(parameter.described() for parameter in declared)]

    def _path_parameter(self, name: str) -> JsonObject:
        is_key = name == getattr(self.view, "key_name", None)
        key_field = getattr(self.view, "key_field", None) if is_key else None
        schema: JsonObject = {"type": "string", "minLength": 1}
        if key_field is not None:
            schema["maxLength"] = key_field.max_length
        return {"in": "path", "name": name, "required": True, "schema": schema, "description": KEY_TEXT}

    # --- bodies ---

    def get_request_serializer(self) -> Any:
        input_class = getattr(self.view, "input_class", None)
        if input_class is None or self.method not in ("PUT", "PATCH", "POST"):
            return None
        row_class = getattr(self.view, "row_class", None)
        if self._action() == "bulk" and row_class is not None:
            return row_class()(many=True)
        # What PATCH takes is derived from what PUT takes, once the document is complete.
        return input_class()

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> JsonObject | None:
        serializer = self.get_request_serializer()
        if serializer is None:
            return None
        method, self.method = self.method, "PUT"  # also of a PATCH, whose body is derived later
        try:
            shape = serializer.get(JSON) if isinstance(serializer, dict) else serializer
            schema, _ = self._get_request_for_media_type(shape, direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method
        max_rows = getattr(self.view, "max_rows", None) or getattr(self.view, "max_bulk_rows", None)
        if schema.get("type") == "array" and max_rows:
            schema = {**schema, "maxItems": max_rows}
        return {"content": {JSON: {"schema": schema}}, "required": not getattr(self.view, "is_body_optional", False)}

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return type(serializer).__name__.removesuffix("Output")

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    # --- answers ---

    def get_response_serializers(self) -> Any:
        if self.method == "DELETE":
            return {204: None}
        if self._action() == "bulk":
            return {200: BulkAnswer}
        if hasattr(self.view, "output_schema"):
            return {200: self.view.output_schema()}
        output_class = getattr(self.view, "output_class", None)
        if self._action() == "replace":
            return {200: output_class, 201: output_class}
        is_created = self.method == "POST" and getattr(self.view, "answers_created", False)
        return {201 if is_created else 200: output_class}

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> JsonObject:
        responses: JsonObject = super()._get_response_bodies(direction=direction)
        for status, response in responses.items():
            response["description"] = _ANSWERS.get(status, "The answer.")
        for status in self._error_statuses():
            responses[status] = {"$ref": f"#/components/responses/{_ERRORS[status]}"}
        if codes := self._conflict_codes():
            text = f"The current state does not allow it: {', '.join(f'`{code}`' for code in codes)}."
            responses["409"] = {"description": text, "content": {JSON: {"schema": ERROR}}}
        return dict(sorted(responses.items()))

    def _error_statuses(self) -> Iterator[str]:
        """Yield the statuses of refusals whose answers have a name."""
        yield from ("400", "401", "406", "429", "503")
        if self.method not in getattr(self.view, "till_methods", ()):
            yield "403"
        if "{" in self.path and self._action() != "replace":
            yield "404"
        if self._get_request_body() is not None:
            yield from ("413", "415")

    def _conflict_codes(self) -> tuple[str, ...]:
        codes: tuple[str, ...] = getattr(self.view, "conflict_codes", {}).get(self.method, ())
        return codes

    # --- shapes ---

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> JsonObject:
        written = getattr(field, "json_schema", None)
        if written is not None:
            schema: JsonObject = written()
        elif isinstance(field, serializers.ChoiceField):
            schema = {"type": "string", "enum": [*field.choices, *([""] if field.allow_blank else [])]}
        else:
            schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
            # Every field of an answer is read only.
            schema.pop("readOnly", None)
            return schema
        if field.allow_null:
            schema = nullable(schema)
        if field.default not in (None, serializers.empty) and not callable(field.default):
            schema["default"] = field.default
        return described(schema, str(field.help_text or ""))

    def _insert_field_validators(self, field: Any, schema: JsonObject) -> None:
        if not hasattr(field, "json_schema"):
            super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> JsonObject:
        schema: JsonObject = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(serializer, Output):
            for property_schema in schema.get("properties", {}).values():
                property_schema.pop("default", None)
            return {**schema, "required": list(schema.get("properties", {}))}
        if isinstance(serializer, Input):
            required = [field.field_name for field in serializer.fields.values() if _is_required(field)]
            if required:
                schema["required"] = required
            properties = {**schema.get("properties", {}), **self._ignored_properties(serializer)}
            return {**schema, "properties": properties, "additionalProperties": False}
        return schema

    def _ignored_properties(self, serializer: Input) -> JsonObject:
        """Return what a client may send back as it was answered: the key, and fields that are only read."""
        output_class = getattr(self.view, "output_class", None)
        is_of_view = type(serializer) in (getattr(self.view, "input_class", None), self._row_class())
        if output_class is None or not is_of_view or (self.method == "POST" and self._action() != "bulk"):
            return {}
        fields: JsonObject = dict(output_class().fields)
        own = {str(name) for name in serializer.fields}
        ignored = {
            name: {**self._map_serializer_field(field, "response"), "readOnly": True}
            for name, field in fields.items()
            if name not in own
        }
        key = getattr(self.view, "key_name", None)
        if key in ignored:
            ignored[key] = described(
                {**ignored[key], "readOnly": False}, "The key, the same as in the path; it may be left out."
            )
            del ignored[key]["readOnly"]
        return {
            name: described(schema, schema.get("description", "Read only: ignored if it is sent."))
            for name, schema in ignored.items()
        }

    def _row_class(self) -> type[Input] | None:
        row_class = getattr(self.view, "row_class", None)
        has_input = getattr(self.view, "input_class", None) is not None
        return row_class() if row_class is not None and has_input else None


def _is_required(field: Any) -> bool:
    return field.required or getattr(field, "is_required_in_document", False)


_ANSWERS = {"200": "The result.", "201": "Created.", "204": "Deleted."}
_ERRORS: JsonMapping = {
    "400": "Refused",
    "401": "Unauthenticated",
    "403": "Forbidden",
    "404": "NotFound",
    "406": "NotAcceptable",
    "413": "TooLarge",
    "415": "UnsupportedMediaType",
    "429": "Throttled",
    "503": "Unavailable",
}
"""The named answers of refusals, by status."""
