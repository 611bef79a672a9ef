"""The forms of the dialogs that ask before a promotion takes a step of its life."""

from typing import ClassVar

from django import forms
from django.http import Http404, HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from consumers.admin.framework.dialogs import RowDialogForm
from consumers.admin.framework.pages import account_of
from consumers.author import MAX_REASON_LENGTH
from consumers.selectors import row_by_id
from promotions.admin.editor.publish_warning import publish_warning
from promotions.choices import Family
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_of
from promotions.services.promotion.values import MAX_CODE_LENGTH, MAX_NAME_LENGTH

PUBLISH_ANYWAY = "Publish anyway"

NOUNS = {Family.LOYALTY: "promotion", Family.DISCOUNT: "discount"}
"""What the promotions of a family are called in a question."""


def reason_field() -> forms.CharField:
    """Return the field for the reason of a step, which the history keeps."""
    return forms.CharField(
        label="Reason",
        required=False,
        max_length=MAX_REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget(),
        help_text="For the history. It may stay empty.",
    )


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


class PublishForm(StepForm):
    """The question before publishing; where there is a warning, it must be confirmed too."""

    form_before_template = "admin/promotions/promotion/publish_warning_in_dialog.html"
    publish_anyway = forms.BooleanField(label=PUBLISH_ANYWAY, widget=UnfoldBooleanSwitchWidget())

    def __init__(self, request: HttpRequest, object_id: object = None, *args: object, **kwargs: object) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        # Once confirmed, a warning is not raised again, even if another measurement would warn of more.
        self.warning = ""
        if not self.data.get("publish_anyway") and self.promotion.draft:
            self.warning = publish_warning(account_of(request), self.promotion)
        if not self.warning:
            del self.fields["publish_anyway"]

    def get_before_template_context(self, request: HttpRequest, object_id: object = None) -> dict[str, object]:
        return {"publish_warning": self.warning}


class DuplicateForm(StepForm):
    """The name and the code of the copy."""

    reason = None  # type: ignore[assignment]  # a copy has no history yet
    name = forms.CharField(label="Promotion name", max_length=MAX_NAME_LENGTH, widget=UnfoldAdminTextInputWidget())
    code = forms.CharField(label="Promotion code", max_length=MAX_CODE_LENGTH, widget=UnfoldAdminTextInputWidget())

    def __init__(self, request: HttpRequest, object_id: object = None, *args: object, **kwargs: object) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.initial = {"name": f"{self.promotion.name} (copy)"[:MAX_NAME_LENGTH], "code": code_of_copy(self.promotion)}


def promotion_of(request: HttpRequest, object_id: object) -> Promotion:
    """Return a promotion of the account, of any family.

    Raises:
        Http404: there is none with this id.
    """
    promotion = row_by_id(Promotion.objects.filter(account=account_of(request)), object_id)
    if promotion is None:
        raise Http404("There is no such promotion.")
    return promotion


def code_of_copy(promotion: Promotion) -> str:
    """Return a free code in the promotion's family, made from its own."""
    stem = promotion.code[: MAX_CODE_LENGTH - 9]
    promotions = promotions_of(account_id=promotion.account_id, family=Family(promotion.family))
    taken = set(promotions.filter(code__startswith=f"{stem}-copy").values_list("code", flat=True))
    codes = (f"{stem}-copy" if n == 1 else f"{stem}-copy-{n}" for n in range(1, len(taken) + 2))
    return next(code for code in codes if code not in taken)
