"""The forms of import and export: a file and how it is read, its columns, the confirmation, the format of an export."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.widgets import UnfoldAdminSelectWidget

from consumers.admin.files.columns import (
    LEFT_OUT,
    SAME_ROW_GROUP,
    ColumnsResource,
    FileColumn,
    column_label,
    mapping_problems,
)
from consumers.admin.files.decoding import ENCODING_REGIONS, ENCODINGS
from consumers.admin.files.formats import MAX_FILE_BYTES

RECOGNISED = "Recognise automatically"


class FileForm(ImportForm):
    """A file, and how it is read."""

    encoding = forms.ChoiceField(
        label="Encoding",
        required=False,
        choices=[
            ("", RECOGNISED),
            *(
                (codec, f"{name} ({ENCODING_REGIONS[codec]})" if codec in ENCODING_REGIONS else name)
                for codec, name in ENCODINGS.items()
            ),
        ],
        widget=UnfoldAdminSelectWidget(),
        help_text="For CSV. Choose it if the preview shows wrong letters.",
    )
    decimal = forms.ChoiceField(
        label="Decimal sign",
        required=False,
        choices=[("", RECOGNISED), (".", "Point: 1,299.50"), (",", "Comma: 1.299,50")],
        widget=UnfoldAdminSelectWidget(),
        help_text="Choose it if numbers have thousands separators.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["import_file"].label = "File"
        _label_choices(self)

    def clean_import_file(self) -> Any:
        """Refuse a file that would fill the memory."""
        file = self.cleaned_data["import_file"]
        if file.size > MAX_FILE_BYTES:
            raise ValidationError(f"A file can be up to {filesizeformat(MAX_FILE_BYTES)}. Import it in parts.")
        return file


class ConfirmForm(forms.Form):
    """The confirmation of a previewed file, which the session knows by its name."""

    import_file_name = forms.CharField(widget=forms.HiddenInput())


class ColumnsForm(forms.Form):
    """The field of each column of a file, in fields named ``column_0`` and so on."""

    def __init__(
        self,
        *args: Any,
        columns: Sequence[FileColumn],
        guessed: Mapping[str, str],
        resource: ColumnsResource,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.columns, self.resource = columns, resource
        choices = [(column, column_label(column)) for column in resource.import_columns]
        if resource.inherited:
            choices.append((SAME_ROW_GROUP, "Same product: fill empty cells from its first row"))
        for place, column in enumerate(columns):
            self.fields[f"column_{place}"] = forms.ChoiceField(
                label=column.heading,
                required=False,
                choices=[(LEFT_OUT, "Do not import"), *choices],
                initial=guessed.get(column.heading, LEFT_OUT),
                widget=UnfoldAdminSelectWidget(),
            )

    @property
    def rows(self) -> list[tuple[FileColumn, Any]]:
        """Return each column of the file with its bound field."""
        return [(column, self[f"column_{place}"]) for place, column in enumerate(self.columns)]

    @property
    def mapping(self) -> dict[str, str]:
        """Return the fields of a valid form, by heading."""
        return {column.heading: self.cleaned_data[f"column_{place}"] for place, column in enumerate(self.columns)}

    def clean(self) -> Any:
        """Refuse a field that two columns give, and a file without its key."""
        cleaned = super().clean()
        if not self.errors:
            places = {column.heading: f"column_{place}" for place, column in enumerate(self.columns)}
            for heading, problem in mapping_problems(self.mapping, self.resource):
                self.add_error(places[heading] if heading is not None else None, problem)
        return cleaned


class FileExportForm(ExportForm):
    """The format of an export; ``chosen`` holds the ids of selected rows, separated by commas."""

    chosen = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_choices(self)
        field: Any = self.fields["format"]
        # The first format is chosen, so that nothing need be: an export is two clicks.
        field.choices = field.widget.choices = [choice for choice in field.choices if choice[0]]


def _label_choices(form: Any) -> None:
    """Label formats in capitals, and resources as rows."""
    form.fields["resource"].label = "Rows"
    field = form.fields["format"]
    field.choices = [(value, label.upper() if value else label) for value, label in field.choices]
    field.widget.choices = field.choices
