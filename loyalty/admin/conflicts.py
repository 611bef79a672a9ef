"""With which others a promotion may meet in one basket, and who would win."""

from datetime import date
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format

from conflicts.analysis.examples import Example
from conflicts.analysis.overlap import Verdict
from consumers.admin.framework.pages import account_of
from loyalty.admin.page_urls import promotion_address
from loyalty.admin.wording import describe_amount
from loyalty.services.conflicts import Met, promotion_conflicts
from promotions.admin.editor.page import promotion_of
from promotions.choices import Family
from promotions.engine.money import from_minor
from promotions.models import Promotion

PER_PAGE = 25
_WORDS = {
    Verdict.DISJOINT: ("Never together", "success"),
    Verdict.OVERLAPPING: ("Together in one basket", "warning"),
    Verdict.POSSIBLE: ("Not decided", "default"),
}
_RESPECTS = (
    ("Time", "time", "They are never in force at the same time."),
    ("Site", "site", "No site qualifies for both."),
    ("Audience", "audience", "No consumer qualifies for both."),
    ("Products and basket", "products", "No basket holds what both ask for."),
)
_SIGNS = {Verdict.DISJOINT: "differ", Verdict.OVERLAPPING: "meet", Verdict.POSSIBLE: "may meet"}
_DECIDED = {"bias": "because of the saving", "age": "because of its age", "code": "because of its code"}


def conflicts_page(request: HttpRequest) -> HttpResponse:
    """The panel of the promotion that ``?promotion=`` names."""
    if not request.user.has_perm("promotions.view_promotion"):
        raise PermissionDenied
    account = account_of(request)
    promotion = promotion_of(request, request.GET.get("promotion"))
    asked = request.GET.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and int(asked[:6]) > 0 else 1
    found = promotion_conflicts(
        account=account,
        promotion_id=promotion.pk,
        at=timezone.now(),
        start=(min(page, 10_000) - 1) * PER_PAGE,
        most=PER_PAGE,
    )
    if found is not None and page > 1 and not found.met:
        raise Http404("There are no more.")
    context = {
        **admin.site.each_context(request),
        "title": f"Conflicts of “{promotion.name}”",
        "promotion": promotion,
        "promotion_url": promotion_address(request, family=promotion.family, promotion_id=promotion.pk),
        "is_discount": promotion.family == Family.DISCOUNT,
        "found": found,
        "rows": [_row(request, promotion, one) for one in found.met] if found is not None else [],
        "page": Paginator(range(found.others), PER_PAGE).get_page(page) if found is not None else None,
    }
    return TemplateResponse(request, "admin/loyalty/conflicts.html", context)


def _row(request: HttpRequest, promotion: Promotion, met: Met) -> dict[str, Any]:
    source, judged = met.promotion.source, met.overlap
    words, colour = _WORDS[judged.verdict]
    apart = [why for _, name, why in _RESPECTS if getattr(judged, name) is Verdict.DISJOINT]
    return {
        "name": source.name,
        "code": source.code,
        "url": promotion_address(request, family=source.family, promotion_id=source.id),
        "verdict": words,
        "colour": colour,
        "respects": [
            {"name": label, "verdict": getattr(judged, name).value, "sign": _SIGNS[getattr(judged, name)]}
            for label, name, _ in _RESPECTS
        ],
        "why": " ".join(apart) or ("" if judged.example else "Neither proved apart nor shown together: try a basket."),
        "winner": _winner(promotion, met),
        "example": describe_example(judged.example) if judged.example is not None else None,
    }


def _winner(promotion: Promotion, met: Met) -> str:
    outcome = met.overlap.outcome
    if outcome is None:
        return ""
    if outcome.winner is None:
        return "Both apply."
    name = promotion.name if outcome.winner == promotion.pk else met.promotion.source.name
    return f"“{name}” wins, {_DECIDED.get(outcome.decided_by, outcome.decided_by)}."


def describe_example(example: Example) -> dict[str, Any]:
    """An example basket as people read it."""
    basket, shopper = example.basket, example.shopper
    facts = ["a loyalty member" if shopper.is_loyalty_member else "no loyalty member"]
    if shopper.groups:
        facts.append(f"in {', '.join(sorted(shopper.groups))}")
    for label, value in (
        ("home site", shopper.home_site),
        ("born on", shopper.date_of_birth),
        ("enrolled on", shopper.enrolled_on),
        ("points balance", shopper.points_balance),
        ("last transaction on", shopper.last_transaction_on),
        ("last offer redeemed on", shopper.last_offer_redeemed_on),
        ("last promotion redeemed on", shopper.last_promotion_redeemed_on),
    ):
        if value is not None:
            facts.append(f"{label} {date_format(value, 'j M Y') if isinstance(value, date) else value}")
    if example.assumes_history:
        facts.append("who has bought as often as is asked")
    said = [("source", basket.source), ("payment card", basket.payment_card_type), ("card", basket.loyalty_card_type)]
    return {
        "place": example.site.name,
        "when": date_format(basket.local, "D j M Y, H:i"),
        "shopper": ", ".join(facts),
        "lines": [
            f"{line.units} × {line.sku} at "
            f"{describe_amount(from_minor(line.unit_inc_tax, basket.currency), basket.currency)}"
            f"{f' ({line.category})' if line.category else ''}"
            for line in basket.lines
        ],
        "said": ", ".join(f"{label} {value}" for label, value in said if value),
    }
