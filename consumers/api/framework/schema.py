"""How the OpenAPI document describes these views."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from consumers.api.framework.serializers import BulkAnswer, Output
from consumers.types import JsonMapping, JsonObject

KEY_TEXT = "The key of the row. A slash in it is sent as %2F."


class ErrorItem(Output):
    """One thing that was wrong."""

    code = serializers.CharField(help_text="Stable: match on this.")
    detail = serializers.CharField(help_text="For people.")
    attr = serializers.CharField(allow_null=True, help_text="Path of the field, as lines.0.sku")


class ErrorAnswer(Output):
    """Every answer from 400 on."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorItem(many=True)  # type: ignore[assignment]


ERRORS = {
    "400": "The request does not hold: errors says where.",
    "401": "No key, or one that is unknown, revoked or expired.",
    "403": "The key's role may not do this.",
    "404": "There is no such row in this account.",
    "409": "The state of things forbids it.",
    "413": "More bytes or rows than are taken at once.",
    "415": "The body is not application/json.",
    "429": "Too many calls; Retry-After says when.",
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Api-Key <key>``."""

    target_class = "consumers.api.framework.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> JsonObject:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Api-Key, a blank, and the key.",
        }


class ApiSchema(AutoSchema):
    """Reads ``input_class`` and ``output_class`` of the view, and adds the one error document to every operation."""

    def get_tags(self) -> list[str]:
        return [self._tokenize_path()[0]]

    def is_excluded(self) -> bool:
        # The bulk path answers the other methods too, for a row whose key is "bulk".
        return self._action() != "bulk" and getattr(self.view, "bulk_path", False)

    def get_override_parameters(self) -> list[Any]:
        declared = getattr(self.view, "parameters", {})
        return [parameter.described() for parameter in declared.get(self.method, ())]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.method == "GET" and (self._action() == "list" or getattr(self.view, "is_list", False))

    def get_request_serializer(self) -> Any:
        input_class = getattr(self.view, "input_class", None)
        if input_class is None or self.method not in ("PUT", "PATCH", "POST"):
            return None
        if self._action() == "bulk":
            return self.view.row_class()(many=True)  # type: ignore[attr-defined]
        return input_class(partial=self.method == "PATCH")

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
        return output_class

    def _action(self) -> str:
        return getattr(self.view, "action", None) or ""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> JsonObject:
        responses: JsonObject = super()._get_response_bodies(direction=direction)
        if direction != "response":
            return responses
        for code, text in ERRORS.items():
            if code not in responses and self._may_answer(code):
                body: JsonObject = self._get_response_for_code(ErrorAnswer, code)  # type: ignore[no-untyped-call]
                responses[code] = {**body, "description": text}
        return dict(sorted(responses.items()))

    def _may_answer(self, code: str) -> bool:
        if code in ("413", "415"):
            return self.method in ("PUT", "PATCH", "POST")
        if code == "409":
            return self.method != "GET"
        return True

    def _resolve_path_parameters(self, variables: list[str]) -> list[JsonMapping]:
        name = getattr(self.view, "key_name", None)
        described = {"type": "string", "minLength": 1}
        return [
            {
                "in": "path",
                "name": variable,
                "required": True,
                "schema": described,
                **({"description": KEY_TEXT} if variable == name else {}),
            }
            for variable in variables
        ]
