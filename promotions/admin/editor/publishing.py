"""Publish a promotion from its form: what is entered is checked, asked about once, and saved with the answer.

The button sends the form. A valid one comes back with a question, and the answer sends the same form again: what is
published is what the question described, and nothing was saved in between.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import ModelForm, account_of
from consumers.types import Context
from promotions.admin.editor.form import PromotionForm
from promotions.admin.editor.header import describe_life, describe_spent_budget
from promotions.admin.editor.publish_warning import publish_warnings
from promotions.admin.editor.saved_note import saved_note
from promotions.admin.editor.step_forms import NOUNS
from promotions.admin.visibility import may_publish
from promotions.choices import Family
from promotions.exceptions import PromotionsError
from promotions.models import Promotion
from promotions.services.promotion.save import promotion_unsaved

PUBLISH = "_publish"
"""The name of the buttons that publish."""

CONFIRMED = "confirmed"
"""The value of the button that answers the question."""


@dataclass(frozen=True, kw_only=True)
class PublishQuestion:
    """The question before a promotion goes live: what it is and does, and what to know before."""

    title: str
    sentence: str
    explanation: str
    warnings: tuple[str, ...]
    answer: str


def is_publishing(request: HttpRequest) -> bool:
    """Whether the form was sent to publish, and the question was answered."""
    return request.POST.get(PUBLISH) == CONFIRMED


class PublishingMixin:
    """The question before publishing, for ``PromotionAdmin``."""

    def ask_before_publishing(self, request: HttpRequest, stored: Promotion | None) -> None:
        """Note the question on the request, if the form asks to publish and could be saved.

        Called before the request's transaction begins: measuring a draft holds no lock.

        Raises:
            PermissionDenied: the user does not decide what is live.
        """
        page: Any = self
        if PUBLISH in request.POST and not may_publish(request):
            raise PermissionDenied
        allowed = page.has_add_permission(request) if stored is None else page.has_change_permission(request, stored)
        asks = PUBLISH in request.POST and not is_publishing(request) and allowed
        question = self._question(request, stored) if asks else None
        request.publish_question = question  # type: ignore[attr-defined]

    def _question(self, request: HttpRequest, stored: Promotion | None) -> PublishQuestion | None:
        """Return the question about a posted form; None where it has errors, which the form shows."""
        page: Any = self
        account, now = account_of(request), timezone.now()
        # The form sets its values on its row: it gets one of its own.
        instance = page.get_object(request, str(stored.pk)) if stored is not None else None
        form = page.get_form(request, instance, change=stored is not None)(
            request.POST, request.FILES, instance=instance
        )
        if not form.is_valid():
            return None
        common = {**page.common_values(form), "code": form.cleaned_data["code"]}
        values = page.values_from(form, common=common)
        try:
            promotion = promotion_unsaved(family=page.family, account=account, values=values, before=stored, at=now)
        except PromotionsError:
            return None
        warnings = publish_warnings(account, promotion)
        return PublishQuestion(
            title=f"Publish this {NOUNS[Family(page.family.family)]}?",
            sentence=page.summary_for(request, form.partial_definition()),
            explanation=_explanation(promotion, is_running=promotion.starts_at <= now),
            warnings=warnings,
            answer="Publish anyway" if warnings else "Publish",
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]
        if issubclass(form, PromotionForm):
            form.publishes = PUBLISH in request.POST
            form.is_asked_about = getattr(request, "publish_question", None) is not None
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        promotion = getattr(request, "saved_promotion", None)
        if promotion is not None:
            # After the request's transaction: comparing promotions holds no lock.
            _tell_saved(request, promotion)
        return response

    def render_change_form(self, request: HttpRequest, context: Context, *args: Any, **kwargs: Any) -> HttpResponse:
        question = getattr(request, "publish_question", None)
        if question is not None:
            # The form is not saved, but nothing is wrong with it.
            context["adminform"].form.errors.pop("__all__", None)
            context |= {"publish_question": question, "errors": []}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        return response


def _tell_saved(request: HttpRequest, promotion: Promotion) -> None:
    now = timezone.now()
    done = "published" if is_publishing(request) else "saved"
    sentences = (f"“{promotion.name}” is {done}.", describe_life(promotion, at=now), describe_spent_budget(promotion))
    said = " ".join(filter(None, sentences))
    messages.success(request, format_html("{} {}", said, saved_note(request, promotion, now)))


def _explanation(promotion: Promotion, *, is_running: bool) -> str:
    start = "It applies from the next basket" if is_running else f"It starts on {format_moment(promotion.starts_at)}"
    return f"{start}. Once published, you cannot change its code or currency or turn it back into a draft."
