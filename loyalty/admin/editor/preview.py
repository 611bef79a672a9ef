"""What a consumer would read of a promotion: the message, the receipt and the statement, as its form stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_POST

from consumers.admin.framework.pages import account_of
from consumers.models import Account, Consumer
from consumers.selectors import sites_of
from consumers.services.upsert import is_storable
from loyalty.admin.editor.form import LoyaltyPromotionForm
from loyalty.choices import TransactionKind
from loyalty.models import Transaction
from loyalty.selectors.transaction import LARGE_COLUMNS
from loyalty.services.promotion_texts import MessageText, activity_description, redemption_message
from promotions.engine.money import minor_unit

SAMPLE_SPEND = Decimal(20)
"""What a basket came to, where there is no sale to take it from."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What a form says so far; what is missing is empty."""

    name: str
    outcome: Mapping[str, Any]
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What one consumer would read, or nobody in particular.

    ``message`` is None where nothing is sent; ``sale`` is the consumer's last one, which the statement's line is
    about, or None where that is made up.
    """

    consumer: Consumer | None
    message: MessageText | None
    receipt: str
    pictures: Sequence[Mapping[str, str]]
    activity_type: str
    activity: str
    sale: Transaction | None


def preview_of(account: Account, texts: Texts, *, type_label: str, currency: str, consumer: Consumer | None) -> Preview:
    """What ``consumer`` would read of a promotion in ``currency``: up to two SQL statements."""
    sale = _last_sale(consumer) if consumer is not None else None
    site = sale.site if sale is not None else sites_of(account_id=account.pk).filter(archived=False).first()
    spent_in = sale.currency if sale is not None else currency
    spend = sale.net_total_inc_tax if sale is not None else SAMPLE_SPEND
    return Preview(
        consumer=consumer,
        message=redemption_message(texts),
        receipt=texts.content["confirmation_message"],
        pictures=[one for one in texts.content["images"] if one["url"].startswith("https://")],
        activity_type=texts.outcome["activity_type"] or type_label,
        activity=activity_description(
            texts,
            currency=spent_in,
            spend=f"{spend.quantize(minor_unit(spent_in)):f}",
            site_name=(site.name or site.number) if site is not None else "",
        ),
        sale=sale,
    )


def _last_sale(consumer: Consumer) -> Transaction | None:
    sales = Transaction.objects.filter(consumer=consumer).exclude(kind=TransactionKind.UNLINKED_RETURN)
    return sales.select_related("site").defer(*LARGE_COLUMNS).order_by("-occurred_at", "-pk").first()


def texts_of(form: LoyaltyPromotionForm) -> Texts:
    """The texts of a form, which ``said`` has read."""
    return Texts(
        name=form.cleaned_data["name"] or "",
        outcome=_without_gaps(form.outcome()),
        content=_without_gaps(form.content()),
    )


def _without_gaps(value: Any) -> Any:
    match value:
        case None:
            return ""
        case dict():
            return {name: _without_gaps(one) for name, one in value.items()}
        case list():
            return [_without_gaps(one) for one in value]
        case _:
            return value


class PreviewMixin:
    """A page of promotions with a preview, below the tabs that it is about, of what consumers read.

    For ``PromotionAdmin``.
    """

    tab_templates = dict.fromkeys(("Outcome", "Content"), "admin/loyalty/promotion/preview.html")

    def get_urls(self) -> list[Any]:
        page: Any = self
        address = path(
            "preview/",
            page.admin_site.admin_view(require_POST(self.preview_view)),
            name=f"{page.opts.app_label}_{page.opts.model_name}_preview",
        )
        urls: list[Any] = [address, *super().get_urls()]  # type: ignore[misc]
        return urls

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What a posted form would have a consumer read; one who sees no consumers gets a sample."""
        page: Any = self
        form = page.posted_form(request)
        said = form.partial_definition()
        account, consumer_id = account_of(request), request.POST.get("preview_consumer", "").strip()
        consumer = None
        if consumer_id and is_storable(consumer_id) and request.user.has_perm("consumers.view_consumer"):
            consumer = Consumer.objects.filter(account=account, consumer_id=consumer_id).first()
        preview = preview_of(
            account,
            texts_of(form),
            type_label=str(page.types(said.type).label),
            currency=said.currency,
            consumer=consumer,
        )
        return render(
            request,
            "admin/loyalty/promotion/preview_answer.html",
            {"preview": preview, "unknown": consumer_id if consumer is None else ""},
        )
