"""Show which other promotions can clash with one in a basket, and which of them would win."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_POST

from conflicts.admin.settings import ConflictSettingsForm
from conflicts.analysis.examples import Example
from conflicts.analysis.lost_saving import LostSaving
from conflicts.analysis.overlap import Overlap, Verdict
from conflicts.resolver import Policy
from conflicts.selectors import conflict_settings
from consumers.admin.framework.pages import account_of
from loyalty.admin.page_urls import promotion_page_url
from loyalty.admin.wording import describe_amount
from loyalty.services.conflicts import Conflict, promotion_conflicts, ranked_losses
from promotions.admin.editor.step_forms import promotion_of
from promotions.choices import Family
from promotions.engine.money import from_minor
from promotions.engine.pipeline.decision import Decision
from promotions.models import Promotion

PER_PAGE = 25
MAX_PAGE = 10_000

_VERDICTS = {
    Verdict.DISJOINT: ("Never clash", "success"),
    Verdict.OVERLAPPING: ("Can clash", "warning"),
    Verdict.POSSIBLE: ("Unclear", "default"),
}
"""The label of each verdict on a pair, and the label's colour."""

_ASPECTS = (
    ("Time", "time", "They never run at the same time."),
    ("Site", "site", "They never run at the same site."),
    ("Audience", "audience", "They are for different customers."),
    ("Products and basket", "products", "No basket can match both."),
)
"""For each aspect: its label, its attribute of an overlap, and why it keeps a pair apart."""

_ASPECT_VERDICTS = {
    Verdict.DISJOINT: "no overlap",
    Verdict.OVERLAPPING: "overlap",
    Verdict.POSSIBLE: "may overlap",
}
_DECIDED_BY = {
    "bias": "the customer's saving",
    "age": "promotion age",
    "code": "promotion code, in alphabetical order",
    "combination": "the total saving",
}


@dataclass(frozen=True, kw_only=True)
class AspectRow:
    """The verdict on one aspect of a pair; ``verdict`` is its code."""

    name: str
    verdict: str
    label: str


@dataclass(frozen=True, kw_only=True)
class ExampleBasket:
    """A basket that both promotions match."""

    place: str
    when: str
    shopper: str
    lines: Sequence[str]
    details: str


@dataclass(frozen=True, kw_only=True)
class ConflictRow:
    """Another promotion, and how it may clash with this one; ``url`` is empty for a user who may not open its page."""

    name: str
    code: str
    url: str
    verdict: str
    colour: str
    aspects: Sequence[AspectRow]
    reason: str
    winner: str
    example: ExampleBasket | None


@dataclass(frozen=True, kw_only=True)
class LostSavingRow:
    """A basket in which ranking discounts costs customers money: what they save as it is, and at the best total."""

    basket: ExampleBasket
    ranked: str
    ranked_names: str
    best: str
    best_names: str


def conflicts_page(request: HttpRequest) -> HttpResponse:
    """Show the conflicts of the promotion that ``?promotion=`` names."""
    # The page names promotions of every family.
    if not request.user.has_perm("conflicts.view_conflictsettings"):
        raise PermissionDenied
    account = account_of(request)
    promotion = promotion_of(request, request.GET.get("promotion"))
    page = _page_number(request.GET.get("page", "1"))
    conflicts = promotion_conflicts(
        account=account,
        promotion_id=promotion.pk,
        at=timezone.now(),
        start=(min(page, MAX_PAGE) - 1) * PER_PAGE,
        limit=PER_PAGE,
    )
    if conflicts is not None and page > 1 and not conflicts.pairs:
        raise Http404("No more promotions.")
    context = {
        **admin.site.each_context(request),
        "title": f"Conflicts of “{promotion.name}”",
        "promotion": promotion,
        "promotion_url": promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk),
        "is_discount": promotion.family == Family.DISCOUNT,
        "is_archived": conflicts is None,
        "rows": [_row(request, promotion, pair) for pair in conflicts.pairs] if conflicts is not None else [],
        "lost_saving": describe_lost_saving(conflicts.lost_saving) if conflicts and conflicts.lost_saving else None,
        "page": Paginator(range(conflicts.others), PER_PAGE).get_page(page) if conflicts is not None else None,
    }
    return TemplateResponse(request, "admin/loyalty/conflicts.html", context)


@require_POST
def lost_saving_fragment(request: HttpRequest) -> HttpResponse:
    """Show, for the settings as the form is now, a basket in which ranking discounts costs customers money.

    Nothing is shown where the form has errors, or where the least saving is to win: no setting saves customers more.
    """
    if not request.user.has_perm("conflicts.view_conflictsettings"):
        raise PermissionDenied
    account = account_of(request)
    form = ConflictSettingsForm(request.POST, instance=conflict_settings(account_id=account.pk))
    policy = Policy(**form.cleaned_data) if form.is_valid() else None
    is_compared = policy is not None and policy.promotion_bias == "max_customer_saving"
    lost = ranked_losses(account=account, policy=policy, at=timezone.now()) if policy and is_compared else None
    context = {
        "lost": describe_lost_saving(lost) if lost is not None else None,
        "from_settings": True,
        "is_compared": is_compared,
        "is_best_total": policy is not None and policy.discount_combination == "best_total",
    }
    return TemplateResponse(request, "admin/loyalty/lost_saving_fragment.html", context)


def _page_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and int(text[:6]) > 0 else 1


def _row(request: HttpRequest, promotion: Promotion, pair: Conflict) -> ConflictRow:
    source, overlap = pair.promotion.source, pair.overlap
    verdict, colour = _VERDICTS[overlap.verdict]
    if overlap.outcome is not None and overlap.outcome.winner is None:
        verdict, colour = "Both can apply", "info"
    return ConflictRow(
        name=source.name,
        code=source.code,
        url=promotion_page_url(request, family=source.family, promotion_id=source.id),
        verdict=verdict,
        colour=colour,
        aspects=[
            AspectRow(
                name=label,
                verdict=getattr(overlap, attribute).value,
                label=_ASPECT_VERDICTS[getattr(overlap, attribute)],
            )
            for label, attribute, _ in _ASPECTS
        ],
        reason=_reason(overlap),
        winner=_winner(promotion, pair),
        example=describe_example(overlap.example) if overlap.example is not None else None,
    )


def _reason(overlap: Overlap) -> str:
    """Describe why a pair never clashes; empty where an example shows that it can."""
    reasons = [reason for _, attribute, reason in _ASPECTS if getattr(overlap, attribute) is Verdict.DISJOINT]
    if reasons or overlap.example is not None:
        return " ".join(reasons)
    return "We cannot say for certain. Try a basket to check."


def _winner(promotion: Promotion, pair: Conflict) -> str:
    outcome = pair.overlap.outcome
    if outcome is None:
        return ""
    if outcome.winner is None:
        return "Both apply to the example basket."
    name = promotion.name if outcome.winner == promotion.pk else pair.promotion.source.name
    return f"“{name}” wins, decided by {_DECIDED_BY.get(outcome.decided_by, outcome.decided_by)}."


def describe_lost_saving(lost: LostSaving) -> LostSavingRow:
    """Describe a basket in which ranking costs money, with both savings and the discounts that give them."""
    return LostSavingRow(
        basket=describe_example(lost.example),
        ranked=_saving(lost.ranked),
        ranked_names=_names(lost.ranked),
        best=_saving(lost.best),
        best_names=_names(lost.best),
    )


def _saving(decision: Decision) -> str:
    currency = decision.basket.currency
    return describe_amount(from_minor(decision.total - decision.net, currency), currency)


def _names(decision: Decision) -> str:
    return ", ".join(f"“{applied.promotion.source.name}”" for applied in decision.applied)


def describe_example(example: Example) -> ExampleBasket:
    """Describe an example basket: where and when, who buys, and what."""
    basket = example.basket
    details = (
        ("source", basket.source),
        ("payment card", basket.payment_card_type),
        ("card", basket.loyalty_card_type),
    )
    return ExampleBasket(
        place=example.site.name,
        when=date_format(basket.local, "D j M Y, H:i"),
        shopper=", ".join(_shopper_facts(example)),
        lines=[
            f"{line.quantity:f} × {line.sku} at "
            f"{describe_amount(from_minor(int(line.unit_inc_tax), basket.currency), basket.currency)}"
            f"{f' ({line.category})' if line.category else ''}"
            for line in basket.lines
        ],
        details=", ".join(f"{label} {value}" for label, value in details if value),
    )


def _shopper_facts(example: Example) -> Iterator[str]:
    shopper = example.shopper
    yield "loyalty member" if shopper.is_loyalty_member else "not a loyalty member"
    if shopper.groups:
        yield f"in {', '.join(sorted(shopper.groups))}"
    facts: tuple[tuple[str, object], ...] = (
        ("home site", shopper.home_site),
        ("born on", shopper.date_of_birth),
        ("enrolled on", shopper.enrolled_on),
        ("points balance", shopper.points_balance),
        ("last transaction on", shopper.last_transaction_on),
        ("last offer redeemed on", shopper.last_offer_redeemed_on),
        ("last promotion redeemed on", shopper.last_promotion_redeemed_on),
    )
    for label, value in facts:
        if value is not None:
            yield f"{label} {date_format(value, 'j M Y') if isinstance(value, date) else value}"
    if example.assumes_history:
        yield "with enough past purchases"
