"""Offers: the definitions of rewards."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.framework.fields import currency_choices
from consumers.admin.framework.filters import ArchivedFilter, choice_filter, values_filter
from consumers.admin.framework.formatting import format_moment, format_number
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of, author_of
from consumers.author import Author
from consumers.types import JsonObject, Rows
from loyalty.admin.rewards.offer_files import FIELDS, OfferResource
from loyalty.admin.wording import describe_amount
from loyalty.choices import Benefit, OfferKind, PromotionType
from loyalty.models import Offer
from loyalty.services.rewards.offer import OfferValues, offer_delete, offers_save
from promotions.admin.editor.funding_fields import WHO_PAYS, funding_field, ledger_class_field

NO_PERCEIVED_VALUE = (
    "The perceived value is 0: a promotion with this offer counts as worth nothing when promotions compete. "
    "Enter what a voucher is worth."
)


class OfferForm(ServiceForm):
    """The form of an offer."""

    currency = forms.ChoiceField(
        label="Currency",
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="You cannot change it once a promotion uses the offer or vouchers are issued.",
    )

    funding = funding_field()
    ledger_class = ledger_class_field()

    money_fields = frozenset({"value", "perceived_value"})

    key_field = "code"
    key_from_name = True

    class Meta:
        model = Offer
        fields = FIELDS
        labels = {
            "code": "Offer code",
            "name": "Offer name",
            "kind": "Kind",
            "point_cost": "Costs points",
            "value": "Value",
            "product": "Free product",
            "perceived_value": "Perceived value",
            "starts_at": "Start date",
            "ends_at": "End date",
            "valid_days": "Valid for days",
            "stock": "Stock",
        }
        help_texts = {
            "code": "Code used in promotions and integrations. You cannot change it later.",
            "kind": "Promotions issue personalised offers. Consumers claim tiered offers for points.",
            "point_cost": "Points that a consumer pays for a tiered offer.",
            "value": "An amount in the offer's currency, or a percentage up to 100.",
            "product": "The cheapest unit of this product in the basket is free.",
            "perceived_value": "What one voucher is worth to a customer when promotions compete. Leave blank for the "
            "amount, or the retail price of the free product.",
            "starts_at": "Leave blank to start now.",
            "ends_at": "Leave blank for no end date.",
            "valid_days": "Days from the day after issue; valid to the end of the last day. Leave blank for no expiry.",
            "stock": "Total number of vouchers that can be issued. Leave blank for no limit.",
            "archived": "Hides the offer and stops issuing it. Vouchers already issued stay valid.",
        }
        widgets = {
            "kind": UnfoldAdminRadioSelectWidget(),
            "benefit": UnfoldAdminSelectWidget(),
            "description": UnfoldAdminTextareaWidget({"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, condition in (
            ("point_cost", "kind:tiered"),
            ("value", "benefit:amount,percentage"),
            ("product", "benefit:product"),
        ):
            widget: Any = self.fields[name].widget
            # A relation's select is wrapped in a widget whose own attributes are not rendered.
            getattr(widget, "widget", widget).attrs["data-shown-when"] = condition
        perceived = self.fields["perceived_value"]
        perceived.required = False
        if self.instance.pk is None:
            perceived.initial = None
        elif not self.instance.perceived_value:
            perceived.help_text = f"{NO_PERCEIVED_VALUE} {perceived.help_text}"
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", f"The account's ({self.account.currency})"), *currency_choices()]

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        # A field that the page hides for this kind and benefit may still hold a value: it does not count.
        if cleaned.get("kind") != OfferKind.TIERED:
            cleaned["point_cost"] = None
        if cleaned.get("benefit") not in (Benefit.AMOUNT, Benefit.PERCENTAGE):
            cleaned["value"] = None
        if cleaned.get("benefit") != Benefit.PRODUCT:
            cleaned["product"] = None
        # Blank means the account's currency, as in the service; amounts are checked for its decimals.
        cleaned["currency"] = cleaned.get("currency") or self.account.currency
        return cleaned


OFFER_DATES = [("now", "Available now"), ("later", "Starts later"), ("over", "Ended")]
OFFER_STOCK = [("left", "In stock"), ("used_up", "Out of stock"), ("unlimited", "No limit")]


def _by_dates(_: HttpRequest, offers: Rows, value: str) -> Rows:
    now = timezone.now()
    has_started, is_over = Q(starts_at=None) | Q(starts_at__lte=now), Q(ends_at__lte=now)
    match value:
        case "now":
            return offers.filter(has_started).exclude(is_over)
        case "later":
            return offers.filter(starts_at__gt=now)
        case _:
            return offers.filter(is_over)


def _by_stock(_: HttpRequest, offers: Rows, value: str) -> Rows:
    match value:
        case "left":
            return offers.filter(stock__gt=F("issued"))
        case "used_up":
            return offers.filter(stock__lte=F("issued"))
        case _:
            return offers.filter(stock=None)


@admin.register(Offer)
class OfferAdmin(ImportExportMixin, KeyedAdmin):
    """The pages of offers."""

    key = "code"
    resource_classes = (OfferResource,)
    reference_kind = "offer"
    lists_deletion = True
    form = OfferForm
    add_label = "Add offer"
    empty_text = "An offer defines a reward. Each voucher is one coded copy of it for one consumer."
    autocomplete_fields = ("product",)
    list_display = ("title", "kind_label", "benefit_label", "starts", "ends", "issued_of_stock")
    list_filter = (
        choice_filter("kind", "kind", OfferKind.choices, lambda _, rows, value: rows.filter(kind=value)),
        choice_filter("benefit", "benefit", Benefit.choices, lambda _, rows, value: rows.filter(benefit=value)),
        choice_filter("dates", "dates", OFFER_DATES, _by_dates),
        choice_filter("stock", "stock", OFFER_STOCK, _by_stock),
        values_filter("currency", "currency"),
        ArchivedFilter,
    )
    search_fields = ("code", "name", "description")
    search_help_text = "Code, name or description"
    fieldsets = (
        ("Offer", {"fields": (("name", "code"), "description", "kind", "point_cost")}),
        ("Benefit", {"fields": ("benefit", "value", "product", "currency", "perceived_value")}),
        ("Dates and stock", {"fields": (("starts_at", "ends_at"), ("valid_days", "stock"))}),
        WHO_PAYS,
        ("Archive", {"fields": ("archived",)}),
    )

    class Media:
        js = ("js/shown.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return super().get_queryset(request).select_related("product")

    @display(description="Offer", ordering="name", header=True)
    def title(self, offer: Offer) -> list[str]:
        return [offer.name, offer.code]

    @display(description="Kind", ordering="kind")
    def kind_label(self, offer: Offer) -> str:
        if offer.kind == OfferKind.TIERED:
            return f"Tiered · {offer.point_cost:,} points" if offer.point_cost else "Tiered"
        return "Personalised"

    @display(description="Benefit", ordering="benefit")
    def benefit_label(self, offer: Offer) -> str:
        match offer.benefit:
            case Benefit.AMOUNT:
                return f"{describe_amount(offer.value, offer.currency)} off" if offer.value else "Amount off"
            case Benefit.PERCENTAGE:
                return f"{format_number(offer.value)}% off" if offer.value else "Percentage off"
            case Benefit.PRODUCT:
                return f"{offer.product} free"
            case _:
                return "Honoured by the till"

    @display(description="Starts", ordering="starts_at")
    def starts(self, offer: Offer) -> str:
        return format_moment(offer.starts_at)

    @display(description="Ends", ordering="ends_at")
    def ends(self, offer: Offer) -> str:
        return format_moment(offer.ends_at)

    @display(description="Issued", ordering="issued")
    def issued_of_stock(self, offer: Offer) -> str:
        return f"{offer.issued:,}" if offer.stock is None else f"{offer.issued:,} of {offer.stock:,}"

    def save_values(self, *, account_id: int, author: Author, obj: Offer, form: Any) -> None:
        values = {name: form.cleaned_data[name] for name in OfferForm.Meta.fields if name in form.cleaned_data}
        values |= {"code": obj.code, "product": values["product"].sku if values["product"] else None}
        offers_save(account_id=account_id, rows=[OfferValues(**values)], author=author, at=timezone.now())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if not obj.perceived_value and not obj.archived:
            messages.warning(request, NO_PERCEIVED_VALUE)

    def response_add(self, request: HttpRequest, obj: Offer, post_url_continue: str | None = None) -> HttpResponse:
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        # In the window that a promotion's form opened, that promotion is the one that issues it.
        may_be_issued = obj.kind == OfferKind.PERSONALISED and not obj.archived and IS_POPUP_VAR not in request.POST
        if may_be_issued and request.user.has_perm("loyalty.add_loyaltypromotion"):
            query = urlencode({"type": PromotionType.REDEEM_OFFER, "offer": obj.code})
            address = f"{reverse('admin:loyalty_loyaltypromotion_add')}?{query}"
            text = 'No promotion issues this offer yet. <a class="text-link" href="{}">Add promotion</a>'
            messages.info(request, format_html(text, address))
        return response

    def delete_row(self, request: HttpRequest, obj: Offer) -> None:
        offer_delete(account_id=account_of(request).pk, code=obj.code, author=author_of(request))
