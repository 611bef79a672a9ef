"""Tell which promotions can beat one that was published."""

from datetime import datetime

from django.contrib.humanize.templatetags.humanize import apnumber
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from consumers.models import Account
from loyalty.services.conflicts import promotion_conflicts
from promotions.choices import Family, Status
from promotions.models import Promotion

MAX_COMPARED = 50
"""Promotions that a saved one is compared with at once; the page of its conflicts has them all."""

_NOUNS = {Family.LOYALTY: "promotion", Family.DISCOUNT: "discount"}


def beaten_by_note(request: HttpRequest, promotion: Promotion, at: datetime) -> SafeString:
    """Return how many live and scheduled promotions can beat one, with a link to its conflicts; empty for none."""
    # The page of conflicts names promotions of every family.
    if not request.user.has_perm("conflicts.view_conflictsettings"):
        return SafeString()
    if promotion.archived or promotion.status_at(at) not in (Status.ACTIVE, Status.SCHEDULED):
        return SafeString()
    # Read again: the save has changed the version of the account's promotions.
    account = Account.objects.get(pk=promotion.account_id)
    conflicts = promotion_conflicts(account=account, promotion_id=promotion.pk, at=at, limit=MAX_COMPARED)
    outcomes = [pair.overlap.outcome for pair in conflicts.pairs] if conflicts is not None else []
    winners = sum(1 for outcome in outcomes if outcome is not None and outcome.winner not in (None, promotion.pk))
    if conflicts is None or not winners:
        return SafeString()
    noun = _NOUNS[Family(promotion.family)]
    beaten = f"{apnumber(winners)} {noun if winners == 1 else f'{noun}s'} can beat this one"
    if conflicts.others > MAX_COMPARED:
        beaten = f"at least {beaten}"
    address = f"{reverse('promotion_conflicts')}?{urlencode({'promotion': promotion.pk})}"
    return format_html('<a class="text-link" href="{}">{}</a>.', address, beaten[0].upper() + beaten[1:])
