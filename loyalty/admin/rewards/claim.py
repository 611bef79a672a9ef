"""Claim a reward for a consumer, from their Loyalty tab."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from consumers.admin.framework.pages import account_of, author_of
from consumers.models import Consumer
from loyalty.admin.consumer_dialog import ConsumerDialogForm, consumer_dialog
from loyalty.models import Offer
from loyalty.selectors.rewards import offers_claimable
from loyalty.services.rewards.claim import offer_claim

PERMISSION = "loyalty.add_voucher"
"""The permission to claim an offer for a consumer."""


class ClaimForm(ConsumerDialogForm):
    """The choice of a reward."""

    offer = forms.ChoiceField(label="Reward", widget=UnfoldAdminSelectWidget())

    def __init__(self, request: HttpRequest, consumer: Consumer, **kwargs: Any) -> None:
        super().__init__(request, consumer, **kwargs)
        offers = offers_claimable(account_id=consumer.account_id, at=timezone.now())
        field = self.fields["offer"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [(offer.code, self._label(offer)) for offer in offers]
        if field.choices:
            field.choices = [("", "Choose a reward"), *field.choices]
            field.help_text = f"The balance is {consumer.points_balance:,} points."
        else:
            field.choices = [("", "No rewards available")]
            field.help_text = "Only tiered offers that are in stock and within their dates can be claimed."

    @property
    def title(self) -> str:
        return f"Claim a reward for {self.consumer}"

    def _label(self, offer: Offer) -> str:
        cost = offer.point_cost or 0
        missing = cost - self.consumer.points_balance
        label = f"{offer.name}: {cost:,} points"
        return f"{label} ({missing:,} more points needed)" if missing > 0 else label


def claim_view(request: HttpRequest, consumer_pk: int) -> HttpResponse:
    """Ask for the reward, and claim it for the consumer."""

    def claim(form: ClaimForm) -> str:
        result = offer_claim(
            account=account_of(request),
            consumer_id=form.consumer.consumer_id,
            reference=str(form.cleaned_data["reference"]),
            offer_code=form.cleaned_data["offer"],
            at=timezone.now(),
            author=author_of(request),
        )
        voucher = result.voucher
        return (
            f"Voucher {voucher.code} of “{voucher.offer.name}” issued for {result.points:,} points. "
            f"New balance: {result.balance:,} points."
        )

    return consumer_dialog(
        request,
        consumer_pk,
        permission=PERMISSION,
        form_class=ClaimForm,
        run=claim,
        description="Takes the points and issues a voucher straight away.",
        button="Claim reward",
    )
