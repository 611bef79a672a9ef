"""Adjusting a consumer's points from their Loyalty tab, and how much of it each role may do."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from consumers.admin.base import OnePageAdmin, ServiceForm, account_of, user_of
from consumers.exceptions import Refused
from consumers.models import Account, Consumer
from consumers.selectors import consumers_of
from loyalty.models import AdjustmentLimits
from loyalty.selectors.adjustment import adjustment_limits, points_adjusted
from loyalty.services.adjustment import LimitValues, adjustment_limits_save, staff_points_adjust
from promotions.admin.numbers import whole

ADJUST = "loyalty.add_ledgerentry"
"""The permission to adjust a balance."""

MOST_POINTS = 10**12


class AdjustForm(BaseDialogForm):
    """How many points and why; ``reference`` is of this showing of the form, so that sending it twice adjusts once."""

    direction = forms.ChoiceField(
        label="What to do",
        choices=[("add", "Add points"), ("take", "Take points away")],
        initial="add",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    points = forms.IntegerField(label="Points", min_value=1, max_value=MOST_POINTS, widget=whole("points"))
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The consumer's points statement says it, and the ledger keeps it for good.",
    )
    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, request: HttpRequest, consumer: Consumer, **kwargs: Any) -> None:
        # The page below has fields of the same names.
        super().__init__(request, consumer.pk, auto_id="dialog_%s", **kwargs)
        self.consumer = consumer
        balance = f"The balance is {consumer.points_balance:,} points."
        self.fields["points"].help_text = f"{balance} {allowance_in_words(request)}".strip()

    @property
    def signed_points(self) -> int:
        """The points of a valid form, below zero where they are taken away."""
        points: int = self.cleaned_data["points"]
        return -points if self.cleaned_data["direction"] == "take" else points

    @property
    def back_url(self) -> str:
        """Where the page without scripts leads back to."""
        return f"{reverse('admin:consumers_consumer_change', args=[self.consumer.pk])}#loyalty"


def allowance_in_words(request: HttpRequest) -> str:
    """What the user may still adjust today; empty where nothing limits them."""
    account, user = account_of(request), user_of(request)
    at_once, per_day = adjustment_limits(account_id=account.pk).of_role(role_of(request))
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


def role_of(request: HttpRequest) -> str:
    """The name of the role in which the user works."""
    membership = user_of(request).current_membership
    return membership.role.name if membership is not None else ""


def adjust_view(request: HttpRequest, consumer_pk: int) -> HttpResponse:
    """Ask how many points and why, and adjust a consumer's balance."""
    if not request.user.has_perm(ADJUST):
        raise PermissionDenied
    account = account_of(request)
    consumer = consumers_of(account_id=account.pk).filter(pk=consumer_pk).first()
    if consumer is None:
        raise Http404("There is no such consumer.")
    form = AdjustForm(request, consumer, data=request.POST or None)
    if form.is_valid():
        try:
            adjustment = staff_points_adjust(
                account=account,
                user=user_of(request),
                role=role_of(request),
                consumer_id=consumer.consumer_id,
                reference=str(form.cleaned_data["reference"]),
                points=form.signed_points,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
            )
        except Refused as refused:
            for problem in refused.problems:
                form.add_error(problem.attr if problem.attr in form.fields else None, problem.detail)
        else:
            done = f"{adjustment.entry.points:+,} points for {consumer}."
            messages.success(request, f"{done} The balance is {adjustment.balance:,} points now.")
            if request.headers.get("HX-Request"):
                return HttpResponse(headers={"HX-Refresh": "true"})
            return HttpResponseRedirect(form.back_url)
    dialog = {"title": f"Adjust the points of {consumer}", "description": "A correction later is another adjustment."}
    context = {"dialog": dialog, "form": form, "form_submit_text": "Adjust points"}
    return render(request, "unfold/helpers/dialog.html", context)


class AdjustmentLimitsForm(ServiceForm):
    """The limits, as their service takes them."""

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
        help_texts = dict.fromkeys(fields, "Empty: no limit.")
        widgets = {name: whole("points") for name in fields}


@admin.register(AdjustmentLimits)
class AdjustmentLimitsAdmin(OnePageAdmin):
    """Points adjustments."""

    form = AdjustmentLimitsForm
    fieldsets = (
        (
            "Points adjustments",
            {
                "description": "How many points, added or taken away, each member of staff of a role may adjust. A day "
                "is one of the account's time zone. Marketers and viewers adjust nothing.",
                "fields": (
                    ("customer_service_at_once", "customer_service_per_day"),
                    ("administrator_at_once", "administrator_per_day"),
                ),
            },
        ),
    )

    def row_of(self, account: Account) -> Model:
        return adjustment_limits(account_id=account.pk)

    def save_row(self, request: HttpRequest, obj: AdjustmentLimits, form: Any, *, change: bool) -> Model:
        values = LimitValues(**{name: form.cleaned_data[name] for name in AdjustmentLimitsForm.Meta.fields})
        return adjustment_limits_save(account_id=obj.account_id, values=values)
