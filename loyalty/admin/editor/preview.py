"""Preview what a consumer would read of a promotion as its form is filled in: message, receipt and statement."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from django.http import HttpRequest

from consumers.admin.framework.pages import account_of
from consumers.models import Account, Consumer
from consumers.selectors import sites_of
from consumers.services.upsert import is_storable
from consumers.types import Context, JsonMapping
from loyalty.admin.editor.form.promotion_form import LoyaltyPromotionForm
from loyalty.choices import TransactionKind
from loyalty.models import Transaction
from loyalty.selectors.transaction import LARGE_COLUMNS
from loyalty.services.promotion_texts import MessageText, activity_description, redemption_message
from promotions.admin.editor.preview import PreviewMixin
from promotions.engine.money import minor_unit

SAMPLE_SPEND = Decimal(20)
"""The spend in the preview for a consumer without sales."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts of a form as it is filled in; a missing one is empty."""

    name: str
    outcome: JsonMapping
    content: JsonMapping


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a consumer would read, or for None consumers in general.

    ``message`` is None where nothing is sent; ``sale`` is the consumer's last sale, from which the statement takes
    spend and site, or None where these are sample data.
    """

    consumer: Consumer | None
    message: MessageText | None
    activity_type: str
    activity: str
    sale: Transaction | None


def preview_of(account: Account, texts: Texts, *, type_label: str, currency: str, consumer: Consumer | None) -> Preview:
    """Return what ``consumer`` would read of a promotion in ``currency``: up to two SQL statements."""
    sale = _last_sale(consumer) if consumer is not None else None
    site = sale.site if sale is not None else sites_of(account_id=account.pk).filter(archived=False).first()
    spend_currency = sale.currency if sale is not None else currency
    spend = sale.net_total_inc_tax if sale is not None else SAMPLE_SPEND
    return Preview(
        consumer=consumer,
        message=redemption_message(texts),
        activity_type=texts.outcome["activity_type"] or type_label,
        activity=activity_description(
            texts,
            currency=spend_currency,
            spend=f"{spend.quantize(minor_unit(spend_currency)):f}",
            site_name=(site.name or site.number) if site is not None else "",
        ),
        sale=sale,
    )


def _last_sale(consumer: Consumer) -> Transaction | None:
    sales = Transaction.objects.filter(consumer=consumer).exclude(kind=TransactionKind.UNLINKED_RETURN)
    return sales.select_related("site").defer(*LARGE_COLUMNS).order_by("-occurred_at", "-pk").first()


def texts_of(form: LoyaltyPromotionForm) -> Texts:
    """Return the texts of a form after ``form.partial_definition()``."""
    return Texts(
        name=form.cleaned_data["name"] or "",
        outcome=_with_empty_texts(form.outcome()),
        content=_with_empty_texts(form.content()),
    )


def _with_empty_texts(value: Any) -> Any:
    """Return a document with an empty text for every None."""
    match value:
        case None:
            return ""
        case dict():
            return {name: _with_empty_texts(item) for name, item in value.items()}
        case list():
            return [_with_empty_texts(item) for item in value]
        case _:
            return value


class LoyaltyPreviewMixin(PreviewMixin):
    """Adds what one consumer, or consumers in general, would read, below the tabs Outcome and Content."""

    tab_templates: ClassVar[dict[str, str]] = dict.fromkeys(
        ("Outcome", "Content"), "admin/loyalty/promotion/preview.html"
    )
    preview_template = "admin/loyalty/promotion/preview_answer.html"

    def preview_context(self, request: HttpRequest, form: Any) -> Context:
        """Preview for the chosen consumer; a user who may not see consumers gets sample data."""
        page: Any = self
        definition = form.partial_definition()
        account, consumer_id = account_of(request), request.POST.get("preview_consumer", "").strip()
        consumer = None
        if consumer_id and is_storable(consumer_id) and request.user.has_perm("consumers.view_consumer"):
            consumer = Consumer.objects.filter(account=account, consumer_id=consumer_id).first()
        preview = preview_of(
            account,
            texts_of(form),
            type_label=str(page.types(definition.type).label),
            currency=definition.currency,
            consumer=consumer,
        )
        unknown = consumer_id if consumer is None else ""
        return {**super().preview_context(request, form), "preview": preview, "unknown_consumer": unknown}
