"""Try a basket: what a till would be told of it, with a draft counted in, and why nothing else applies."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from consumers.admin.framework.pages import account_of, author_of
from consumers.models import Account
from consumers.selectors import sites_of
from consumers.types import JsonObject
from loyalty.admin.page_urls import promotion_page_url
from loyalty.admin.try_basket.decision import describe_decision
from loyalty.admin.try_basket.form import BasketForm, initial_of
from loyalty.exceptions import SaleInvalid
from loyalty.models import TriedBasket
from loyalty.selectors.tried_basket import tried_basket_by_id, tried_baskets_offered
from loyalty.services.tried_basket import (
    BasketToTry,
    basket_of,
    basket_try,
    tried_basket_delete,
    tried_basket_save,
)
from promotions.admin.editor.header import STATUS_COLOURS
from promotions.admin.editor.step_forms import promotion_of
from promotions.choices import Status
from promotions.models import Promotion

PERMISSION = "loyalty.view_triedbasket"
"""The permission to try a basket, whose decision names promotions of every family."""


@dataclass(frozen=True, kw_only=True)
class PromotionState:
    """The status of the promotion that is tried, with its label's colour and what to know about it."""

    label: str
    colour: str
    note: str


def try_basket(request: HttpRequest) -> HttpResponse:
    """Show the form and below it the decision.

    ``?promotion=`` names the promotion that is tried, ``?basket=`` a saved basket to try again.
    """
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    account, now = account_of(request), timezone.now()
    if "_forget" in request.POST:
        return _delete_saved(request, account)
    saved = _saved_basket(account, request.GET["basket"]) if "basket" in request.GET else None
    promotion = _promotion(request, saved)
    form, basket = _form_and_basket(request, account, saved, promotion, now)
    quote = None
    if basket is not None:
        try:
            quote = basket_try(account=account, basket=basket, promotion=promotion, at=now)
        except SaleInvalid as refused:
            form = _with_problems(form, refused)
    if quote is not None and basket is not None and "_keep" in request.POST:
        new = _save(request, account, basket, promotion, now)
        if new is not None:
            return HttpResponseRedirect(f"{reverse('try_basket')}?basket={new.pk}#decision")
    context = {
        **admin.site.each_context(request),
        "title": f"Try “{promotion.name}”" if promotion is not None else "Try a basket",
        "form": form,
        "promotion": promotion,
        "promotion_url": _promotion_url(request, promotion),
        "promotion_state": _promotion_state(promotion, now),
        "saved": saved,
        "baskets": tried_baskets_offered(account_id=account.pk, promotion_id=promotion.pk if promotion else None),
        "decision": describe_decision(request, quote, promotion) if quote is not None else None,
    }
    return TemplateResponse(request, "admin/loyalty/try_basket.html", context)


def _saved_basket(account: Account, basket_id: str) -> TriedBasket:
    saved = tried_basket_by_id(account_id=account.pk, basket_id=basket_id)
    if saved is None:
        raise Http404("This basket does not exist.")
    return saved


def _promotion(request: HttpRequest, saved: TriedBasket | None) -> Promotion | None:
    if saved is not None and saved.promotion is not None:
        return saved.promotion
    promotion_id = request.POST.get("promotion") or request.GET.get("promotion")
    return promotion_of(request, promotion_id) if promotion_id else None


def _form_and_basket(
    request: HttpRequest, account: Account, saved: TriedBasket | None, promotion: Promotion | None, now: datetime
) -> tuple[BasketForm, BasketToTry | None]:
    """Return the form and the basket to try: the posted one if it is valid, or the saved one."""
    if request.method == "POST":
        form = BasketForm(request.POST, account=account)
        return form, form.basket() if form.is_valid() else None
    if saved is not None:
        basket = basket_of(saved)
        return BasketForm(initial=initial_of(basket), account=account), basket
    return BasketForm(initial=_first_values(account, promotion, now), account=account), None


def _with_problems(form: BasketForm, refused: SaleInvalid) -> BasketForm:
    """Return the form with the refusal's problems at its fields."""
    if not form.is_bound:
        # Only a bound form shows errors.
        form = BasketForm(_as_posted(form), account=form.account)
        form.is_valid()
    for problem in refused.problems:
        form.add_problem(problem)
    return form


def _save(
    request: HttpRequest, account: Account, basket: BasketToTry, promotion: Promotion | None, now: datetime
) -> TriedBasket | None:
    """Save the basket under the posted name; without a name, ask for one and save nothing."""
    if not request.user.has_perm("loyalty.add_triedbasket"):
        raise PermissionDenied
    name = request.POST.get("name", "").replace("\x00", "").strip()[:100]
    if not name:
        messages.error(request, "Enter a name to save the basket.")
        return None
    saved = tried_basket_save(
        account=account, name=name, basket=basket, promotion=promotion, author=author_of(request), at=now
    )
    messages.success(request, f"Basket “{saved.name}” saved.")
    return saved


def _delete_saved(request: HttpRequest, account: Account) -> HttpResponse:
    if not request.user.has_perm("loyalty.delete_triedbasket"):
        raise PermissionDenied
    saved = _saved_basket(account, request.POST["_forget"])
    tried_basket_delete(saved=saved)
    messages.success(request, f"Basket “{saved.name}” deleted.")
    query = f"?promotion={saved.promotion_id}" if saved.promotion_id else ""
    return HttpResponseRedirect(f"{reverse('try_basket')}{query}")


def _first_values(account: Account, promotion: Promotion | None, now: datetime) -> JsonObject:
    """Return the values of a new form: the first site, and a moment at which the promotion is in force."""
    site = sites_of(account_id=account.pk).filter(archived=False).order_by("number").first()
    values: JsonObject = {"site": site.number if site is not None else ""}
    if promotion is not None:
        values["currency"] = promotion.currency
        end = promotion.stopped_at or promotion.ends_at
        if promotion.starts_at > now:
            # The form's moments have no seconds: the next full minute is surely after the start.
            values["at"] = promotion.starts_at.replace(second=0, microsecond=0) + timedelta(minutes=1)
        elif end is not None and end <= now:
            values["at"] = max(promotion.starts_at, end - timedelta(minutes=1))
    return values


def _as_posted(form: BasketForm) -> JsonObject:
    """Return what a browser would post of an unbound form."""
    data: JsonObject = {name: form[name].value() or "" for name in form.fields if name != "lines"}
    if isinstance(data["at"], datetime):
        data["at"] = data["at"].strftime("%Y-%m-%dT%H:%M:%S")
    lines = form.initial.get("lines", [])
    data |= {"lines-TOTAL_FORMS": str(len(lines)), "lines-INITIAL_FORMS": "0"}
    for index, line in enumerate(lines):
        data |= {f"lines-{index}-{name}": "" if value is None else value for name, value in line.items()}
    return data


def _promotion_url(request: HttpRequest, promotion: Promotion | None) -> str:
    if promotion is None:
        return ""
    return promotion_page_url(request, family=promotion.family, promotion_id=promotion.pk)


def _promotion_state(promotion: Promotion | None, now: datetime) -> PromotionState | None:
    if promotion is None:
        return None
    status = promotion.status_at(now)
    note = ""
    if promotion.archived:
        note = "This promotion is archived and does not apply."
    elif status == Status.DRAFT:
        note = "This promotion is a draft. Here it counts as published."
    return PromotionState(label=status.label, colour=STATUS_COLOURS[status.label], note=note)
