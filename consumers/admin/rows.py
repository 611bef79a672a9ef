"""A field that holds a list of small forms: product sets, rules of repeat behaviour, cards.

Its cleaned value is a list of the rows' cleaned values, without those that were removed or left untouched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.formsets import BaseFormSet, formset_factory
from django.utils.functional import cached_property

Values = list[dict[str, Any]]


class RowForm(forms.Form):
    """One row of a list."""

    use_required_attribute = False

    def as_values(self) -> dict[str, Any]:
        """The row as the field's cleaned value holds it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "DELETE"}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The form's initial values, from a row as the field's value holds it."""
        return dict(values)


class RowsWidget(forms.Widget):
    """Renders the rows, and takes them from what was sent; the bound form set travels as the value."""

    template_name = "admin/widgets/rows.html"

    class Media:
        js = ("js/rows.js", "js/shown.js")

    def __init__(self, *, form_set: "type[BaseFormSet[Any]]", most: int, words: Mapping[str, str]) -> None:
        super().__init__()
        self.form_set, self.most, self.words = form_set, most, words
        self.disabled = False

    def value_from_datadict(self, data: Any, files: Any, name: str) -> "BaseFormSet[Any]":
        # A row that is there was asked for: its blanks are looked at, not passed over.
        return self.form_set(data, files, prefix=name, form_kwargs={"empty_permitted": False})

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-TOTAL_FORMS" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        if isinstance(value, BaseFormSet):
            rows = value
        else:
            form: type[RowForm] = self.form_set.form
            rows = self.form_set(prefix=name, initial=[form.from_values(one) for one in value or []])
        disabled = bool((attrs or {}).get("disabled")) or self.disabled
        if disabled:
            for each in rows:
                for one in each.fields.values():
                    one.disabled = True
        hidden = [form for form in rows if removed(form)]
        context |= {
            "rows": rows,
            "hidden": hidden,
            "has_rows": len(hidden) < len(rows.forms),
            "words": self.words,
            "most": self.most,
            "disabled": disabled,
        }
        return context


def removed(form: Any) -> bool:
    """Whether a row was taken out in the browser."""
    return bool(form.data.get(form.add_prefix("DELETE")))


class RowsBoundField(BoundField):
    """Reads what was sent once, so that errors added to a row stay with it."""

    @cached_property
    def data(self) -> Any:
        return super().data


class RowsField(forms.Field):
    """A list of up to ``most`` rows.

    ``words`` says what the screen says: ``row`` (the name of one), ``add`` (the button) and ``empty`` (what having
    none means).
    """

    widget: RowsWidget

    def __init__(self, *, form: type[RowForm], most: int, words: Mapping[str, str], **kwargs: Any) -> None:
        self.form_set = formset_factory(form, extra=0, can_delete=True, max_num=most, absolute_max=most + 50)
        kwargs.setdefault("required", False)
        super().__init__(widget=RowsWidget(form_set=self.form_set, most=most, words=words), **kwargs)

    def get_bound_field(self, form: Any, field_name: str) -> RowsBoundField:
        return RowsBoundField(form, self, field_name)

    def clean(self, value: Any) -> Values:
        if not isinstance(value, BaseFormSet):
            return list(value or [])
        if not value.is_valid():
            raise forms.ValidationError("Look at the marked rows.", code="rows")
        return [form.as_values() for form in self.kept(value)]

    @staticmethod
    def kept(rows: "BaseFormSet[Any]") -> Sequence[Any]:
        """The rows that count, in the order of the cleaned value."""
        return [form for form in rows if not removed(form)]

    def has_changed(self, initial: Any, data: Any) -> bool:
        if not isinstance(data, BaseFormSet):
            return False
        before = list(initial or [])
        return not data.is_valid() or [form.as_values() for form in self.kept(data)] != before

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else data
