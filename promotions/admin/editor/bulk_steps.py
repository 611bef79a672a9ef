"""Steps that several promotions of an overview take at once, asked about on a page of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from consumers.admin.framework.pages import author_of
from consumers.author import MAX_REASON_LENGTH, Author
from consumers.exceptions import Refused
from promotions.choices import Family, Status
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_of
from promotions.services.promotion.life import promotion_duplicate, promotion_stop
from promotions.services.promotion.values import MAX_CODE_LENGTH

CONFIRMED = "confirmed"
MOST = 500
"""Promotions that one step is taken with at most."""


def reason_field() -> forms.CharField:
    """Why a step is taken, for the history."""
    return forms.CharField(
        label="Reason",
        required=False,
        max_length=MAX_REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget(),
        help_text="For the history. It may stay empty.",
    )


class ReasonForm(forms.Form):
    """Why a step is taken."""

    reason = reason_field()


@dataclass(frozen=True, kw_only=True)
class ChosenStep:
    """A step for several promotions: what is asked, which can take it, and what it does to one."""

    question: str
    explanation: str
    answer: str
    done: str
    asks_reason: bool
    can_take: Callable[[Promotion, datetime], bool]
    take: Callable[[Promotion, Author, datetime], object]


STOP = ChosenStep(
    question="Stop these {}?",
    explanation="They apply to no basket from now on, for good. What they gave until now stays.",
    answer="Stop them",
    done="stopped",
    asks_reason=True,
    can_take=lambda one, at: one.status_at(at) in (Status.ACTIVE, Status.SCHEDULED) and not one.archived,
    take=lambda one, author, at: promotion_stop(promotion=one, author=author, at=at),
)
DUPLICATE = ChosenStep(
    question="Duplicate these {}?",
    explanation="Each copy is a draft that says the same, under a code of its own.",
    answer="Duplicate them",
    done="duplicated",
    asks_reason=False,
    can_take=lambda _one, _at: True,
    take=lambda one, author, at: promotion_duplicate(promotion=one, code=code_of_copy(one), author=author, at=at),
)


def code_of_copy(promotion: Promotion) -> str:
    """A code that no promotion of the family has, made from this one's."""
    stem = promotion.code[: MAX_CODE_LENGTH - 9]
    promotions = promotions_of(account_id=promotion.account_id, family=Family(promotion.family))
    taken = set(promotions.filter(code__startswith=f"{stem}-copy").values_list("code", flat=True))
    names = (f"{stem}-copy" if n == 1 else f"{stem}-copy-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def step_taken(
    page: Any, request: HttpRequest, chosen: QuerySet[Promotion], step: ChosenStep, *, action: str
) -> HttpResponse | None:
    """Ask about a step, or take it where it was asked about: each promotion by itself, as if one by one.

    None leads back to the overview, which tells what became of it.
    """
    now = timezone.now()
    promotions = list(chosen.order_by("code")[: MOST + 1])
    if len(promotions) > MOST:
        messages.error(request, f"At most {MOST} at once: choose fewer.")
        return None
    able = [one for one in promotions if step.can_take(one, now)]
    form = ReasonForm(request.POST if CONFIRMED in request.POST else None)
    if CONFIRMED in request.POST and form.is_valid():
        _take(request, able, step, reason=form.cleaned_data["reason"], at=now)
        return None
    context = {
        **page.admin_site.each_context(request),
        "title": step.question.format(page.opts.verbose_name_plural),
        "opts": page.opts,
        "step": step,
        "able": able,
        "others": [
            {"promotion": one, "status": one.status_at(now).label} for one in promotions if not step.can_take(one, now)
        ],
        "form": form if step.asks_reason else None,
        "action": action,
        "checkbox": ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/promotions/promotion/chosen.html", context)


def _take(
    request: HttpRequest, promotions: Sequence[Promotion], step: ChosenStep, *, reason: str, at: datetime
) -> None:
    taken = 0
    for promotion in promotions:
        try:
            step.take(promotion, author_of(request, reason=reason), at)
            taken += 1
        except Refused as refused:
            messages.error(request, f"“{promotion.name}”: {refused.problems[0].detail}")
    if taken:
        messages.success(request, f"{taken} {step.done}.")
    elif not promotions:
        messages.warning(request, f"None of them can be {step.done}.")


class ChosenStepsMixin:
    """The steps for several, in the overview of a family."""

    actions = ("stop_chosen", "duplicate_chosen")
    actions_selection_counter = True

    @admin.action(description="Stop", permissions=["change"])
    def stop_chosen(self, request: HttpRequest, chosen: QuerySet[Promotion]) -> HttpResponse | None:
        """Stop those chosen, once that is confirmed."""
        return step_taken(self, request, chosen, STOP, action="stop_chosen")

    @admin.action(description="Duplicate", permissions=["copy"])
    def duplicate_chosen(self, request: HttpRequest, chosen: QuerySet[Promotion]) -> HttpResponse | None:
        """Duplicate those chosen, once that is confirmed."""
        return step_taken(self, request, chosen, DUPLICATE, action="duplicate_chosen")
