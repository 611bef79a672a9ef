"""A select with the button that adds a row in a window of its own, and then selects it."""

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib.admin import site
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Model

from consumers.types import JsonMapping


@dataclass(frozen=True, kw_only=True)
class _KeyedRelation:
    """A relation by a key, as Django's wrapper of the select wants it: the table, and the column of the key."""

    model: type[Model]
    key: str
    limit_choices_to: JsonMapping = field(default_factory=dict)

    def get_related_field(self) -> Any:
        """Return the column that the field holds."""
        return self.model._meta.get_field(self.key)


def related_select(widget: forms.Select, model: type[Model], *, key: str) -> RelatedFieldWidgetWrapper:
    """Return ``widget``, whose values are the ``key`` of rows of ``model``, with the button that adds a row."""
    relation: Any = _KeyedRelation(model=model, key=key)
    wrapper = RelatedFieldWidgetWrapper(widget, relation, site, can_add_related=True, can_change_related=False)
    wrapper.template_name = "unfold/widgets/related_widget_wrapper.html"
    return wrapper
