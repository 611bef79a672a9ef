"""Try it: what a till would be told of a basket, with a draft counted in, and why nothing else applies."""

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
from loyalty.admin.page_urls import promotion_address
from loyalty.admin.try_basket.decision import decision_in_words
from loyalty.admin.try_basket.form import BasketForm, initial_of
from loyalty.exceptions import SaleInvalid
from loyalty.models import TriedBasket
from loyalty.selectors.tried_basket import tried_basket_by_id, tried_baskets_offered
from loyalty.services.tried_basket import BasketToTry, basket_kept, basket_try, tried_basket_forget, tried_basket_keep
from promotions.admin.editor.page import STATUS_COLOURS, promotion_of
from promotions.choices import Status
from promotions.models import Promotion

MAY_TRY = "promotions.view_promotion"


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
