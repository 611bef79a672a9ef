"""A field that holds a list of small forms: product sets, rules of repeat behaviour, cards.

Its cleaned value is a list of the rows' cleaned values, without those that were removed. Rows are added by script;
where there are none, a few spare rows stand below, and those left untouched are passed over.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.formsets import BaseFormSet, formset_factory
from django.utils.functional import cached_property

Values = list[dict[str, Any]]
SPARE_ROWS = 3

if TYPE_CHECKING:
    FormSet = BaseFormSet[Any]
else:
    FormSet = BaseFormSet


class RowForm(forms.Form):
    """One row of a list."""

    use_required_attribute = False

    def as_values(self) -> dict[str, Any]:
        """The row as the field's cleaned value holds it."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("DELETE", "ORDER")}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The form's initial values, from a row as the field's value holds it."""
        return dict(values)


class RowsFormSet(FormSet):
    """The rows of one field."""

    def _should_delete_form(self, form: Any) -> bool:
        return removed(form)

    def shown(self) -> list[Any]:
        """The rows in the order that was chosen."""
        return sorted(self.forms, key=position)

    def spare(self) -> list[Any]:
        """Blank rows behind those that are there."""
        count, most = self.total_form_count(), self.max_num
        forms = []
        for index in range(count, min(count + SPARE_ROWS, max(count, most))):
            form = self.form(prefix=self.add_prefix(index), **self.get_form_kwargs(None))
            self.add_fields(form, None)
            forms.append(form)
        return forms


class RowsWidget(forms.Widget):
    """Renders the rows, and takes them from what was sent; the bound form set travels as the value."""

    template_name = "admin/widgets/rows.html"

    def __init__(
        self,
        *,
        form_set: type[RowsFormSet],
        most: int,
        words: Mapping[str, str],
        adding: Mapping[str, Mapping[str, str]],
    ) -> None:
        super().__init__()
        self.form_set, self.most, self.words, self.adding = form_set, most, words, adding
        self.disabled = False
        self.row_kwargs: dict[str, Any] = {}

    @property
    def media(self) -> forms.Media:
        of_rows: forms.Media = self.form_set.form().media
        return forms.Media(js=("js/rows.js", "js/shown.js")) + of_rows

    def value_from_datadict(self, data: Any, files: Any, name: str) -> RowsFormSet:
        # A row that is there was asked for: its blanks are looked at, not passed over.
        return self.form_set(data, files, prefix=name, form_kwargs={"empty_permitted": False, **self.row_kwargs})

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-TOTAL_FORMS" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        if isinstance(value, RowsFormSet):
            rows = value
        else:
            form: type[RowForm] = self.form_set.form
            initial = [form.from_values(one) for one in value or []]
            rows = self.form_set(prefix=name, initial=initial, form_kwargs=self.row_kwargs)
        disabled = bool((attrs or {}).get("disabled")) or self.disabled
        if disabled:
            for each in rows:
                for one in each.fields.values():
                    one.disabled = True
        hidden, spare = [form for form in rows if removed(form)], rows.spare()
        context |= {
            "rows": rows,
            "spare": spare,
            "total_with_spare": rows.total_form_count() + len(spare),
            "hidden": hidden,
            "spared": [form for form in rows if was_spare(form)],
            "has_rows": len(hidden) < len(rows.forms),
            "words": self.words,
            "adding": [
                (label, ";".join(f"{field}:{chosen}" for field, chosen in preset.items()))
                for label, preset in self.adding.items()
            ],
            "most": self.most,
            "disabled": disabled,
        }
        return context


def removed(form: Any) -> bool:
    """Whether a row was taken out in the browser, or is a spare one that nobody touched."""
    return bool(form.data.get(form.add_prefix("DELETE"))) or (was_spare(form) and not form.has_changed())


def was_spare(form: Any) -> bool:
    """Whether a row that was sent is one of those for browsers without scripts."""
    return bool(form.data.get(form.add_prefix("SPARE")))


def position(form: Any) -> float:
    """Where a row was put among the others; a row without a place stays behind those with one."""
    chosen = str(form.data.get(form.add_prefix("ORDER"), ""))
    return int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 6 else float("inf")


class RowsBoundField(BoundField):
    """Reads what was sent once, so that errors added to a row stay with it."""

    @cached_property
    def data(self) -> Any:
        return super().data


class RowsField(forms.Field):
    """A list of up to ``most`` rows.

    ``words`` says what the screen says: ``row`` (the name of one), ``add`` (the button) and ``empty`` (what having
    none means). In place of the one button there may be several, ``adding``: of each the values that it begins a row
    with. The rows of an ``ordered`` list can be moved up and down.
    """

    widget: RowsWidget

    def __init__(
        self,
        *,
        form: type[RowForm],
        most: int,
        words: Mapping[str, str],
        adding: Mapping[str, Mapping[str, str]] | None = None,
        ordered: bool = False,
        **kwargs: Any,
    ) -> None:
        form_set = formset_factory(
            form,
            formset=RowsFormSet,
            extra=0,
            can_delete=True,
            can_order=ordered,
            max_num=most,
            absolute_max=most + 50,
        )
        assert issubclass(form_set, RowsFormSet)  # noqa: S101
        self.form_set = form_set
        kwargs.setdefault("required", False)
        widget = RowsWidget(form_set=form_set, most=most, words=words, adding=adding or {words["add"]: {}})
        super().__init__(widget=widget, **kwargs)

    def get_bound_field(self, form: Any, field_name: str) -> RowsBoundField:
        return RowsBoundField(form, self, field_name)

    def clean(self, value: Any) -> Values:
        if not isinstance(value, RowsFormSet):
            return list(value or [])
        if not value.is_valid():
            raise forms.ValidationError("Look at the marked rows.", code="rows")
        return [form.as_values() for form in self.kept(value)]

    @staticmethod
    def kept(rows: RowsFormSet) -> Sequence[Any]:
        """The rows that count, in the order of the cleaned value."""
        return [form for form in rows.shown() if not removed(form)]

    def has_changed(self, initial: Any, data: Any) -> bool:
        if not isinstance(data, RowsFormSet):
            return False
        before = list(initial or [])
        return not data.is_valid() or [form.as_values() for form in self.kept(data)] != before

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else data
