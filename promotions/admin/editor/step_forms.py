"""The forms of the dialogs that ask before a promotion takes a step of its life."""

from datetime import datetime
from typing import ClassVar

from django import forms
from django.http import Http404, HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from consumers.admin.framework.dialogs import RowDialogForm
from consumers.admin.framework.fields import ZonedDateTimeField
from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import account_of
from consumers.author import MAX_REASON_LENGTH
from consumers.selectors import row_by_id
from consumers.types import JsonObject
from promotions.choices import Family
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_of
from promotions.services.promotion.values import MAX_CODE_LENGTH, MAX_NAME_LENGTH

NOUNS = {Family.LOYALTY: "promotion", Family.DISCOUNT: "discount"}
"""What the promotions of a family are called in a question."""


def reason_field() -> forms.CharField:
    """Return the field for the reason of a step, which the history keeps."""
    return forms.CharField(
        label="Reason",
        required=False,
        max_length=MAX_REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Optional. Shown in the history.",
    )


class ReasonForm(forms.Form):
    """The reason of a step of several promotions."""

    reason = reason_field()


class DatesForm(forms.Form):
    """The dates of several copies."""

    starts_at = ZonedDateTimeField(
        label="Start date", required=False, help_text="Leave blank to keep the start of each promotion."
    )
    ends_at = ZonedDateTimeField(
        label="End date", required=False, help_text="Leave blank to keep the end of each promotion."
    )

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        if problem := dates_problem(cleaned.get("starts_at"), cleaned.get("ends_at"), at=timezone.now()):
            self.add_error("ends_at", problem)
        return cleaned


class StepForm(RowDialogForm):
    """A question about one promotion of the account, with an optional reason.

    ``question`` is the step's, with {} for what the promotion is called.
    """

    question: ClassVar[str]
    reason = reason_field()

    def __init__(self, request: HttpRequest, object_id: object = None, *args: object, **kwargs: object) -> None:
        # The page below has fields of the same names.
        super().__init__(request, object_id, *args, auto_id="dialog_%s", **kwargs)
        self.promotion = promotion_of(request, object_id)

    @property
    def title(self) -> str:
        """Return the question about this promotion."""
        return self.question.format(NOUNS[Family(self.promotion.family)])


END_IN_THE_PAST = "This end is in the past. Choose a later one, or leave it blank."


class DuplicateForm(StepForm):
    """The name, the code and the dates of the copy: those of the promotion where they are still ahead."""

    reason = None  # type: ignore[assignment]  # a copy has no history yet
    name = forms.CharField(label="Promotion name", max_length=MAX_NAME_LENGTH, widget=UnfoldAdminTextInputWidget())
    code = forms.CharField(label="Promotion code", max_length=MAX_CODE_LENGTH, widget=UnfoldAdminTextInputWidget())
    starts_at = ZonedDateTimeField(label="Start date")
    ends_at = ZonedDateTimeField(
        label="End date", required=False, help_text="Leave blank to keep it active until you stop it."
    )

    def __init__(self, request: HttpRequest, object_id: object = None, *args: object, **kwargs: object) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        now, ends_at = timezone.now(), self.promotion.ends_at
        has_ended = ends_at is not None and ends_at <= now
        self.initial = {
            "name": f"{self.promotion.name} (copy)"[:MAX_NAME_LENGTH],
            "code": code_of_copy(self.promotion),
            "starts_at": max(self.promotion.starts_at, now.replace(second=0, microsecond=0)),
            "ends_at": None if has_ended else ends_at,
        }
        if has_ended:
            original = f"The original ended on {format_moment(ends_at)}."
            self.fields["ends_at"].help_text = f"{original} {self.fields['ends_at'].help_text}"

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        problem = dates_problem(cleaned.get("starts_at"), cleaned.get("ends_at"), at=timezone.now())
        if problem and "ends_at" not in self.errors:
            self.add_error("ends_at", problem)
        return cleaned


def dates_problem(starts_at: datetime | None, ends_at: datetime | None, *, at: datetime) -> str:
    """Return why a new promotion cannot have these dates; empty where it can."""
    if ends_at is not None and ends_at <= at:
        return END_IN_THE_PAST
    if ends_at is not None and starts_at is not None and ends_at <= starts_at:
        return "The end must be after the start."
    return ""


def promotion_of(request: HttpRequest, object_id: object) -> Promotion:
    """Return a promotion of the account, of any family.

    Raises:
        Http404: there is none with this id.
    """
    promotion = row_by_id(Promotion.objects.filter(account=account_of(request)), object_id)
    if promotion is None:
        raise Http404("This promotion does not exist.")
    return promotion


def code_of_copy(promotion: Promotion) -> str:
    """Return a free code in the promotion's family, made from its own."""
    stem = promotion.code[: MAX_CODE_LENGTH - 9]
    promotions = promotions_of(account_id=promotion.account_id, family=Family(promotion.family))
    taken = set(promotions.filter(code__startswith=f"{stem}-copy").values_list("code", flat=True))
    codes = (f"{stem}-copy" if n == 1 else f"{stem}-copy-{n}" for n in range(1, len(taken) + 2))
    return next(code for code in codes if code not in taken)
