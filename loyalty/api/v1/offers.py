"""``offers``."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers

from consumers.api.framework.fields import (
    ChoiceText,
    CurrencyField,
    FlagField,
    KeyField,
    MomentField,
    TextField,
    WholeField,
)
from consumers.api.framework.filters import ArchiveFilters, KeyFilter
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import Collection
from consumers.services.upsert import Saved
from consumers.types import JsonObject
from loyalty.choices import Benefit, OfferKind
from loyalty.models import Offer
from loyalty.models.offer import MAX_VALID_DAYS
from loyalty.selectors.rewards import offers_of
from loyalty.services.rewards.offer import OfferValues, offer_delete, offers_save
from promotions.api.v1.fields import FundingField, LedgerClassField, MoneyOutput, MoneyText, amount_output
from promotions.engine.definition.fields import MAX_SKU_LENGTH


class OfferInput(Input):
    """The definition of a reward."""

    name = TextField(max_length=200)
    description = TextField(max_length=20_000, allow_blank=True, default="")
    currency = CurrencyField(
        allow_blank=True, default="", help_text="An ISO 4217 code; blank: the currency of the account."
    )
    kind = ChoiceText(choices=OfferKind.choices, default=OfferKind.PERSONALISED)
    point_cost = WholeField(
        min_value=1, allow_null=True, default=None, help_text="The points that a voucher of a tiered offer costs."
    )
    benefit = ChoiceText(choices=Benefit.choices, default=Benefit.AMOUNT)
    value = MoneyText(
        allow_null=True, default=None, help_text="The amount, or the percentage up to 100; null for other benefits."
    )
    product = TextField(
        max_length=MAX_SKU_LENGTH,
        allow_null=True,
        trim_whitespace=False,
        default=None,
        help_text="The SKU of the free product.",
    )
    perceived_value = MoneyText(
        required=False,
        help_text="What one voucher is worth when promotions compete. Left out: the amount, the retail price of the "
        "free product, or else 0, which loses to any saving.",
    )
    starts_at = MomentField(allow_null=True, default=None)
    ends_at = MomentField(allow_null=True, default=None)
    valid_days = WholeField(min_value=1, max_value=MAX_VALID_DAYS, allow_null=True, default=None)
    stock = WholeField(allow_null=True, default=None, help_text="The most vouchers that can be issued; null: no limit.")
    archived = FlagField(default=False, help_text="Whether it is hidden from lists and no longer issued.")
    funding = FundingField()
    ledger_class = LedgerClassField()


class OfferOutput(Output):
    """The definition of a reward."""

    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    currency = serializers.CharField()
    kind = serializers.ChoiceField(choices=OfferKind.choices)
    point_cost = serializers.IntegerField(allow_null=True)
    benefit = serializers.ChoiceField(choices=Benefit.choices)
    value = MoneyOutput(allow_null=True)
    product = serializers.CharField(source="product.sku", default=None, allow_null=True)
    perceived_value = MoneyOutput()
    starts_at = MomentField(allow_null=True)
    ends_at = MomentField(allow_null=True)
    valid_days = serializers.IntegerField(allow_null=True)
    stock = serializers.IntegerField(allow_null=True)
    archived = serializers.BooleanField()
    funding = FundingField()
    ledger_class = serializers.CharField()
    issued = serializers.IntegerField()
    created_at = MomentField()
    updated_at = MomentField()

    def to_representation(self, instance: Offer) -> JsonObject:
        shown: JsonObject = super().to_representation(instance)
        shown["perceived_value"] = amount_output(instance.perceived_value, instance.currency)
        if instance.benefit != Benefit.PERCENTAGE:
            shown["value"] = amount_output(instance.value, instance.currency)
        elif instance.value is not None:
            shown["value"] = f"{instance.value.normalize():f}"
        return shown


class OfferFilters(ArchiveFilters):
    """Filters of the list."""

    product = KeyFilter(field_name="product__sku")

    class Meta:
        model = Offer
        fields = ("kind", "benefit", "currency")


class Offers(Collection):
    """Offers by code."""

    key_name = "code"
    key_field = KeyField(max_length=64)
    input_class = OfferInput
    output_class = OfferOutput
    filterset_class = OfferFilters
    search_fields = ("code", "name", "description")
    ordering_fields = ("code", "name", "created_at", "updated_at")
    default_ordering = "code"
    conflict_codes = dict.fromkeys(("PUT", "PATCH", "POST", "DELETE"), ("in_use",))

    def get_queryset(self) -> QuerySet[Offer]:
        return offers_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        return offers_save(
            account_id=self.account.pk,
            rows=[OfferValues(**row) for row in rows],
            at=timezone.now(),
            author=self.author,
        )

    def remove(self, row: Offer) -> None:
        offer_delete(account_id=self.account.pk, code=row.code, author=self.author)
