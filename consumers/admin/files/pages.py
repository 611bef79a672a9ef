"""Pages that import and export rows: upload, preview, confirmation, download; large files are left to a worker."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from import_export.admin import ImportExportModelAdmin
from import_export.tmp_storages import CacheStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from consumers.admin.files.formats import (
    CSV,
    JSON,
    MAXIMUM_BYTES,
    XLSX,
    FileFormat,
    Unreadable,
    in_pieces,
)
from consumers.admin.files.jobs import LARGE_EXPORT, LARGE_IMPORT, export_ask, import_ask
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.results import (
    FileResult,
)
from consumers.admin.framework.pages import account_of, author_of, user_of
from consumers.author import IMPORT_LABEL, Author
from consumers.models import Job
from consumers.selectors import id_read

READ_AT_ONCE = 1024 * 1024
"""A file that is larger is not even read before a worker takes it."""

UNPACKED_AT_ONCE = 10 * READ_AT_ONCE

PREVIEWS = "import_previews"
"""Where the session keeps what was looked at and not yet imported."""

MOST_PREVIEWS = 20


class CachedFile(CacheStorage):
    """A file between preview and confirmation, where every web node finds it."""

    def read(self) -> Any:
        """Its content.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        content = super().read()
        if content is None:
            raise FileNotFoundError(self.name)
        return content


class FileForm(ImportForm):
    """A file to import."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["import_file"].label = "File"
        _name_choices(self)

    def clean_import_file(self) -> Any:
        """Refuse what would fill the memory."""
        file = self.cleaned_data["import_file"]
        if file.size > MAXIMUM_BYTES:
            raise ValidationError(f"A file may have {filesizeformat(MAXIMUM_BYTES)}. Import it in parts.")
        return file


class FileExportForm(ExportForm):
    """The format of a file to export; ``chosen`` are the rows, by id, where they were chosen one by one."""

    chosen = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_choices(self)


def _name_choices(form: Any) -> None:
    """Name formats as people do, and resources by what they hold."""
    form.fields["resource"].label = "Rows"
    field = form.fields["format"]
    field.choices = [(value, label.upper() if value else label) for value, label in field.choices]
    field.widget.choices = field.choices


class ImportExportMixin(ImportExportModelAdmin):
    """A page whose rows are imported and exported as CSV, XLSX and JSON; much at once is left to a worker.

    ``file_words`` say what is particular about files of these rows.
    """

    resource_classes: Sequence[type[AccountResource]]
    import_form_class = FileForm
    export_form_class = FileExportForm
    formats: Sequence[type[FileFormat]] = (CSV, XLSX, JSON)
    show_change_form_export = False
    # A list with an action counts what is chosen.
    actions_selection_counter = True
    file_words = ""

    def get_resource_kwargs(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"account": account_of(request), "author": Author(user=user_of(request), label=IMPORT_LABEL)}

    def get_export_formats(self) -> list[Any]:
        return list(self.formats)

    def get_import_formats(self) -> list[Any]:
        return list(self.formats)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether the user may import: a file adds rows and changes them."""
        return bool(super().has_import_permission(request)) and self.has_add_permission(request)

    def get_import_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"file_words": self.file_words, "large": f"{LARGE_IMPORT:,}"}

    # --- import ---

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method == "POST" and (job := self._large_import(request)):
            return _told_to_wait(request, job)
        response: HttpResponse = super().import_action(request, **kwargs)
        return response

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        form.add_error("import_file", str(e) if isinstance(e, Unreadable) else "The file cannot be read.")

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            seen = [*request.session.get(PREVIEWS, ()), self._preview(request, initial)]
            request.session[PREVIEWS] = seen[-MOST_PREVIEWS:]
        return initial

    def _preview(self, request: HttpRequest, values: Mapping[str, Any]) -> list[Any]:
        """What was looked at, as the session keeps it: of which account and model, which file, read how."""
        file = Path(values.get("import_file_name", "")).name
        read = [str(values.get(name, "")) for name in ("format", "resource")]
        return [account_of(request).pk, self.model._meta.label, file, *read]

    def _large_import(self, request: HttpRequest) -> Job | None:
        """The job that imports the file sent, if that is large."""
        form = self.create_import_form(request)
        if not form.is_valid():
            return None
        file = form.cleaned_data["import_file"]
        file_format = self.get_import_formats()[int(form.cleaned_data["format"])]()
        given = file.read()
        # Who imports it at once reads it again.
        file.seek(0)
        try:
            small = len(given) <= READ_AT_ONCE and file_format.unpacked(given) <= UNPACKED_AT_ONCE
            if small and len(file_format.create_dataset(given)) <= LARGE_IMPORT:
                return None
        except Unreadable:
            return None
        options = self.get_import_resource_kwargs(request, form=form)
        del options["author"]
        return import_ask(
            account=options.pop("account"),
            model=self.model,
            resource=self.choose_import_resource_class(form, request),
            file_format=file_format,
            given=given,
            options=options,
            author=author_of(request),
            name=file.name,
        )

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import a file that was looked at; one that is gone, because it is imported already, is asked for again."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_import_permission(request):
            raise PermissionDenied
        if not self._was_looked_at(request):
            return self._look_again(request)
        form = self.create_confirm_form(request)
        known = {"format": self.get_import_formats(), "resource": self.get_import_resource_classes(request)}
        if form.is_valid() and all(_picks(form.cleaned_data[name] or "0", some) for name, some in known.items()):
            try:
                response: HttpResponse = super().process_import(request, **kwargs)
            except (OSError, Unreadable):
                pass
            else:
                return response
        return self._look_again(request)

    def _was_looked_at(self, request: HttpRequest) -> bool:
        """Whether what is confirmed is a preview of this user's, here, that was not confirmed before.

        The file is named by the browser: without this, it could be any file of the folder or of somebody else, in
        another account than that in which it was looked at, or one that is imported already.
        """
        seen, confirmed = request.session.get(PREVIEWS, []), self._preview(request, request.POST)
        request.session[PREVIEWS] = [one for one in seen if one != confirmed]
        return confirmed in seen

    def _look_again(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, "The file is not here any more: it was imported already, or waited too long.")
        return HttpResponseRedirect(self.url_of("import"))

    def process_result(self, result: FileResult, request: HttpRequest) -> HttpResponse:
        if not result.problems:
            response: HttpResponse = super().process_result(result, request)
            return response
        # What was right in the preview is not any more: nothing was imported, and that is said.
        form = self.get_import_form_class(request)(self.get_import_formats(), self.get_import_resource_classes(request))
        context = {
            **self.admin_site.each_context(request),
            **self.get_import_context_data(),
            "title": "Import",
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
            "result": result,
        }
        return TemplateResponse(request, [self.import_template_name], context)

    def generate_log_entries(self, result: FileResult, request: HttpRequest) -> None:
        # The log of the admin speaks of rows that have a page.
        if result.model is self.model:
            super().generate_log_entries(result, request)

    def add_success_message(self, result: FileResult, request: HttpRequest) -> None:
        messages.success(
            request, f"Imported: {result.new:,} new, {result.updated:,} changed, {result.unchanged:,} as they were."
        )

    # --- export ---

    @admin.action(description="Export")
    def export_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse:
        """Ask for the format in which the chosen rows are exported."""
        keys = list(chosen.values_list("pk", flat=True))
        form = self.get_export_form_class()(
            self.get_export_formats(),
            self.get_export_resource_classes(request),
            initial={"chosen": ",".join(map(str, keys))},
        )
        context = self.init_request_context_data(request, form)
        context |= {"number": len(keys), "number_in_words": f"{len(keys):,}", "chosen": True}
        context["export_url"] = f"{self.url_of('export')}?{request.GET.urlencode()}"
        return TemplateResponse(request, [self.export_template_name], context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_export_permission(request):
            actions["export_chosen"] = self.get_action("export_chosen")
        return actions

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_export_queryset(request)
        if chosen := request.POST.get("chosen"):
            return rows.filter(pk__in=[found for key in chosen.split(",") if (found := id_read(key)) is not None])
        return rows

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet[Any], file_format: Any) -> str:
        """What the file is called: by what it holds, and the day."""
        kinds = self.get_export_resource_classes(request)
        held = next((kind for kind in kinds if kind._meta.model is queryset.model), kinds[0])
        day = timezone.localdate().isoformat()
        return f"{slugify(held.get_display_name())}-{day}.{file_format.get_extension()}"

    def init_request_context_data(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().init_request_context_data(request, form)
        if request.POST.get("action") != "export_chosen":
            context["number"] = self.get_export_queryset(request).count()
            context["chosen"] = bool(request.POST.get("chosen"))
        return {**context, "large": LARGE_EXPORT}

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], export_form: Any = None
    ) -> HttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        kind = self.choose_export_resource_class(export_form, request)
        rows = kind(**self.get_export_resource_kwargs(request)).rows_shown(queryset)
        if rows.count() > LARGE_EXPORT:
            written = in_pieces(file_format)
            name = self.get_export_filename(request, queryset, written)
            job = export_ask(
                account=account_of(request),
                model=self.model,
                resource=kind,
                file_format=written,
                rows=rows,
                author=author_of(request),
                name=name,
            )
            return _told_to_wait(request, job)
        response: HttpResponse = super()._do_file_export(file_format, request, rows, export_form=export_form)
        return response


def _picks(number: str, choices: Sequence[Any]) -> bool:
    return number.isascii() and number.isdigit() and int(number[:9]) < len(choices)


def _told_to_wait(request: HttpRequest, job: Job) -> HttpResponse:
    messages.info(request, "This is done in the background, because it is large. You can leave this page.")
    return HttpResponseRedirect(reverse("admin:consumers_job_change", args=[job.pk]))
