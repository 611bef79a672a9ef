"""Settings of the current account."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from consumers.admin.framework.fields import currency_field, zone_field
from consumers.admin.framework.formset_field import FormSetField, RowForm
from consumers.admin.framework.pages import OnePageAdmin, ServiceForm, account_of, author_of
from consumers.choices import CURRENCIES
from consumers.models import Account
from consumers.services.account import AccountValues, HoldoutValues, account_update
from consumers.types import JsonObject

HOLDOUT_FIELDS = ("holdout_percentage", "holdout_starts_on", "holdout_ends_on")


class EarnRateForm(RowForm):
    """The earn rate of another currency."""

    currency = forms.ChoiceField(
        choices=[("", "Choose a currency"), *((code, f"{code} · {name}") for code, name in sorted(CURRENCIES.items()))],
        widget=UnfoldAdminSelectWidget(),
    )
    rate = forms.DecimalField(
        label="Points per unit of currency",
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget({"inputmode": "decimal"}),
    )


class AccountForm(ServiceForm):
    """The account's settings, as its service takes them."""

    problem_fields = {
        "other_earn_rates": "earn_rates",
        "universal_holdout.percentage": "holdout_percentage",
        "universal_holdout.starts_on": "holdout_starts_on",
        "universal_holdout.ends_on": "holdout_ends_on",
    }

    currency = currency_field(
        label="Currency",
        help_text="Prices, savings and base points use this currency. You cannot change it once it is in use.",
    )
    time_zone = zone_field(
        label="Time zone", help_text="You enter and see dates in this time zone. A site can have its own for its tills."
    )
    earn_rates = FormSetField(
        form=EarnRateForm,
        max_rows=50,
        label="Points in other currencies",
        texts={
            "row": "Currency",
            "add": "Add currency",
            "empty": "None: only transactions in the account's currency earn base points.",
        },
    )

    class Meta:
        model = Account
        fields = (
            "name",
            "currency",
            "time_zone",
            "points_per_currency_unit",
            "point_value",
            "expected_redemption",
            "catalogue_enabled",
            "late_transaction_days",
            *HOLDOUT_FIELDS,
        )
        labels = {
            "name": "Account name",
            "points_per_currency_unit": "Base points per unit of currency",
            "point_value": "Value of one point",
            "expected_redemption": "Points that will be redeemed (%)",
            "catalogue_enabled": "Use the product catalogue",
            "late_transaction_days": "Accept late transactions for (days)",
            "holdout_percentage": "Customers held out (%)",
            "holdout_starts_on": "First day",
            "holdout_ends_on": "Last day",
        }
        help_texts = {
            "points_per_currency_unit": "For example, 2 gives two points for every 1.00 spent. Only active loyalty "
            "members earn points.",
            "point_value": "What one point is worth in money when promotions compete.",
            "expected_redemption": "The part of all points that you expect customers to redeem. Results count the cost "
            "of points by it, from the day on which you change it.",
            "catalogue_enabled": "If off, line item rules can only use the SKU, category and brand that the till "
            "sends.",
            "late_transaction_days": "How late an offline till may send its transactions.",
            "holdout_percentage": "Leave blank for no universal holdout.",
            "holdout_ends_on": "Leave blank for no end.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rates = self.instance.other_earn_rates or {}
        self.initial["earn_rates"] = [
            {"currency": code, "rate": decimal_or_none(rate)} for code, rate in sorted(rates.items())
        ]

    def clean_earn_rates(self) -> list[JsonObject]:
        rates: list[JsonObject] = self.cleaned_data["earn_rates"]
        codes = [rate["currency"] for rate in rates]
        if len(set(codes)) < len(codes):
            raise forms.ValidationError("This currency is listed twice. Remove one.")
        return rates


def decimal_or_none(value: Any) -> Decimal | None:
    """Return a stored rate as a number; None if it is none."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


@admin.register(Account)
class AccountSettingsAdmin(OnePageAdmin):
    """One page: the account's settings."""

    account_path = "pk"
    page_name = "Account settings"
    form = AccountForm
    fieldsets = (
        ("Account", {"fields": ("name", "currency", "time_zone")}),
        (
            "Points",
            {"fields": (("points_per_currency_unit", "point_value"), "expected_redemption", "earn_rates")},
        ),
        (
            "Universal holdout",
            {
                "fields": (HOLDOUT_FIELDS,),
                "description": "A random part of all customers gets no promotion, so that you can measure what the "
                "whole programme brings. Other customers are drawn each year. A promotion can ignore it.",
            },
        ),
        ("Tills and catalogue", {"fields": ("catalogue_enabled", "late_transaction_days")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return Account.objects.filter(pk=account_of(request).pk)

    def row_of(self, account: Account) -> Model:
        return account

    def save_row(self, request: HttpRequest, obj: Account, form: Any, *, change: bool) -> Model:
        values = {name: getattr(obj, name) for name in AccountForm.Meta.fields if name not in HOLDOUT_FIELDS}
        holdout = HoldoutValues(
            percentage=obj.holdout_percentage, starts_on=obj.holdout_starts_on, ends_on=obj.holdout_ends_on
        )
        rates = {rate["currency"]: str(rate["rate"]) for rate in form.cleaned_data["earn_rates"]}
        return account_update(
            account_id=obj.pk,
            values=AccountValues(**values, other_earn_rates=rates, universal_holdout=holdout),
            author=author_of(request),
        )
