"""Steps that several promotions of a list take at once, after a page that asks about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from consumers.admin.framework.pages import author_of
from consumers.exceptions import Refused
from promotions.admin.editor.steps import DUPLICATE, STOP, BulkQuestion, Step, StepInput
from promotions.models import Promotion
from promotions.services.promotion.values import PromotionFamily

CONFIRMED = "confirmed"
MAX_PROMOTIONS = 500
"""Promotions that can take one step at once."""


def step_allowed(step: Step, question: BulkQuestion, promotion: Promotion, at: datetime) -> bool:
    """Whether a promotion can take a step among several."""
    return step.allowed(promotion, at) and not (question.skips_archived and promotion.archived)


class BulkStepsMixin:
    """The steps for several promotions in the list of a family, for ``PromotionAdmin``."""

    family: ClassVar[PromotionFamily]
    actions = ("stop_chosen", "duplicate_chosen")

    @admin.action(description=STOP.label, permissions=[STOP.permission])
    def stop_chosen(self, request: HttpRequest, chosen: QuerySet[Promotion]) -> HttpResponse | None:
        """Stop the chosen promotions once that is confirmed."""
        return self._bulk_step(request, chosen, STOP, action="stop_chosen")

    @admin.action(description=DUPLICATE.label, permissions=[DUPLICATE.permission])
    def duplicate_chosen(self, request: HttpRequest, chosen: QuerySet[Promotion]) -> HttpResponse | None:
        """Duplicate the chosen promotions once that is confirmed."""
        return self._bulk_step(request, chosen, DUPLICATE, action="duplicate_chosen")

    def _bulk_step(
        self, request: HttpRequest, chosen: QuerySet[Promotion], step: Step, *, action: str
    ) -> HttpResponse | None:
        """Ask about a step, or take it once confirmed: each promotion by itself, as if one by one.

        None redirects to the list, which shows the messages.
        """
        page: Any = self
        question = step.bulk
        assert question is not None  # noqa: S101 - a list offers only steps that have one
        now = timezone.now()
        promotions = list(chosen.order_by("code")[: MAX_PROMOTIONS + 1])
        if len(promotions) > MAX_PROMOTIONS:
            messages.error(request, f"At most {MAX_PROMOTIONS} at once. Select fewer.")
            return None
        allowed = [promotion for promotion in promotions if step_allowed(step, question, promotion, now)]
        form = question.form(request.POST if CONFIRMED in request.POST else None)
        if CONFIRMED in request.POST and form.is_valid():
            author = author_of(request, reason=form.cleaned_data.get("reason", ""))
            values = {name: value for name, value in form.cleaned_data.items() if value}
            given = StepInput(family=self.family, author=author, at=now, values=values)
            step_take(request, allowed, step, given)
            return None
        context = {
            **page.admin_site.each_context(request),
            "title": question.question.format(page.opts.verbose_name_plural),
            "opts": page.opts,
            "question": question,
            "allowed": allowed,
            "skipped": [
                {"promotion": promotion, "status": promotion.status_at(now).label}
                for promotion in promotions
                if not step_allowed(step, question, promotion, now)
            ],
            "form": form,
            "action": action,
            "checkbox": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/promotions/promotion/bulk_step.html", context)


def step_take(request: HttpRequest, promotions: Sequence[Promotion], step: Step, given: StepInput) -> None:
    """Take a step with each promotion, and leave messages of what was done and refused."""
    question = step.bulk
    assert question is not None  # noqa: S101 - only steps that several can take are offered
    count = 0
    for promotion in promotions:
        try:
            step.run(promotion, given)
            count += 1
        except Refused as refused:
            messages.error(request, f"“{promotion.name}”: {refused.problems[0].detail}")
    if count:
        messages.success(request, f"{count} {question.done} {question.result}".rstrip() + ".")
    elif not promotions:
        messages.warning(request, f"None of these can be {question.done}.")
