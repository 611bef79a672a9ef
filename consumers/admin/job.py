"""Background jobs: their progress, their result files, and cancelling them."""

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from consumers.admin.files.formats import CSV, FORMATS
from consumers.admin.files.jobs import IMPORT_KIND, job_preview, visible_jobs
from consumers.admin.framework.dialogs import RowDialogForm, dialog_redirect, dialog_with_errors
from consumers.admin.framework.filters import choice_filter
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import ReadOnlyAdmin
from consumers.choices import JobFile, JobQuestion, JobState
from consumers.exceptions import Refused
from consumers.models import Job
from consumers.selectors import row_by_id
from consumers.services.job import job_answer, job_cancel
from consumers.types import Context

STATE_COLOURS = {
    JobState.WAITING.label: "info",
    JobState.RUNNING.label: "info",
    JobState.ASKING.label: "warning",
    JobState.DONE.label: "success",
    JobState.FAILED.label: "danger",
    JobState.CANCELLED.label: "default",
}


def columns_url(job: Job) -> str:
    """Return the address of the page that maps the columns of an import's file."""
    page: Any = admin.site.get_model_admin(apps.get_model(job.parameters["model"]))
    return f"{page.url_of('import')}?job={job.pk}"


class CancelForm(RowDialogForm):
    """The confirmation before a job is cancelled."""

    def __init__(self, request: HttpRequest, object_id: object = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        job = row_by_id(visible_jobs(request), object_id)
        if job is None:
            raise Http404("This job does not exist.")
        self.job = job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Large imports and exports."""

    empty_text = "Large imports and exports run in the background. See their progress here."
    list_display = ("title", "state_label", "progress", "asked", "asked_by_name", "finished")
    list_filter = (choice_filter("state", "state", JobState.choices, lambda _, jobs, value: jobs.filter(state=value)),)
    search_fields = ("title",)
    search_help_text = "Job"
    ordering = ("-asked_at", "-pk")
    fieldsets = (("Job", {"classes": ("tab",), "fields": (("title", "asked_by_name"), ("asked", "started"))}),)
    tab_templates = {"Job": "admin/consumers/job/state.html"}
    actions_detail = ("cancel",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return visible_jobs(request)

    def get_urls(self) -> list[URLPattern]:
        views = {"download": self.download_view, "confirm": self.confirm_view}
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"consumers_job_{name}")
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    @display(description="State", label=STATE_COLOURS)
    def state_label(self, job: Job) -> str:
        return str(JobState(job.state).label)

    @display(description="Progress")
    def progress(self, job: Job) -> str:
        return f"{job.done:,} of {job.total:,} rows {job.phase}" if job.phase else "–"

    @display(description="Asked for", ordering="asked_at")
    def asked(self, job: Job) -> str:
        return format_moment(job.asked_at)

    @display(description="By")
    def asked_by_name(self, job: Job) -> str:
        return (job.asked_by.get_full_name() or job.asked_by.get_username()) if job.asked_by else "–"

    @display(description="Started")
    def started(self, job: Job) -> str:
        return format_moment(job.started_at)

    @display(description="Finished", ordering="finished_at")
    def finished(self, job: Job) -> str:
        return format_moment(job.finished_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        if isinstance(job, Job):
            extra_context = {
                **(extra_context or {}),
                "job": job,
                "state": self.state_label(job),
                "progress": self.progress(job),
                "finished": self.finished(job),
                "result": job_preview(job) if job.summary else None,
                "asks_columns": job.question == JobQuestion.COLUMNS,
                "import_attributes": {"formaction": self.url_of("confirm", job.pk)},
                "asks_confirmation": job.question == JobQuestion.CONFIRM,
                "columns_url": columns_url(job) if job.question and job.parameters.get("format") != "json" else "",
                "has_result": job.parts.filter(file=JobFile.RESULT).exists() and job.state == JobState.DONE,
            }
        return super().change_view(request, object_id, form_url, extra_context)

    def download_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """Stream a job's result file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = visible_jobs(request).filter(pk=pk, state=JobState.DONE).first()
        parts = job.parts.filter(file=JobFile.RESULT).order_by("position") if job else None
        if job is None or parts is None or not parts.exists():
            raise Http404("This file does not exist.")
        stream = (bytes(content) for content in parts.values_list("content", flat=True).iterator(chunk_size=20))
        headers = {"Content-Disposition": f'attachment; filename="{job.result_name}"'}
        content_type = FORMATS[job.parameters.get("format", CSV.title)].content_type
        return StreamingHttpResponse(stream, content_type=f"{content_type}; charset=utf-8", headers=headers)

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm the preview of an import."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        job = visible_jobs(request).filter(pk=pk, kind=IMPORT_KIND).first()
        if job is None:
            raise Http404("This import does not exist.")
        page: Any = self.admin_site.get_model_admin(apps.get_model(job.parameters["model"]))
        if not page.has_import_permission(request):
            raise PermissionDenied
        try:
            job_answer(job=job, question=JobQuestion.CONFIRM, parameters={"confirmed": True})
        except Refused as refused:
            messages.error(request, refused.detail)
        else:
            self.log_change(request, job, "Confirmed.")
            messages.success(request, "Import started.")
        return HttpResponseRedirect(self.url_of("change", pk))

    def get_actions_detail(self, request: HttpRequest, object_id: object) -> list[UnfoldAction]:
        """Offer to cancel a job that has not ended."""
        job = self.get_object(request, str(object_id))
        if not isinstance(job, Job) or job.is_over:
            return []
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return actions

    @action(
        description="Cancel",
        icon="cancel",
        variant=ActionVariant.DANGER,
        permissions=["consumers.change_job"],
        dialog={
            "title": "Cancel this job?",
            "description": "The job stops. Rows that are already imported stay.",
            "form_class": CancelForm,
            "form_submit_text": "Cancel job",
            "variant": "danger",
        },
    )
    def cancel(self, request: HttpRequest, form: CancelForm, object_id: object) -> HttpResponse:
        try:
            job_cancel(job=form.job, at=timezone.now())
        except Refused as refused:
            form.add_error(None, refused.detail)
            return dialog_with_errors(request, self.cancel.dialog, form)
        self.log_change(request, form.job, "Cancelled.")
        messages.success(request, "Job cancelled.")
        return dialog_redirect(request, self.url_of("change", form.job.pk))
