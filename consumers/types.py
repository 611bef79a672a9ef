"""Names for what Django and JSON leave open: any JSON object, any context, any rows."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

JsonObject = dict[str, Any]
"""A JSON object: a body, a stored document, or values by name."""

JsonMapping = Mapping[str, Any]
"""A JSON object that is only read."""

Context = dict[str, Any]
"""The context of a template."""

Rows = QuerySet[Any]
"""Rows of a model that the code does not depend on."""
