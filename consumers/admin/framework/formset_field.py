"""A form field that holds a list of small forms: product sets, application rules, cards.

Its cleaned value is the list of the rows' cleaned values, without removed rows. JavaScript adds rows; without it, a few
spare rows follow the others, and untouched spare rows are ignored.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.formsets import BaseFormSet, formset_factory
from django.utils.functional import cached_property

from consumers.types import Context, JsonMapping, JsonObject

Values = list[JsonObject]
SPARE_ROWS = 3

if TYPE_CHECKING:
    FormSet = BaseFormSet[Any]
else:
    FormSet = BaseFormSet


class RowForm(forms.Form):
    """The form of one row."""

    use_required_attribute = False

    def as_values(self) -> JsonObject:
        """Return the row as the field's cleaned value holds it."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("DELETE", "ORDER")}

    @classmethod
    def from_values(cls, values: JsonMapping) -> JsonObject:
        """Return the form's initial values from a row of the field's value."""
        return dict(values)


class RowFormSet(FormSet):
    """The formset of one field."""

    def _should_delete_form(self, form: forms.Form) -> bool:
        return is_removed(form)

    def ordered(self) -> list[Any]:
        """Return the rows in the order that the user chose."""
        return sorted(self.forms, key=position_of)

    def spare(self) -> list[Any]:
        """Return blank rows to follow the others."""
        count, max_rows = self.total_form_count(), self.max_num
        forms = []
        for index in range(count, min(count + SPARE_ROWS, max(count, max_rows))):
            form = self.form(prefix=self.add_prefix(index), **self.get_form_kwargs(None))
            self.add_fields(form, None)
            forms.append(form)
        return forms


class FormSetWidget(forms.Widget):
    """Renders the rows and binds what was submitted; the value is the bound formset."""

    template_name = "admin/widgets/rows.html"

    def __init__(
        self,
        *,
        form_set: type[RowFormSet],
        max_rows: int,
        texts: Mapping[str, str],
        add_buttons: Mapping[str, Mapping[str, str]],
        first_row_when: str,
    ) -> None:
        super().__init__()
        self.form_set, self.max_rows, self.texts, self.add_buttons = form_set, max_rows, texts, add_buttons
        self.first_row_when = first_row_when
        self.begins_with_row = False
        self.disabled = False
        self.row_kwargs: JsonObject = {}

    @property
    def media(self) -> forms.Media:
        of_rows: forms.Media = self.form_set.form().media
        return forms.Media(js=("js/rows.js", "js/shown.js")) + of_rows

    def value_from_datadict(self, data: Any, files: Any, name: str) -> RowFormSet:
        # The user added each row: validate blank ones instead of ignoring them.
        return self.form_set(data, files, prefix=name, form_kwargs={"empty_permitted": False, **self.row_kwargs})

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-TOTAL_FORMS" not in data

    def get_context(self, name: str, value: Any, attrs: JsonObject | None) -> Context:
        context: Context = super().get_context(name, value, attrs)
        if isinstance(value, RowFormSet):
            rows = value
        else:
            form: type[RowForm] = self.form_set.form
            initial = [form.from_values(row_values) for row_values in value or []]
            rows = self.form_set(prefix=name, initial=initial, form_kwargs=self.row_kwargs)
        disabled = bool((attrs or {}).get("disabled")) or self.disabled
        if disabled:
            for row in rows:
                for field in row.fields.values():
                    field.disabled = True
        hidden, spare = [form for form in rows if is_removed(form)], rows.spare()
        context |= {
            "rows": rows,
            "spare": spare,
            "total_with_spare": rows.total_form_count() + len(spare),
            "hidden": hidden,
            "spared": [form for form in rows if is_spare(form)],
            "has_rows": len(hidden) < len(rows.forms),
            "texts": self.texts,
            "add_buttons": [
                (label, ";".join(f"{name}:{initial_value}" for name, initial_value in preset.items()))
                for label, preset in self.add_buttons.items()
            ],
            "max_rows": self.max_rows,
            "first_row_when": self.first_row_when,
            "begins_with_row": self.begins_with_row and not isinstance(value, RowFormSet),
            "disabled": disabled,
        }
        return context


def is_removed(form: forms.Form) -> bool:
    """Return whether the user removed the row, or left a spare row untouched."""
    return bool(form.data.get(form.add_prefix("DELETE"))) or (is_spare(form) and not form.has_changed())


def is_spare(form: forms.Form) -> bool:
    """Return whether a submitted row is a spare one, for browsers without JavaScript."""
    return bool(form.data.get(form.add_prefix("SPARE")))


def position_of(form: forms.Form) -> float:
    """Return the row's position among the others; rows without one come last."""
    text = str(form.data.get(form.add_prefix("ORDER"), ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else float("inf")


class FormSetBoundField(BoundField):
    """Binds the submitted rows once, so that errors added to a row stay with it.

    A page that was opened before the form had this field sends no rows at all, not even their number. Then the field
    keeps its initial value: nobody loses what others have entered, or is asked to correct rows that are not there.
    """

    @cached_property
    def data(self) -> Any:
        widget = self.field.widget
        if widget.value_omitted_from_data(self.form.data, self.form.files, self.html_name):
            return self.initial
        return super().data


class FormSetField(forms.Field):
    """A list of up to ``max_rows`` rows.

    ``texts`` are shown on the screen: ``row`` (the name of one), ``add`` (the button) and ``empty`` (what an empty list
    means). ``add_buttons`` replaces the one button by several, each with the initial values of the row that it adds.
    The rows of an ``ordered`` list can be moved up and down. ``first_row_when``, a field of the form and its value such
    as ``scope:line_items``, adds a first row to an empty list once that value is chosen.
    """

    widget: FormSetWidget

    def __init__(
        self,
        *,
        form: type[RowForm],
        max_rows: int,
        texts: Mapping[str, str],
        add_buttons: Mapping[str, Mapping[str, str]] | None = None,
        ordered: bool = False,
        first_row_when: str = "",
        **kwargs: Any,
    ) -> None:
        form_set = formset_factory(
            form,
            formset=RowFormSet,
            extra=0,
            can_delete=True,
            can_order=ordered,
            max_num=max_rows,
            absolute_max=max_rows + 50,
        )
        assert issubclass(form_set, RowFormSet)  # noqa: S101
        self.form_set = form_set
        kwargs.setdefault("required", False)
        widget = FormSetWidget(
            form_set=form_set,
            max_rows=max_rows,
            texts=texts,
            add_buttons=add_buttons or {texts["add"]: {}},
            first_row_when=first_row_when,
        )
        super().__init__(widget=widget, **kwargs)

    def get_bound_field(self, form: Any, field_name: str) -> FormSetBoundField:
        return FormSetBoundField(form, self, field_name)

    def clean(self, value: Any) -> Values:
        if not isinstance(value, RowFormSet):
            return list(value or [])
        if not value.is_valid():
            raise forms.ValidationError("Correct the highlighted rows.", code="rows")
        return [form.as_values() for form in self.counted_rows(value)]

    @staticmethod
    def counted_rows(rows: RowFormSet) -> Sequence[Any]:
        """Return the rows that are not removed, in the order of the cleaned value."""
        return [form for form in rows.ordered() if not is_removed(form)]

    def has_changed(self, initial: Any, data: Any) -> bool:
        if not isinstance(data, RowFormSet):
            return False
        before = list(initial or [])
        return not data.is_valid() or [form.as_values() for form in self.counted_rows(data)] != before

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else data
