"""Pages that import and export rows: upload, preview, confirmation, download; large files are left to a worker."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from import_export.admin import ImportExportModelAdmin
from tablib import Dataset

from consumers.admin.files.columns import FileColumn, columns_of, folded_heading, guess_columns
from consumers.admin.files.formats import (
    CSV,
    FORMATS,
    JSON,
    XLSX,
    FileFormat,
    UnreadableFile,
    streamable_format,
)
from consumers.admin.files.forms import ColumnsForm, ConfirmForm, FileExportForm, FileForm
from consumers.admin.files.jobs import (
    IMPORT_KIND,
    MAX_INLINE_EXPORT_ROWS,
    MAX_INLINE_IMPORT_ROWS,
    export_job_create,
    import_job_create,
    job_columns,
    job_resource,
    visible_jobs,
)
from consumers.admin.files.reading import ColumnsUnknown, FileOptions, file_read, file_table
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.results import FileResult
from consumers.admin.files.upload import Upload, upload_forget, upload_named, upload_save
from consumers.admin.framework.pages import account_of, author_of, staff_user
from consumers.author import IMPORT_LABEL, Author
from consumers.choices import JobQuestion, JobState
from consumers.exceptions import JobOver
from consumers.models import Job
from consumers.selectors import file_columns_of, parse_id, row_by_id
from consumers.services.file_columns import file_columns_save
from consumers.services.job import job_answer
from consumers.types import Context, JsonObject, Rows

MAX_INLINE_BYTES = 1024 * 1024
"""A larger file becomes a job without being parsed first."""

MAX_INLINE_UNPACKED_BYTES = 10 * MAX_INLINE_BYTES

IMPORT = "consumers.add_job"
"""The permission to import files into what the user may add and change."""

EXPORT = "consumers.view_job"
"""The permission to export what the user may see."""


class ImportExportMixin(ImportExportModelAdmin):
    """An admin page whose rows are imported and exported as CSV, XLSX and JSON; large files become jobs.

    ``rows_name`` says what a file imports, where that is not the plural of the model. ``file_note`` is shown above the
    upload form. Where ``exports`` is false, rows are only imported.
    """

    resource_classes: Sequence[type[AccountResource]]
    import_form_class = FileForm
    export_form_class = FileExportForm
    formats: Sequence[type[FileFormat]] = (CSV, XLSX, JSON)
    show_change_form_export = False
    rows_name = ""
    file_note = ""
    exports = True

    def get_resource_kwargs(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonObject:
        return {"account": account_of(request), "author": Author(user=staff_user(request), label=IMPORT_LABEL)}

    def get_export_formats(self) -> list[Any]:
        return list(self.formats)

    def get_import_formats(self) -> list[Any]:
        return list(self.formats)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may import into these rows: a file adds and changes them."""
        writes = bool(super().has_import_permission(request)) and self.has_add_permission(request)
        return writes and request.user.has_perm(IMPORT)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may export these rows."""
        return self.exports and bool(super().has_export_permission(request)) and request.user.has_perm(EXPORT)

    def get_import_context_data(self, **kwargs: Any) -> Context:
        return {"file_note": self.file_note, "large": f"{MAX_INLINE_IMPORT_ROWS:,}"}

    def resource_options(self, form: FileForm) -> JsonObject:
        """Return arguments of the resource that the upload form has fields for."""
        return {}

    # --- import ---

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the upload form, preview a file, or leave a large one to a worker; ask for its columns in between.

        With ``template``, ``columns`` or ``job`` in the address it is a template to download, or the columns of an
        uploaded file or of the file of a job.
        """
        if not self.has_import_permission(request):
            raise PermissionDenied
        if "template" in request.GET:
            return self._template_file(request)
        if file := request.GET.get("columns"):
            return self._upload_columns(request, file)
        if job_id := request.GET.get("job"):
            return self._job_columns(request, job_id)
        form = self.create_import_form(request)
        if request.method != "POST" or not form.is_valid():
            return self._upload_page(request, form)
        file_format = self.get_import_formats()[int(form.cleaned_data["format"])]()
        content = form.cleaned_data["import_file"].read()
        values = form.cleaned_data
        upload = Upload(
            account_id=account_of(request).pk,
            model=self.model._meta.label_lower,
            file="",
            name=values["import_file"].name,
            resource=self.choose_import_resource_class(form, request).__name__,
            options=FileOptions(
                format=file_format.get_title(),
                encoding=values["encoding"],
                decimal=values["decimal"],
                resource=self.resource_options(form),
            ),
        )
        try:
            if self._is_large(content, file_format, upload.options):
                return self._start_job(request, upload, content)
            file_table(content, upload.options)
        except UnreadableFile as error:
            form.add_error("import_file", str(error))
            return self._upload_page(request, form)
        storage = self._storage()
        storage.save(content)
        return self._preview(request, replace(upload, file=storage.name), content)

    def _is_large(self, content: bytes, file_format: FileFormat, options: FileOptions) -> bool:
        if len(content) > MAX_INLINE_BYTES or file_format.unpacked_size(content) > MAX_INLINE_UNPACKED_BYTES:
            return True
        return len(file_table(content, options)) > MAX_INLINE_IMPORT_ROWS

    def _start_job(self, request: HttpRequest, upload: Upload, content: bytes) -> HttpResponse:
        job = import_job_create(
            account=account_of(request),
            model=self.model,
            resource=self._resource_class(upload.resource),
            options=upload.options,
            content=content,
            author=author_of(request),
            name=upload.name,
        )
        return redirect_to_job(request, job)

    def _resource_class(self, name: str) -> type[AccountResource]:
        return next(resource for resource in self.resource_classes if resource.__name__ == name)

    def _resource_of(self, request: HttpRequest, upload: Upload) -> AccountResource:
        return self._resource_class(upload.resource)(**self.get_resource_kwargs(request), **upload.options.resource)

    def _upload_page(self, request: HttpRequest, form: Any, result: FileResult | None = None) -> TemplateResponse:
        classes = self.get_import_resource_classes(request)
        resources = [resource(**self.get_resource_kwargs(request)) for resource in classes]
        context = {
            "form": form,
            "result": result,
            "kinds": [(each.get_display_name(), each.import_columns) for each in resources],
        }
        return self._import_page(request, context, media=form.media)

    def _import_page(self, request: HttpRequest, context: Context, *, media: Any) -> TemplateResponse:
        common = {
            "title": "Import",
            "opts": self.opts,
            "media": self.media + media,
            "page_name": getattr(self, "page_name", ""),
            "rows_name": self.rows_name or self.opts.verbose_name_plural,
        }
        context = {**self.admin_site.each_context(request), **self.get_import_context_data(), **common, **context}
        return TemplateResponse(request, [self.import_template_name], context)

    def _preview(self, request: HttpRequest, upload: Upload, content: bytes) -> HttpResponse:
        """Show what an import would do, or ask for the columns first."""
        resource = self._resource_of(request, upload)
        try:
            table = file_read(content, upload.options, resource)
        except ColumnsUnknown as unknown:
            upload_save(request, upload)
            return self._columns_page(request, self._columns_form(request, resource, columns_of(unknown.table)), upload)
        result = resource.import_data(table, dry_run=True, raise_errors=False)
        if result.problems:
            upload_save(request, upload)
            return self._upload_page(request, self._empty_form(request), result)
        upload_save(request, upload.previewed())
        confirm_form = ConfirmForm(initial={"import_file_name": upload.file})
        context = {"confirm_form": confirm_form, "result": result, "notes": table.notes, "upload": upload}
        return self._import_page(request, context, media=confirm_form.media)

    def _empty_form(self, request: HttpRequest) -> Any:
        return self.get_import_form_class(request)(self.get_import_formats(), self.get_import_resource_classes(request))

    # --- columns ---

    def _columns_form(
        self, request: HttpRequest, resource: AccountResource, columns: Sequence[FileColumn], data: Any = None
    ) -> ColumnsForm:
        headings = [column.heading for column in columns]
        remembered = file_columns_of(account_id=account_of(request).pk, kind=type(resource).__name__)
        guessed = guess_columns(headings, resource=resource, remembered=remembered)
        return ColumnsForm(data, columns=columns, guessed=guessed, resource=resource)

    def _columns_page(
        self, request: HttpRequest, form: ColumnsForm, upload: Upload | None = None, job: Job | None = None
    ) -> HttpResponse:
        query = urlencode({"job": job.pk} if job else {"columns": upload.file if upload else ""})
        context = {
            "columns_form": form,
            "columns_url": f"{self.url_of('import')}?{query}",
            "job": job,
            "file_name": job.title if job else upload.name if upload else "",
        }
        return self._import_page(request, context, media=form.media)

    def _remember_columns(self, request: HttpRequest, form: ColumnsForm, resource: AccountResource) -> None:
        columns = {folded_heading(heading): column for heading, column in form.mapping.items()}
        file_columns_save(account_id=account_of(request).pk, kind=type(resource).__name__, columns=columns)

    def _upload_columns(self, request: HttpRequest, file: str) -> HttpResponse:
        """Show or take the columns of an uploaded file, and preview it."""
        upload = self._upload_named(request, file)
        try:
            content = self._storage(file).read() if upload else None
        except OSError:
            content = None
        if upload is None or content is None:
            return self._redirect_to_upload(request)
        resource = self._resource_of(request, upload)
        data = request.POST if request.method == "POST" else None
        form = self._columns_form(request, resource, columns_of(file_table(content, upload.options)), data)
        if not form.is_valid():
            return self._columns_page(request, form, upload)
        self._remember_columns(request, form, resource)
        return self._preview(request, replace(upload, options=upload.options.with_columns(form.mapping)), content)

    def _job_columns(self, request: HttpRequest, job_id: str) -> HttpResponse:
        """Show or take the columns of the file of a job that asks."""
        job = row_by_id(visible_jobs(request).filter(kind=IMPORT_KIND, state=JobState.ASKING), job_id)
        if job is None or job.parameters["model"] != self.model._meta.label_lower:
            messages.error(request, "This import was already confirmed or cancelled.")
            return HttpResponseRedirect(reverse("admin:consumers_job_changelist"))
        resource: Any = job_resource(job)
        data = request.POST if request.method == "POST" else None
        form = self._columns_form(request, resource, job_columns(job), data)
        if not form.is_valid():
            return self._columns_page(request, form, job=job)
        self._remember_columns(request, form, resource)
        try:
            job_answer(job=job, question=JobQuestion(job.question), parameters={"columns": form.mapping}, restart=True)
        except JobOver as over:
            messages.error(request, over.detail)
        return HttpResponseRedirect(reverse("admin:consumers_job_change", args=[job.pk]))

    def _template_file(self, request: HttpRequest) -> HttpResponse:
        """Download a file with the headings of one kind of rows, to be filled in."""
        classes = self.get_import_resource_classes(request)
        number, kind = request.GET.get("resource", "0"), request.GET["template"]
        if not _is_choice(number, classes) or kind not in (CSV.title, XLSX.title):
            raise Http404("This template does not exist.")
        resource = classes[int(number)](**self.get_resource_kwargs(request))
        file_format = FORMATS[kind]()
        content = file_format.export_data(Dataset(headers=resource.import_columns))
        name = f"{slugify(resource.get_display_name())}-template.{file_format.get_extension()}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(content, content_type=file_format.get_content_type(), headers=headers)

    # --- confirmation ---

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import a previewed file; if it is gone, because it is imported already, ask for it again."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_import_permission(request):
            raise PermissionDenied
        upload = self._upload_named(request, request.POST.get("import_file_name", ""))
        if upload is None or not upload.is_previewed:
            return self._redirect_to_upload(request)
        upload_forget(request, upload)
        storage = self._storage(upload.file)
        try:
            content = storage.read()
            # Race: the preview is confirmed twice at the same moment, before either request's session is stored. The
            # file can be removed once; who does not remove it does not import it.
            storage.remove()
        except OSError:
            return self._redirect_to_upload(request)
        resource = self._resource_of(request, upload)
        table = file_read(content, upload.options, resource)
        result = resource.import_data(
            table,
            dry_run=False,
            raise_errors=False,
            rollback_on_validation_errors=True,
            retain_instance_in_row_result=True,
        )
        return self.process_result(result, request)

    def _storage(self, name: str | None = None) -> Any:
        return self.get_tmp_storage_class()(name=name, read_mode="rb")

    def _upload_named(self, request: HttpRequest, file: str) -> Upload | None:
        model = self.model._meta.label_lower
        return upload_named(request, file, account_id=account_of(request).pk, model=model)

    def _redirect_to_upload(self, request: HttpRequest) -> HttpResponse:
        messages.error(
            request, "The file is no longer available: it was already imported, or it has expired. Upload it again."
        )
        return HttpResponseRedirect(self.url_of("import"))

    def process_result(self, result: FileResult, request: HttpRequest) -> HttpResponse:
        if not result.problems:
            response: HttpResponse = super().process_result(result, request)
            return response
        # Valid in the preview, but not any more: nothing was imported; show the problems.
        return self._upload_page(request, self._empty_form(request), result)

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
    messages.info(request, "This runs in the background because it is large. You can leave this page.")
    return HttpResponseRedirect(reverse("admin:consumers_job_change", args=[job.pk]))
