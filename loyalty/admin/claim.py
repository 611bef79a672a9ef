"""Claiming a reward for a consumer, from their Loyalty tab."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from consumers.admin.base import account_of, user_of
from consumers.exceptions import Refused
from consumers.models import Consumer
from consumers.selectors import consumers_of
from loyalty.models import Offer
from loyalty.selectors.offer import offers_claimable
from loyalty.services.offer import offer_claim

CLAIM = "loyalty.add_voucher"
"""The permission to claim an offer for a consumer."""


class ClaimForm(BaseDialogForm):
    """Which reward; ``reference`` is of this showing of the form, so that sending it twice claims once."""

    offer = forms.ChoiceField(label="Reward", widget=UnfoldAdminSelectWidget())
    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, request: HttpRequest, consumer: Consumer, **kwargs: Any) -> None:
        # The page below has fields of the same names.
        super().__init__(request, consumer.pk, auto_id="dialog_%s", **kwargs)
        self.consumer = consumer
        offers = offers_claimable(account_id=consumer.account_id, at=timezone.now())
        field = self.fields["offer"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [(offer.code, self._in_words(offer)) for offer in offers]
        if field.choices:
            field.choices = [("", "Choose a reward"), *field.choices]
            field.help_text = f"The balance is {consumer.points_balance:,} points."
        else:
            field.choices = [("", "No reward can be claimed now")]
            field.help_text = "Tiered offers that are in stock and within their dates can be claimed."

    def _in_words(self, offer: Offer) -> str:
        cost = offer.point_cost or 0
        short = cost - self.consumer.points_balance
        words = f"{offer.name}: {cost:,} points"
        return f"{words} ({short:,} too many)" if short > 0 else words

    @property
    def back_url(self) -> str:
        """Where the page without scripts leads back to."""
        return f"{reverse('admin:consumers_consumer_change', args=[self.consumer.pk])}#loyalty"


def claim_view(request: HttpRequest, consumer_pk: int) -> HttpResponse:
    """Ask which reward a consumer wants, and claim it for them."""
    if not request.user.has_perm(CLAIM):
        raise PermissionDenied
    account = account_of(request)
    consumer = consumers_of(account_id=account.pk).filter(pk=consumer_pk).first()
    if consumer is None:
        raise Http404("There is no such consumer.")
    form = ClaimForm(request, consumer, data=request.POST or None)
    if form.is_valid():
        try:
            claim = offer_claim(
                account=account,
                consumer_id=consumer.consumer_id,
                reference=str(form.cleaned_data["reference"]),
                offer_code=form.cleaned_data["offer"],
                at=timezone.now(),
                claimed_by=user_of(request),
            )
        except Refused as refused:
            for problem in refused.problems:
                form.add_error("offer" if problem.attr == "offer" else None, problem.detail)
        else:
            words = (
                f"Voucher {claim.voucher.code} of “{claim.voucher.offer.name}” is issued for {claim.points:,} points."
            )
            messages.success(request, f"{words} The balance is {claim.balance:,} points now.")
            if request.headers.get("HX-Request"):
                return HttpResponse(headers={"HX-Refresh": "true"})
            return HttpResponseRedirect(form.back_url)
    name = f"{consumer.first_name} {consumer.last_name}".strip() or consumer.consumer_id
    dialog = {"title": f"Claim a reward for {name}", "description": "It costs points, and issues a voucher at once."}
    context = {"dialog": dialog, "form": form, "form_submit_text": "Claim reward"}
    return render(request, "unfold/helpers/dialog.html", context)
