"""Try it: what a till would be told of a basket, with a draft counted in, and why nothing else applies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from consumers.admin.framework.pages import account_of, author_of
from consumers.models import Account
from consumers.selectors import sites_of
from loyalty.admin.addresses import promotion_address
from loyalty.admin.try_form import BasketForm, initial_of
from loyalty.admin.wording import describe_amount, describe_type
from loyalty.exceptions import SaleInvalid
from loyalty.models import TriedBasket
from loyalty.selectors.tried_basket import tried_basket_by_id, tried_baskets_offered
from loyalty.services.till.quote import Quote
from loyalty.services.tried_basket import BasketToTry, basket_kept, basket_try, tried_basket_forget, tried_basket_keep
from promotions.admin.editor.page import STATUS_COLOURS, promotion_of
from promotions.admin.rules.wording import SCOPES, describe_tree, label_of
from promotions.admin.visibility import may_see_personalized
from promotions.choices import ReferenceKind, Status
from promotions.engine.money import from_minor
from promotions.engine.pipeline.decision import DECIDED_BY, Applied, Decision, Refusal
from promotions.engine.pipeline.evaluate import nearest_first
from promotions.models import Promotion
from promotions.selectors.promotion import REFERENCE_SOURCES, ReferenceKey
from promotions.selectors.rule_values import reference_names

MAY_TRY = "promotions.view_promotion"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of the promotion that is tried."""

    applies: bool
    words: str


def try_basket(request: HttpRequest) -> HttpResponse:
    """The page: a form, and below it the decision. ``?promotion=`` names the one that it is about, ``?basket=`` a kept
    basket to try again."""
    if not request.user.has_perm(MAY_TRY):
        raise PermissionDenied
    account, now = account_of(request), timezone.now()
    if "_forget" in request.POST:
        return _forget(request, account)
    kept = _kept(account, request.GET["basket"]) if "basket" in request.GET else None
    promotion = _promotion(request, kept)
    if request.method == "POST":
        form = BasketForm(request.POST, account=account)
        basket = form.basket() if form.is_valid() else None
    else:
        basket = basket_kept(kept) if kept is not None else None
        initial = initial_of(basket) if basket is not None else _first_values(account, promotion, now)
        form = BasketForm(initial=initial, account=account)
    quote = None
    if basket is not None:
        try:
            quote = basket_try(account=account, basket=basket, promotion=promotion, at=now)
        except SaleInvalid as refused:
            if not form.is_bound:
                form = BasketForm(_as_sent(form), account=account)
                form.is_valid()
            for problem in refused.problems:
                form.add_problem(problem)
    if quote is not None and basket is not None and "_keep" in request.POST:
        made = _keep(request, account, basket, promotion, now)
        if made is not None:
            return HttpResponseRedirect(f"{reverse('try_basket')}?basket={made.pk}#decision")
    context = {
        **admin.site.each_context(request),
        "title": f"Try “{promotion.name}”" if promotion is not None else "Try a basket",
        "form": form,
        "promotion": promotion,
        "promotion_url": _address(request, promotion),
        "life": _life(promotion, now),
        "kept": kept,
        "baskets": tried_baskets_offered(account_id=account.pk, promotion_id=promotion.pk if promotion else None),
        "decided": decision_in_words(request, quote, promotion) if quote is not None else None,
    }
    return TemplateResponse(request, "admin/loyalty/try_basket.html", context)


def _kept(account: Account, basket_id: str) -> TriedBasket:
    kept = tried_basket_by_id(account_id=account.pk, basket_id=basket_id)
    if kept is None:
        raise Http404("There is no such basket.")
    return kept


def _promotion(request: HttpRequest, kept: TriedBasket | None) -> Promotion | None:
    if kept is not None and kept.promotion is not None:
        return kept.promotion
    asked = request.POST.get("promotion") or request.GET.get("promotion")
    return promotion_of(request, asked) if asked else None


def _keep(
    request: HttpRequest, account: Account, basket: BasketToTry, promotion: Promotion | None, now: datetime
) -> TriedBasket | None:
    """Keep the basket under the name that was sent; without one say so and keep nothing."""
    if not request.user.has_perm("loyalty.add_triedbasket"):
        raise PermissionDenied
    name = request.POST.get("name", "").replace("\x00", "").strip()[:100]
    if not name:
        messages.error(request, "Give the basket a name to keep it.")
        return None
    made = tried_basket_keep(
        account=account, name=name, basket=basket, promotion=promotion, author=author_of(request), at=now
    )
    messages.success(request, f"The basket “{made.name}” is kept.")
    return made


def _forget(request: HttpRequest, account: Account) -> HttpResponse:
    if not request.user.has_perm("loyalty.delete_triedbasket"):
        raise PermissionDenied
    kept = _kept(account, request.POST["_forget"])
    tried_basket_forget(kept=kept)
    messages.success(request, f"The basket “{kept.name}” is kept no longer.")
    query = f"?promotion={kept.promotion_id}" if kept.promotion_id else ""
    return HttpResponseRedirect(f"{reverse('try_basket')}{query}")


def _first_values(account: Account, promotion: Promotion | None, now: datetime) -> dict[str, Any]:
    """A form to begin with: the first site, and a moment at which the promotion is in force."""
    site = sites_of(account_id=account.pk).filter(archived=False).order_by("number").first()
    values: dict[str, Any] = {"site": site.number if site is not None else ""}
    if promotion is not None:
        values["currency"] = promotion.currency
        end = promotion.stopped_at or promotion.ends_at
        if promotion.starts_at > now:
            # The form knows no seconds.
            values["at"] = promotion.starts_at.replace(second=0, microsecond=0) + timedelta(minutes=1)
        elif end is not None and end <= now:
            values["at"] = max(promotion.starts_at, end - timedelta(minutes=1))
    return values


def _as_sent(form: BasketForm) -> dict[str, Any]:
    """What a browser would send of a form as it is first shown."""
    sent: dict[str, Any] = {name: form[name].value() or "" for name in form.fields if name != "lines"}
    if isinstance(sent["at"], datetime):
        sent["at"] = sent["at"].strftime("%Y-%m-%dT%H:%M:%S")
    lines = form.initial.get("lines", [])
    sent |= {"lines-TOTAL_FORMS": str(len(lines)), "lines-INITIAL_FORMS": "0"}
    for index, line in enumerate(lines):
        sent |= {f"lines-{index}-{name}": "" if value is None else value for name, value in line.items()}
    return sent


def _address(request: HttpRequest, promotion: Promotion | None) -> str:
    if promotion is None:
        return ""
    return promotion_address(request, family=promotion.family, promotion_id=promotion.pk)


def _life(promotion: Promotion | None, now: datetime) -> dict[str, str] | None:
    if promotion is None:
        return None
    status = promotion.status_at(now)
    note = ""
    if promotion.archived:
        note = "It is archived: no basket gets it."
    elif status == Status.DRAFT:
        note = "It is a draft. Here it counts as if it were published."
    return {"label": status.label, "colour": STATUS_COLOURS[status.label], "note": note}


# --- the decision in words --------------------------------------------------------------------------------------------


def decision_in_words(request: HttpRequest, quote: Quote, promotion: Promotion | None) -> dict[str, Any]:
    """A decision as the page shows it, the refusals nearest to applying first."""
    decision = quote.decision
    currency = decision.basket.currency
    names = {one.code: one.source.name for one in quote.book.rulebook}
    rows = _names_spoken_of(quote, account_id=account_of(request).pk)

    def money(minor: int) -> str:
        return describe_amount(from_minor(minor, currency), currency)

    def told(one: Applied | Refusal) -> dict[str, Any]:
        source = one.promotion.source
        return {
            "name": source.name,
            "code": source.code,
            "url": promotion_address(request, family=source.family, promotion_id=source.id),
            "is_tried": promotion is not None and source.id == promotion.pk,
        }

    return {
        "verdict": _verdict(decision, promotion, names),
        "total": money(decision.total),
        "discounted": money(decision.total - decision.net),
        "net": money(decision.net),
        "points": f"{decision.points:,}",
        "base_points": f"{decision.base_points:,}",
        "promotion_points": f"{decision.promotion_points:,}",
        "consumer": quote.known.consumer.consumer_id if quote.known is not None else "",
        "at": decision.basket.at,
        "site": quote.place.name or quote.place.number,
        "zone": quote.place.zone.key,
        "lines": [
            {
                "sku": sold.sku,
                "name": rows.get((ReferenceKind.PRODUCT, sold.sku), ""),
                "quantity": sold.quantity,
                "total": money(line.total),
                "discount": money(line.discount),
                "net": money(line.net),
                "base_points": line.base_points,
                "is_known": sold.sku in quote.products,
            }
            for line, sold in zip(decision.lines, quote.sale.lines, strict=True)
        ],
        "applied": [
            {
                **told(one),
                "type": describe_type(one.promotion.source.type),
                "redemptions": f"{one.redemptions:,}",
                "points": f"{one.points:,}",
                "discount": money(one.discount) if one.discount else "–",
                "vouchers": one.vouchers,
            }
            for one in decision.applied
        ],
        "vouchers": [
            {"code": one.code, "offer": one.offer, "discount": money(one.discount)} for one in decision.vouchers
        ],
        "refused": [
            {**told(one), "check": label_of(one.reason), "words": refusal_in_words(one, names)}
            for one in nearest_first(decision.refused)
        ],
        "notes": list(_notes(quote, names, rows, may_see=may_see_personalized(request))),
    }


def _names_spoken_of(quote: Quote, *, account_id: int) -> dict[ReferenceKey, str]:
    """The names of the products and personalized promotions that the page speaks of."""
    skus = {line.sku for line in quote.sale.lines} | {add.sku for add in quote.decision.add_products}
    lists = {state.backend_id for state in quote.decision.personalized if state.requires_selection}
    wanted = [
        (kind, key)
        for kind, keys in ((ReferenceKind.PRODUCT, skus), (ReferenceKind.PERSONALIZED_PROMOTION, lists))
        for key in keys
    ]
    return reference_names(account_id=account_id, references=wanted, sources=REFERENCE_SOURCES)


def refusal_in_words(refusal: Refusal, names: dict[str, str]) -> str:
    """Why a promotion does not apply, with the rule that it lacked; ``names`` of promotions by code."""
    if refusal.won_by:
        winners = ", ".join(f"“{names.get(code, code)}”" for code in refusal.won_by)
        return f"Lost to {winners}: the {DECIDED_BY[refusal.decided_by]} decided."
    miss = refusal.near_miss
    if miss is not None and miss.rule is not None and refusal.reason in SCOPES:
        asked = describe_tree({"match": "all", "rules": [miss.rule]}, SCOPES[refusal.reason])
        return f"{refusal.detail} Only this is missing: {asked}."
    return refusal.detail


def _verdict(decision: Decision, promotion: Promotion | None, names: dict[str, str]) -> Verdict | None:
    if promotion is None:
        return None
    for one in decision.applied:
        if one.promotion.id == promotion.pk:
            gives = []
            if one.discount:
                currency = decision.basket.currency
                gives.append(f"{describe_amount(from_minor(one.discount, currency), currency)} off")
            if one.points:
                gives.append(f"{one.points:,} points")
            if one.vouchers:
                gives.append("1 voucher" if one.vouchers == 1 else f"{one.vouchers:,} vouchers")
            times = "once" if one.redemptions == 1 else f"{one.redemptions:,} times"
            return Verdict(applies=True, words=f"It applies {times}: {', '.join(gives)}.")
    for refusal in decision.refused:
        if refusal.promotion.id == promotion.pk:
            return Verdict(applies=False, words=f"It does not apply. {refusal_in_words(refusal, names)}")
    return Verdict(applies=False, words="It does not apply.")


def _notes(quote: Quote, names: Mapping[str, str], rows: Mapping[ReferenceKey, str], *, may_see: bool) -> Iterator[str]:
    """What else the till would be told; of personalized promotions to those alone who ``may_see`` them."""
    for warned in quote.warnings:
        yield warned.detail
    for refused in quote.decision.vouchers_refused:
        yield f"Voucher {refused.code} does not pay: {label_of(refused.reason).lower()}."
    for add in quote.decision.add_products:
        product = rows.get((ReferenceKind.PRODUCT, add.sku))
        said = f"“{product}” ({add.sku})" if product else add.sku
        giver = names.get(add.discount, add.discount)
        yield f"The till may add {add.quantity} of {said}, which “{giver}” gives for free."
    for state in quote.decision.personalized:
        if state.requires_selection and may_see:
            of = rows.get((ReferenceKind.PERSONALIZED_PROMOTION, state.backend_id), state.backend_id)
            yield f"The consumer has not chosen from the list of “{of}” yet."
