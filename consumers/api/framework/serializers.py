"""Shapes of bodies and answers."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from consumers.exceptions import MAX_PROBLEMS
from consumers.types import JsonObject


class Input(serializers.Serializer[Any]):
    """A JSON object of a body: its shape, with unknown fields refused by name.

    Fields left out take their ``default``. What the values mean (references, cross-field rules) is the service's.
    ``read_only_names`` are fields of the answer that a client may send back unchanged; they are not looked at.
    """

    read_only_names: frozenset[str] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError({"": [ErrorDetail("Must be an object.", code="invalid")]})
        unknown = (name for name in data if name not in self.fields and name not in self.read_only_names)
        errors: JsonObject = {
            str(name): [ErrorDetail("Unknown field.", code="unknown_field")] for name in islice(unknown, MAX_PROBLEMS)
        }
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise ValidationError({**error.detail, **errors}) from error
        if errors:
            raise ValidationError(errors)
        return values


class Output(serializers.Serializer[Any]):
    """A JSON object of an answer."""


class BulkAnswer(Output):
    """What a bulk call wrote."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
