"""Pages that import and export rows: upload, preview, confirmation, download; large files are left to a worker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
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
    MAX_FILE_BYTES,
    XLSX,
    FileFormat,
    UnreadableFile,
    streamable_format,
)
from consumers.admin.files.jobs import (
    MAX_INLINE_EXPORT_ROWS,
    MAX_INLINE_IMPORT_ROWS,
    export_job_create,
    import_job_create,
)
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.results import (
    FileResult,
)
from consumers.admin.framework.pages import account_of, author_of, staff_user
from consumers.author import IMPORT_LABEL, Author
from consumers.circuit_breaker import redis_breaker
from consumers.models import Job
from consumers.selectors import parse_id
from consumers.types import Context, JsonMapping, JsonObject, Rows

MAX_INLINE_BYTES = 1024 * 1024
"""A larger file becomes a job without being parsed first."""

MAX_INLINE_UNPACKED_BYTES = 10 * MAX_INLINE_BYTES

SESSION_PREVIEWS = "import_previews"
"""Session key of the previews that are not confirmed yet."""

MAX_PREVIEWS = 20


class CachedFile(CacheStorage):
    """An uploaded file between preview and confirmation, in the cache, where every web node finds it.

    All methods raise RedisError or CircuitOpen while the cache does not answer.
    """

    def save(self, data: Any) -> None:
        redis_breaker.call(super().save, data)

    def remove(self) -> None:
        redis_breaker.call(super().remove)

    def read(self) -> Any:
        """Return the file's content.

        Raises:
            FileNotFoundError: the cache dropped it.
        """
        content = redis_breaker.call(super().read)
        if content is None:
            raise FileNotFoundError(self.name)
        return content


class FileForm(ImportForm):
    """The upload form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["import_file"].label = "File"
        _label_choices(self)

    def clean_import_file(self) -> Any:
        """Refuse a file that would fill the memory."""
        file = self.cleaned_data["import_file"]
        if file.size > MAX_FILE_BYTES:
            raise ValidationError(f"A file may have {filesizeformat(MAX_FILE_BYTES)}. Import it in parts.")
        return file


class FileExportForm(ExportForm):
    """The export form; ``chosen`` holds the ids of selected rows, separated by commas."""

    chosen = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_choices(self)


def _label_choices(form: Any) -> None:
    """Label formats in capitals, and resources as rows."""
    form.fields["resource"].label = "Rows"
    field = form.fields["format"]
    field.choices = [(value, label.upper() if value else label) for value, label in field.choices]
    field.widget.choices = field.choices


class ImportExportMixin(ImportExportModelAdmin):
    """An admin page whose rows are imported and exported as CSV, XLSX and JSON; large files become jobs.

    ``file_note`` is shown above the upload form.
    """

    resource_classes: Sequence[type[AccountResource]]
    import_form_class = FileForm
    export_form_class = FileExportForm
    formats: Sequence[type[FileFormat]] = (CSV, XLSX, JSON)
    show_change_form_export = False
    # A list with an action shows how many rows are selected.
    actions_selection_counter = True
    file_note = ""

    def get_resource_kwargs(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonObject:
        return {"account": account_of(request), "author": Author(user=staff_user(request), label=IMPORT_LABEL)}

    def get_export_formats(self) -> list[Any]:
        return list(self.formats)

    def get_import_formats(self) -> list[Any]:
        return list(self.formats)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may import: a file adds and changes rows, so both permissions are needed."""
        return bool(super().has_import_permission(request)) and self.has_add_permission(request)

    def get_import_context_data(self, **kwargs: Any) -> Context:
        return {"file_note": self.file_note, "large": f"{MAX_INLINE_IMPORT_ROWS:,}"}

    # --- import ---

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method == "POST" and (job := self._large_import(request)):
            return redirect_to_job(request, job)
        response: HttpResponse = super().import_action(request, **kwargs)
        return response

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        form.add_error("import_file", str(e) if isinstance(e, UnreadableFile) else "The file cannot be read.")

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> JsonObject:
        initial: JsonObject = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            previews = [*request.session.get(SESSION_PREVIEWS, ()), self._preview(request, initial)]
            request.session[SESSION_PREVIEWS] = previews[-MAX_PREVIEWS:]
        return initial

    def _preview(self, request: HttpRequest, values: JsonMapping) -> list[Any]:
        """Return what identifies a preview in the session: account, model, file, format and resource."""
        file = Path(values.get("import_file_name", "")).name
        options = [str(values.get(name, "")) for name in ("format", "resource")]
        return [account_of(request).pk, self.model._meta.label, file, *options]

    def _large_import(self, request: HttpRequest) -> Job | None:
        """Return a job that imports the uploaded file, if it is large; None otherwise."""
        form = self.create_import_form(request)
        if not form.is_valid():
            return None
        file = form.cleaned_data["import_file"]
        file_format = self.get_import_formats()[int(form.cleaned_data["format"])]()
        content = file.read()
        # The import at once reads the file again.
        file.seek(0)
        try:
            small = len(content) <= MAX_INLINE_BYTES and file_format.unpacked_size(content) <= MAX_INLINE_UNPACKED_BYTES
            if small and len(file_format.create_dataset(content)) <= MAX_INLINE_IMPORT_ROWS:
                return None
        except UnreadableFile:
            return None
        options = self.get_import_resource_kwargs(request, form=form)
        del options["author"]
        return import_job_create(
            account=options.pop("account"),
            model=self.model,
            resource=self.choose_import_resource_class(form, request),
            file_format=file_format,
            content=content,
            options=options,
            author=author_of(request),
            name=file.name,
        )

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import a previewed file; if it is gone, because it is imported already, ask for it again."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_import_permission(request):
            raise PermissionDenied
        if not self._was_previewed(request):
            return self._redirect_to_upload(request)
        form = self.create_confirm_form(request)
        choices = {"format": self.get_import_formats(), "resource": self.get_import_resource_classes(request)}
        if form.is_valid() and all(_is_choice(form.cleaned_data[name] or "0", of) for name, of in choices.items()):
            try:
                response: HttpResponse = super().process_import(request, **kwargs)
            except (OSError, UnreadableFile):
                pass
            else:
                return response
        return self._redirect_to_upload(request)

    def _was_previewed(self, request: HttpRequest) -> bool:
        """Return whether this user previewed this file here and has not confirmed it yet.

        The browser names the file: without this check it could name any file of the folder, another user's file, a file
        previewed in another account, or one that is imported already.
        """
        previews, confirmed = request.session.get(SESSION_PREVIEWS, []), self._preview(request, request.POST)
        request.session[SESSION_PREVIEWS] = [preview for preview in previews if preview != confirmed]
        return confirmed in previews

    def _redirect_to_upload(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, "The file is not here any more: it was imported already, or waited too long.")
        return HttpResponseRedirect(self.url_of("import"))

    def process_result(self, result: FileResult, request: HttpRequest) -> HttpResponse:
        if not result.problems:
            response: HttpResponse = super().process_result(result, request)
            return response
        # Valid in the preview, but not any more: nothing was imported; show the problems.
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
        # The admin's log links to rows: log only those that have a page.
        if result.model is self.model:
            super().generate_log_entries(result, request)

    def add_success_message(self, result: FileResult, request: HttpRequest) -> None:
        messages.success(
            request, f"Imported: {result.new:,} new, {result.updated:,} changed, {result.unchanged:,} unchanged."
        )

    # --- export ---

    @admin.action(description="Export")
    def export_chosen(self, request: HttpRequest, chosen: Rows) -> HttpResponse:
        """Ask for the format in which the selected rows are exported."""
        keys = list(chosen.values_list("pk", flat=True))
        form = self.get_export_form_class()(
            self.get_export_formats(),
            self.get_export_resource_classes(request),
            initial={"chosen": ",".join(map(str, keys))},
        )
        context = self.init_request_context_data(request, form)
        context |= {"number": len(keys), "formatted_number": f"{len(keys):,}", "chosen": True}
        context["export_url"] = f"{self.url_of('export')}?{request.GET.urlencode()}"
        return TemplateResponse(request, [self.export_template_name], context)

    def get_actions(self, request: HttpRequest) -> JsonObject:
        actions: JsonObject = super().get_actions(request)
        if self.has_export_permission(request):
            actions["export_chosen"] = self.get_action("export_chosen")
        return actions

    def get_export_queryset(self, request: HttpRequest) -> Rows:
        rows: Rows = super().get_export_queryset(request)
        if chosen := request.POST.get("chosen"):
            return rows.filter(pk__in=[row_id for key in chosen.split(",") if (row_id := parse_id(key)) is not None])
        return rows

    def get_export_filename(self, request: HttpRequest, queryset: Rows, file_format: Any) -> str:
        """Return the file's name: what it holds, and the day."""
        resources = self.get_export_resource_classes(request)
        resource = next((each for each in resources if each._meta.model is queryset.model), resources[0])
        day = timezone.localdate().isoformat()
        return f"{slugify(resource.get_display_name())}-{day}.{file_format.get_extension()}"

    def init_request_context_data(self, request: HttpRequest, form: Any) -> Context:
        context: Context = super().init_request_context_data(request, form)
        if request.POST.get("action") != "export_chosen":
            context["number"] = self.get_export_queryset(request).count()
            context["chosen"] = bool(request.POST.get("chosen"))
        return {**context, "large": MAX_INLINE_EXPORT_ROWS}

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: Rows, export_form: Any = None
    ) -> HttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        resource = self.choose_export_resource_class(export_form, request)
        rows = resource(**self.get_export_resource_kwargs(request)).exported_rows(queryset)
        if rows.count() > MAX_INLINE_EXPORT_ROWS:
            job_format = streamable_format(file_format)
            name = self.get_export_filename(request, queryset, job_format)
            job = export_job_create(
                account=account_of(request),
                model=self.model,
                resource=resource,
                file_format=job_format,
                rows=rows,
                author=author_of(request),
                name=name,
            )
            return redirect_to_job(request, job)
        response: HttpResponse = super()._do_file_export(file_format, request, rows, export_form=export_form)
        return response


def _is_choice(number: str, choices: Sequence[Any]) -> bool:
    return number.isascii() and number.isdigit() and int(number[:9]) < len(choices)


def redirect_to_job(request: HttpRequest, job: Job) -> HttpResponse:
    """Redirect to the page of a job that was created, and say why it is one."""
    messages.info(request, "This is done in the background, because it is large. You can leave this page.")
    return HttpResponseRedirect(reverse("admin:consumers_job_change", args=[job.pk]))
