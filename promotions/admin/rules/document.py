"""Definitions field by field in words, for histories and versions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from consumers.admin.framework.formatting import format_moment
from consumers.types import JsonMapping
from promotions.admin.rules.phrases import describe_tree
from promotions.admin.rules.wording import SCOPES, describe_value, label_of

MOMENTS = frozenset({"starts_at", "ends_at"})
CODED = frozenset(
    {
        "apply_to",
        "by",
        "counting",
        "customer_limit_period",
        "family",
        "issue_points_on",
        "match",
        "measure",
        "multiplier_scope",
        "order",
        "price_order",
        "subtype",
        "type",
        "unit",
    }
)
"""Fields whose values are codes."""


def describe_document(document: JsonMapping, *, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield a label and words for each field of a document that is not empty; ``before`` is the label above them."""
    for name, value in document.items():
        label = f"{before} · {label_of(name)}" if before else label_of(name)
        if name in SCOPES:
            yield label, describe_tree(value, SCOPES[name])
        elif isinstance(value, Mapping):
            yield from describe_document(value, before=label)
        elif isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value):
            for number, inner in enumerate(value, start=1):
                yield from describe_document(inner, before=f"{label} {number}")
        elif name in MOMENTS and value:
            yield label, format_moment(datetime.fromisoformat(value))
        elif name in CODED and value:
            yield label, label_of(value)
        elif value not in (None, "", [], ()):
            yield label, describe_value(value)
