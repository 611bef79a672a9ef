"""``account``."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.components import nullable
from consumers.api.framework.fields import (
    CurrencyField,
    DayField,
    DecimalText,
    FlagField,
    TextField,
    TimeZoneField,
    WholeField,
)
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import ApiView, checked, merged
from consumers.choices import CURRENCIES, NO_CURRENCY
from consumers.services.account import AccountValues, HoldoutValues, account_lock, account_update
from consumers.types import JsonObject


class EarnRates(serializers.DictField):
    """Points per unit of currencies other than the account's; a null takes a rate away."""

    child = DecimalText(max_digits=12, decimal_places=4, min_value=0, allow_null=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        # Before anything else of it is looked at: each unknown name would be a problem of its own.
        if isinstance(data, dict) and len(data) > len(CURRENCIES):
            raise ValidationError(f"There are {len(CURRENCIES)} currencies at most.", code="max_length")
        rates: Mapping[str, Decimal | None] = super().to_internal_value(data)
        unknown = [code for code in rates if code not in CURRENCIES]
        if unknown:
            raise ValidationError({code: [ErrorDetail(NO_CURRENCY, code="invalid_choice")] for code in unknown})
        return {code: f"{rate:f}" for code, rate in rates.items() if rate is not None}

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        rate = nullable(self.child.json_schema())
        return {"type": "object", "propertyNames": {"pattern": "^[A-Z]{3}$"}, "additionalProperties": rate}


class HoldoutInput(Input):
    """A share of all consumers whom every promotion leaves out, drawn anew each year."""

    percentage = DecimalText(max_digits=7, decimal_places=4, min_value=0, max_value=100)
    starts_on = DayField()
    ends_on = DayField(allow_null=True, default=None)

    def to_internal_value(self, data: Any) -> HoldoutValues:
        return HoldoutValues(**super().to_internal_value(data))


class AccountInput(Input):
    """The account's settings."""

    read_only_names = frozenset({"code"})

    name = TextField(max_length=200)
    currency = CurrencyField()
    time_zone = TimeZoneField()
    points_per_currency_unit = DecimalText(max_digits=12, decimal_places=4, min_value=0)
    other_earn_rates = EarnRates()
    point_value = DecimalText(max_digits=12, decimal_places=6, min_value=0)
    catalogue_enabled = FlagField()
    late_transaction_days = WholeField(max_value=36_500)
    arrival_grace_days = WholeField(max_value=3_650)
    expected_redemption = DecimalText(max_digits=5, decimal_places=2, min_value=0, max_value=100)
    universal_holdout = HoldoutInput(allow_null=True, default=None)


class HoldoutOutput(Output):
    """A share of all consumers whom every promotion leaves out, drawn anew each year."""

    percentage = DecimalText(max_digits=7, decimal_places=4, source="holdout_percentage")
    starts_on = DayField(source="holdout_starts_on")
    ends_on = DayField(source="holdout_ends_on", allow_null=True)


class AccountOutput(Output):
    """The account's settings."""

    code = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    time_zone = serializers.CharField()
    points_per_currency_unit = DecimalText(max_digits=12, decimal_places=4)
    other_earn_rates = serializers.DictField(child=DecimalText(max_digits=12, decimal_places=4))
    point_value = DecimalText(max_digits=12, decimal_places=6)
    catalogue_enabled = serializers.BooleanField()
    late_transaction_days = serializers.IntegerField()
    arrival_grace_days = serializers.IntegerField()
    expected_redemption = DecimalText(max_digits=5, decimal_places=2)
    universal_holdout = HoldoutOutput(source="holdout", allow_null=True)


class AccountView(ApiView):
    """The account that the key belongs to."""

    input_class = AccountInput
    output_class = AccountOutput
    conflict_codes = {"PATCH": ("in_use",)}

    def get(self, request: Request) -> Response:
        """Read the settings of the account."""
        return Response(self.rendered(self.account))

    def patch(self, request: Request) -> Response:
        """Change the settings that are sent; ``other_earn_rates`` are merged, and a null removes one.

        A null as ``universal_holdout`` ends it at once.
        """
        patch = self.body()
        # One transaction under the account's lock, so that of two patches neither undoes what the other wrote.
        with transaction.atomic():
            account = account_lock(account_id=self.account.pk)
            document = merged(self.rendered(account), patch)
            account = account_update(
                account_id=account.pk,
                values=AccountValues(**checked(AccountInput(), document)),
                author=self.author,
            )
        return Response(self.rendered(account))
