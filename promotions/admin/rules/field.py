"""The form field of a rule tree: JSON that the rule builder writes; the service that saves the promotion checks it."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

from django import forms
from unfold.widgets import BASE_INPUT_CLASSES

from consumers.exceptions import Problem
from consumers.types import JsonObject
from promotions.admin.rules.phrases import describe_tree
from promotions.admin.rules.wording import EMPTY, KINDS, OPERATORS, UNREADABLE
from promotions.engine.rules.attributes import ATTRIBUTES, Scope

EXAMPLES: dict[Scope, JsonObject] = {
    Scope.SITE: {"match": "any", "rules": [{"attribute": "town", "operator": "is_any_of", "value": ["Leeds", "York"]}]},
    Scope.CUSTOMER: {
        "match": "all",
        "rules": [
            {"attribute": "is_loyalty_member", "operator": "is", "value": True},
            {"attribute": "birthday", "operator": "is_this_month", "value": True},
        ],
    },
    Scope.TRANSACTION: {
        "match": "all",
        "rules": [
            {"attribute": "total_inc_tax", "operator": "is_at_least", "value": "25.00"},
            {"attribute": "transaction_weekday", "operator": "is_any_of", "value": ["saturday", "sunday"]},
        ],
    },
    Scope.LINE_ITEM: {
        "match": "any",
        "rules": [
            {"attribute": "category", "operator": "is", "value": "Tea"},
            {"attribute": "product_brand", "operator": "is", "value": "Acme"},
        ],
    },
}


class RulesWidget(forms.Textarea):
    """A textarea of a tree's JSON with its reference; scripts turn it into the rule builder."""

    template_name = "admin/widgets/rules.html"

    class Media:
        js = ("js/choice_box.js", "js/rule_builder.js")

    def __init__(self, scope: Scope, *, empty: str, suggested: Sequence[str]) -> None:
        super().__init__(
            {
                "class": f"{' '.join(BASE_INPUT_CLASSES)} rules-text",
                "rows": 4,
                "spellcheck": "false",
            }
        )
        self.scope, self.empty, self.suggested = scope, empty, suggested

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context: dict[str, object] = super().get_context(name, value, attrs)
        return context | {
            "scope": self.scope,
            "empty": self.empty,
            "suggested": " ".join(self.suggested),
            "in_words": self.in_words(value),
            "example": json.dumps(EXAMPLES[self.scope], indent=2),
            "example_text": describe_tree(EXAMPLES[self.scope], self.scope),
            "attributes": [
                {
                    "name": attribute.name,
                    "label": attribute.label,
                    "needs_catalogue": not attribute.without_catalogue,
                    "value": attribute.unit or KINDS[attribute.kind],
                    "operators": [(operator.value, OPERATORS[operator]) for operator in attribute.operators],
                }
                for attribute in ATTRIBUTES[self.scope].values()
            ],
        }

    def in_words(self, value: Any) -> str:
        """Return the field's tree in words; empty if it cannot be read."""
        try:
            tree = json.loads(value or "null")
            return describe_tree(tree, self.scope) if tree else ""
        except UNREADABLE:
            return ""


class RulesField(forms.Field):
    """A rule tree of one scope; its cleaned value is the tree as it was entered, or None.

    The field checks only that it is JSON: the tree is checked with the rest of the promotion, in one place. An empty
    tree shows a condition of each of the ``suggested`` attributes, ready for its value; without one it is no rule.
    """

    widget: RulesWidget

    def __init__(self, scope: Scope, *, empty: str = "", suggested: Sequence[str] = (), **kwargs: Any) -> None:
        self.scope = scope
        kwargs.setdefault("required", False)
        super().__init__(widget=RulesWidget(scope, empty=empty or EMPTY[scope], suggested=suggested), **kwargs)

    def to_python(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            # Decimals stay exact: 12.50 is the same as "12.50".
            return json.loads(value, parse_float=Decimal, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(
                f"This is not valid JSON: {error.msg} at line {error.lineno}, character {error.colno}.", code="json"
            ) from error
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError("This is not valid JSON.", code="json") from error

    def prepare_value(self, value: object) -> object:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def has_changed(self, initial: object, data: object) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def problem_in_tree(problem: Problem, *, at: str) -> str:
    """Describe a problem inside a tree with its place: the third rule of the first group is rule 1.3."""
    place = (problem.attr or "").removeprefix(at).strip(".")
    numbers = [str(int(part) + 1) for part in place.split(".") if part.isdigit()]
    parts = [part for part in place.split(".") if part in ("attribute", "operator", "value", "match")]
    if not numbers:
        return problem.detail
    return f"Rule {'.'.join(numbers)}{f', {parts[-1]}' if parts else ''}: {problem.detail}"
