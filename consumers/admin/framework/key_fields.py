"""Fields of keys of rows, such as SKUs: a textarea that scripts turn into a search."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.urls import reverse
from unfold.widgets import BASE_INPUT_CLASSES

from consumers.types import JsonMapping


class KeysWidget(forms.Textarea):
    """A textarea of keys, one on each line; scripts turn it into chips and a search among the rows of ``kind``.

    ``names`` are the names of the rows that are chosen already, by key.
    """

    template_name = "admin/widgets/keys.html"

    class Media:
        js = ("js/choice_box.js", "js/choice_keys.js")

    def __init__(self, kind: str, *, noun: str, max_keys: int, attrs: Mapping[str, object] | None = None) -> None:
        super().__init__({"class": " ".join(BASE_INPUT_CLASSES), "rows": 3 if max_keys > 1 else 1, **(attrs or {})})
        self.kind, self.noun, self.max_keys = kind, noun, max_keys
        self.names: Mapping[str, str] = {}

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context: dict[str, object] = super().get_context(name, value, attrs)
        chosen = {key: self.names[key] for key in lines_of(value) if key in self.names}
        return context | {
            "address": reverse("choices_found", args=[self.kind]),
            "noun": self.noun,
            "most": self.max_keys,
            "names": json.dumps(chosen),
        }

    def format_value(self, value: Any) -> str | None:
        return "\n".join(value) if isinstance(value, list | tuple) else value


class KeysField(forms.Field):
    """Keys, one on each line; its cleaned value is their list. The service checks that the rows exist."""

    widget: KeysWidget

    def __init__(self, kind: str, *, noun: str, max_keys: int, attrs: JsonMapping | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(widget=KeysWidget(kind, noun=noun, max_keys=max_keys, attrs=attrs), **kwargs)

    def to_python(self, value: object) -> list[str]:
        return lines_of(value)

    def has_changed(self, initial: object, data: object) -> bool:
        return lines_of(initial) != lines_of(data)


class KeyField(KeysField):
    """One key; its cleaned value is the key or None."""

    def __init__(self, kind: str, *, noun: str, attrs: Mapping[str, object] | None = None, **kwargs: object) -> None:
        super().__init__(kind, noun=noun, max_keys=1, attrs=attrs, **kwargs)

    def clean(self, value: object) -> str | None:
        keys = super().clean(value)
        if len(keys) > 1:
            raise forms.ValidationError("Choose one only.", code="one")
        return keys[0] if keys else None


def lines_of(value: Any) -> list[str]:
    """Return the keys in a field's value."""
    lines = value.splitlines() if isinstance(value, str) else value or []
    return [key for line in lines if (key := line.strip())]
