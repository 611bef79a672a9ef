"""Adjust a consumer's points from their Loyalty tab, and set how much each role may adjust."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from consumers.admin.framework.pages import ModelForm, OnePageAdmin, ServiceForm, account_of, author_of, staff_user
from consumers.functionalities import Allowance
from consumers.lengths import MAX_REASON_LENGTH
from consumers.models import Account, Consumer, Role
from consumers.services.role import allowance_of
from loyalty.admin.consumer_dialog import ConsumerDialogForm, consumer_dialog
from loyalty.models import AdjustmentLimits
from loyalty.selectors.points import adjustment_limits, points_adjusted
from loyalty.services.points.adjustment import MAX_ADJUSTMENT_POINTS
from loyalty.services.points.staff_adjustment import (
    CANNOT_RAISE,
    LimitValues,
    adjustment_limits_save,
    limit_of,
    points_to_give,
    staff_points_adjust,
)
from promotions.admin.inputs.number_inputs import whole

PERMISSION = "loyalty.add_ledgerentry"
"""The permission to adjust a balance."""


class AdjustForm(ConsumerDialogForm):
    """The number of points, the direction and the reason."""

    direction = forms.ChoiceField(
        label="What to do",
        choices=[("add", "Add points"), ("take", "Take points away")],
        initial="add",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    points = forms.IntegerField(label="Points", min_value=1, max_value=MAX_ADJUSTMENT_POINTS, widget=whole("points"))
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown on the consumer's points statement and kept in the ledger.",
    )

    def __init__(self, request: HttpRequest, consumer: Consumer, **kwargs: Any) -> None:
        super().__init__(request, consumer, **kwargs)
        balance = f"The balance is {consumer.points_balance:,} points."
        self.fields["points"].help_text = f"{balance} {describe_allowance(request)}".strip()

    @property
    def title(self) -> str:
        return f"Adjust the points of {self.consumer}"

    @property
    def signed_points(self) -> int:
        """The points of a valid form; negative where they are taken away."""
        points: int = self.cleaned_data["points"]
        return -points if self.cleaned_data["direction"] == "take" else points


def describe_allowance(request: HttpRequest) -> str:
    """Describe how much the user may still adjust today; empty without a limit."""
    account, user = account_of(request), staff_user(request)
    at_once, per_day = allowance_of(account_id=account.pk, role=role_of(request))
    left = None
    if per_day is not None:
        left = max(0, per_day - points_adjusted(account=account, user=user, day=timezone.localdate()))
    match at_once, left:
        case None, None:
            return ""
        case _, None:
            return f"You may adjust up to {at_once:,} at once."
        case None, _:
            return f"You may adjust {left:,} more today."
        case _:
            return f"You may adjust up to {at_once:,} at once, and {left:,} more today."


def role_of(request: HttpRequest) -> Role:
    """Return the role in which the user works.

    Raises:
        PermissionDenied: the user is a member of no account.
    """
    membership = staff_user(request).current_membership
    if membership is None:
        raise PermissionDenied
    return membership.role


def adjust_view(request: HttpRequest, consumer_pk: int) -> HttpResponse:
    """Ask for the number of points and the reason, and adjust the consumer's balance."""

    def adjust(form: AdjustForm) -> str:
        adjustment = staff_points_adjust(
            account=account_of(request),
            author=author_of(request, reason=form.cleaned_data["reason"]),
            role=role_of(request),
            consumer_id=form.consumer.consumer_id,
            reference=str(form.cleaned_data["reference"]),
            points=form.signed_points,
            at=timezone.now(),
        )
        points, balance = adjustment.entry.points, adjustment.balance
        return f"{points:+,} points for {form.consumer}. The balance is {balance:,} points now."

    return consumer_dialog(
        request,
        consumer_pk,
        permission=PERMISSION,
        form_class=AdjustForm,
        run=adjust,
        description="A correction later is another adjustment.",
        button="Adjust points",
    )


class AdjustmentLimitsForm(ServiceForm):
    """The limits of the account."""

    class Meta:
        model = AdjustmentLimits
        fields = (
            "customer_service_at_once",
            "customer_service_per_day",
            "administrator_at_once",
            "administrator_per_day",
        )
        labels = {
            "customer_service_at_once": "Customer service: at once",
            "customer_service_per_day": "Customer service: in a day",
            "administrator_at_once": "Administrators: at once",
            "administrator_per_day": "Administrators: in a day",
        }
        help_texts = dict.fromkeys(fields, "Leave blank for no limit.")
        widgets = {name: whole("points") for name in fields}

    own: ClassVar[Allowance]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            limit = limit_of(self.own, name)
            if limit is not None:
                field.help_text = (
                    f"Blank means no limit. You can raise it up to {limit:,}, your own limit."
                    if limit
                    else CANNOT_RAISE
                )


@admin.register(AdjustmentLimits)
class AdjustmentLimitsAdmin(OnePageAdmin):
    """The page of the account's limits on adjustments."""

    page_name = "Points adjustments"
    form = AdjustmentLimitsForm
    fieldsets = (
        (
            "Points adjustments",
            {
                "description": "How many points each member of staff of a role may add or take away. Days are those "
                "of the account's time zone. Marketers and viewers cannot adjust points.",
                "fields": (
                    ("customer_service_at_once", "customer_service_per_day"),
                    ("administrator_at_once", "administrator_per_day"),
                ),
            },
        ),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form = super().get_form(request, obj, change, **kwargs)
        user = staff_user(request)
        form.own = points_to_give(account_id=account_of(request).pk, user=user)  # type: ignore[attr-defined]
        return form

    def row_of(self, account: Account) -> Model:
        return adjustment_limits(account_id=account.pk)

    def save_row(self, request: HttpRequest, obj: AdjustmentLimits, form: Any, *, change: bool) -> Model:
        values = LimitValues(**{name: form.cleaned_data[name] for name in AdjustmentLimitsForm.Meta.fields})
        return adjustment_limits_save(account_id=obj.account_id, values=values, given_by=staff_user(request))
