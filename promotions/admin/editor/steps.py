"""The steps of a promotion's life: each one value, which the page of a promotion and the list of several read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant

from consumers.admin.framework.dialogs import dialog_redirect, dialog_with_errors
from consumers.admin.framework.pages import author_of
from consumers.author import Author
from consumers.exceptions import Refused
from consumers.types import JsonMapping
from promotions.admin.editor.header import describe_life
from promotions.admin.editor.step_forms import DatesForm, DuplicateForm, ReasonForm, StepForm, code_of_copy
from promotions.admin.visibility import may_publish
from promotions.choices import Status
from promotions.models import Promotion
from promotions.services.promotion.life import (
    KEEP,
    promotion_archive,
    promotion_duplicate,
    promotion_stop,
)
from promotions.services.promotion.values import PromotionFamily


@dataclass(frozen=True, kw_only=True)
class StepInput:
    """What a step is run with: the family, who takes it and when, and the valid values of its form."""

    family: PromotionFamily
    author: Author
    at: datetime
    values: JsonMapping


@dataclass(frozen=True, kw_only=True)
class BulkQuestion:
    """The question before several promotions take a step; {} is what they are called, ``done`` follows a number.

    ``result`` is what they become, if that is something else. ``form`` has the fields that the question asks for.
    """

    question: str
    explanation: str
    answer: str
    done: str
    form: type[forms.Form]
    result: str = ""
    skips_archived: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a promotion's life.

    ``allowed`` decides whether a promotion can take it at a moment, ``run`` takes it. ``question``, with {} for what
    the promotion is called, ``explanation`` and ``answer`` are asked in a dialog with the fields of ``form``. With
    ``bulk`` several promotions can take it at once.
    """

    name: str
    label: str
    icon: str
    question: str
    explanation: str
    answer: str
    allowed: Callable[[Promotion, datetime], bool]
    run: Callable[[Promotion, StepInput], Promotion]
    form: type[StepForm] = StepForm
    variant: ActionVariant = ActionVariant.DEFAULT
    permission: str = "publish"
    bulk: BulkQuestion | None = None


STOP = Step(
    name="stop",
    label="Stop",
    icon="stop_circle",
    question="Stop this {}?",
    explanation="It no longer applies to any basket. You cannot undo this. Points and vouchers already given stay.",
    answer="Stop promotion",
    variant=ActionVariant.DANGER,
    allowed=lambda promotion, at: promotion.status_at(at) in (Status.ACTIVE, Status.SCHEDULED),
    run=lambda promotion, given: promotion_stop(promotion=promotion, author=given.author, at=given.at),
    bulk=BulkQuestion(
        question="Stop these {}?",
        explanation="They no longer apply to any basket. You cannot undo this. Points and vouchers already given stay.",
        answer="Stop promotions",
        done="stopped",
        form=ReasonForm,
        skips_archived=True,
    ),
)
DUPLICATE = Step(
    name="duplicate",
    label="Duplicate",
    icon="content_copy",
    question="Duplicate this {}",
    explanation="Creates a draft copy with these dates.",
    answer="Duplicate",
    form=DuplicateForm,
    permission="copy",
    allowed=lambda _promotion, _at: True,
    run=lambda promotion, given: promotion_duplicate(
        promotion=promotion,
        code=given.values.get("code") or code_of_copy(promotion),
        name=given.values.get("name") or "",
        starts_at=given.values.get("starts_at"),
        ends_at=given.values.get("ends_at", KEEP),
        author=given.author,
        at=given.at,
    ),
    bulk=BulkQuestion(
        question="Duplicate these {}?",
        explanation="Creates a draft copy of each, with a code of its own.",
        form=DatesForm,
        answer="Duplicate promotions",
        done="duplicated",
        result="as drafts",
    ),
)
ARCHIVE = Step(
    name="archive",
    label="Archive",
    icon="archive",
    question="Archive this {}?",
    explanation="While archived, it does not apply and is hidden from the list. Its history stays, and you can "
    "bring it back.",
    answer="Archive",
    allowed=lambda promotion, _at: not promotion.archived,
    run=lambda promotion, given: promotion_archive(
        family=given.family, promotion=promotion, archived=True, author=given.author, at=given.at
    ),
)
BRING_BACK = Step(
    name="bring_back",
    label="Bring back",
    icon="unarchive",
    question="Bring this {} back?",
    explanation="It is back in the list and applies according to its dates.",
    answer="Bring back",
    allowed=lambda promotion, _at: promotion.archived,
    run=lambda promotion, given: promotion_archive(
        family=given.family, promotion=promotion, archived=False, author=given.author, at=given.at
    ),
)
STEPS: Mapping[str, Step] = {step.name: step for step in (STOP, DUPLICATE, ARCHIVE, BRING_BACK)}


def step_action(step: Step) -> object:
    """Return the action that asks about a step on the page of one promotion, and takes it."""

    def take(page: "StepsMixin", request: HttpRequest, form: StepForm, object_id: object) -> HttpResponse:
        return page.take_step(request, step, form)

    take.__name__ = step.name
    dialog: dict[str, object] = {
        "title": step.question,
        "description": step.explanation,
        "form_class": type("QuestionForm", (step.form,), {"question": step.question}),
        "form_submit_text": step.answer,
    }
    if step.variant == ActionVariant.DANGER:
        dialog["variant"] = "danger"
    return action(
        description=step.label, icon=step.icon, variant=step.variant, permissions=[step.permission], dialog=dialog
    )(take)


class StepsMixin:
    """The steps on the page of one promotion, for ``PromotionAdmin``."""

    family: ClassVar[PromotionFamily]
    stop = step_action(STOP)
    duplicate = step_action(DUPLICATE)
    archive = step_action(ARCHIVE)
    bring_back = step_action(BRING_BACK)

    def has_publish_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whether the user may decide which promotions of the family are live."""
        page: Any = self
        return bool(page.has_change_permission(request)) and may_publish(request)

    def has_copy_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whether the user may duplicate promotions: those who may add may."""
        page: Any = self
        return bool(page.has_add_permission(request))

    def get_actions_detail(self, request: HttpRequest, object_id: object) -> list[UnfoldAction]:
        """Return the actions of the steps that the promotion can take now, and those that are no steps."""
        page: Any = self
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        promotion = page.get_object(request, str(object_id))
        if promotion is None:
            return []
        steps = [(action, STEPS.get(action.method.original_function_name)) for action in actions]
        return [action for action, step in steps if step is None or step.allowed(promotion, promotion.seen_at)]

    def take_step(self, request: HttpRequest, step: Step, form: StepForm) -> HttpResponse:
        """Take a step with the promotion of a valid form; show a refusal in the form's dialog."""
        page: Any = self
        promotion: Promotion = page.promotion_of(request, form.promotion.pk)
        author = author_of(request, reason=form.cleaned_data.get("reason", ""))
        given = StepInput(family=self.family, author=author, at=timezone.now(), values=form.cleaned_data)
        try:
            promotion = step.run(promotion, given)
        except Refused as refused:
            for problem in refused.problems:
                form.add_error(problem.attr if problem.attr in form.fields else None, problem.detail)
            return dialog_with_errors(request, getattr(self, step.name).dialog, form)
        page.log_change(request, promotion, f"{step.label}.")
        messages.success(request, f"“{promotion.name}”: {describe_life(promotion, at=timezone.now())}")
        return dialog_redirect(request, page.url_of("change", promotion.pk))
