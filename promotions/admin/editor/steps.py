"""."""

from typing import Any, ClassVar

from django import forms
from django.http import Http404, HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from consumers.admin.framework.dialogs import RowDialogForm
from consumers.admin.framework.pages import account_of
from consumers.selectors import row_by_id
from promotions.admin.editor.bulk_steps import code_of_copy, reason_field
from promotions.admin.editor.publish_warning import (
    caution_before_publishing,
)
from promotions.choices import Family
from promotions.models import Promotion
from promotions.services.promotion.values import MAX_CODE_LENGTH, MAX_NAME_LENGTH

# --- questions before a step ----------------------------------------------------------------------------------------


PUBLISH_ANYWAY = "Publish it all the same"

NOUNS = {Family.LOYALTY: "promotion", Family.DISCOUNT: "discount"}
"""What the promotions of a family are called in a question."""


class ConfirmationForm(RowDialogForm):
    """The question before a step, about one promotion of the account; {} in it is what that is called."""

    question: ClassVar[str]
    reason = reason_field()

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        # The page below has fields of the same names.
        super().__init__(request, object_id, *args, auto_id="dialog_%s", **kwargs)
        self.promotion = promotion_of(request, object_id)

    @property
    def title(self) -> str:
        """The question about this promotion."""
        return self.question.format(NOUNS[Family(self.promotion.family)])


class PublishForm(ConfirmationForm):
    """Whether to publish it; where something should be said before, that it is known must be said too."""

    question = "Publish this {}?"
    form_before_template = "admin/promotions/promotion/caution_in_question.html"
    publish_anyway = forms.BooleanField(label=PUBLISH_ANYWAY, widget=UnfoldBooleanSwitchWidget())

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        # What was confirmed is not asked again, whatever another measurement would say.
        self.caution = ""
        if not self.data.get("publish_anyway") and self.promotion.draft:
            self.caution = caution_before_publishing(account_of(request), self.promotion)
        if not self.caution:
            del self.fields["publish_anyway"]

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"caution": self.caution}


class StopForm(ConfirmationForm):
    """Whether to stop it."""

    question = "Stop this {}?"


class ArchiveForm(ConfirmationForm):
    """Whether to archive it."""

    question = "Archive this {}?"


class BringBackForm(ConfirmationForm):
    """Whether to bring it back."""

    question = "Bring this {} back?"


class DuplicateForm(ConfirmationForm):
    """What the copy is called."""

    question = "Duplicate this {}"
    reason = None  # type: ignore[assignment]  # a copy has no history yet
    name = forms.CharField(label="Promotion name", max_length=MAX_NAME_LENGTH, widget=UnfoldAdminTextInputWidget())
    code = forms.CharField(label="Promotion code", max_length=MAX_CODE_LENGTH, widget=UnfoldAdminTextInputWidget())

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.initial = {"name": f"{self.promotion.name} (copy)"[:MAX_NAME_LENGTH], "code": code_of_copy(self.promotion)}


def promotion_of(request: HttpRequest, object_id: Any) -> Promotion:
    """The promotion of the account, of whatever family, that a question is about.

    Raises:
        Http404: there is none.
    """
    promotion = row_by_id(Promotion.objects.filter(account=account_of(request)), object_id)
    if promotion is None:
        raise Http404("There is no such promotion.")
    return promotion
