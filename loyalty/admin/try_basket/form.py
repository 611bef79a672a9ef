"""The form that describes a basket to try."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from consumers.admin.framework.fields import ZonedDateTimeField, currency_choices
from consumers.admin.framework.formatting import format_number
from consumers.admin.framework.formset_field import FormSetField, RowForm, RowFormSet
from consumers.admin.framework.key_fields import KeyField, lines_of
from consumers.exceptions import Problem
from consumers.lengths import MAX_CONSUMER_ID_LENGTH, MAX_KEY_LENGTH
from consumers.models import Account
from consumers.selectors import consumer_names
from consumers.services.upsert import is_storable
from consumers.types import JsonObject
from loyalty.selectors.promotion import LOYALTY_REFERENCE_SOURCES
from loyalty.services.tried_basket import BasketToTry, LineToTry
from promotions.engine.benefits.vouchers import voucher_key
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.engine.money import PRICE_DECIMALS
from promotions.selectors.rule_values import reference_names

MAX_LINES = 100
MAX_VOUCHERS = 20


def _number(**kwargs: Any) -> forms.DecimalField:
    return forms.DecimalField(widget=UnfoldAdminDecimalFieldWidget({"inputmode": "decimal"}), **kwargs)


def _price(label: str, *, blank: str) -> forms.DecimalField:
    return _number(
        label=label,
        required=False,
        max_digits=16,
        decimal_places=PRICE_DECIMALS,
        help_text=f"Leave blank for {blank}.",
    )


def _text(label: str, *, max_length: int = MAX_KEY_LENGTH, **kwargs: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=max_length, widget=UnfoldAdminTextInputWidget(), **kwargs
    )


def _flag(label: str, *, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanWidget(), help_text=help_text)


class LineForm(RowForm):
    """A line of the basket."""

    sku = KeyField("product", noun="product", label="Product", required=True)
    quantity = _number(
        initial=1, min_value=Decimal("0.001"), max_value=Decimal(1_000_000), max_digits=10, decimal_places=3
    )
    unit_price_inc_tax = _price("Unit price inc. tax", blank="the retail price")
    unit_price_ex_tax = _price("Unit price excl. tax", blank="the same price")
    category = _text("Category at the till", max_length=200)
    brand = _text("Brand at the till", max_length=200)
    weighed = forms.TypedChoiceField(
        label="Weighed",
        choices=[("", "As the product is sold"), ("yes", "Weighed"), ("no", "Counted")],
        coerce=lambda choice: choice == "yes",
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="Weighed lines count as one unit.",
    )
    no_discount = _flag("No discount", help_text="Already set if the product has it.")
    no_points = _flag("No points", help_text="Already set if the product has it.")

    def __init__(self, *args: Any, names: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("KeyField", self.fields["sku"]).widget.names = names or {}

    def clean_sku(self) -> str:
        sku: str = self.cleaned_data["sku"]
        if len(sku) > MAX_SKU_LENGTH or not is_storable(sku):
            raise ValidationError("This SKU is not in the catalogue.")
        return sku


class BasketForm(forms.Form):
    """A basket: where, when, by whom and what is bought."""

    site = KeyField("site", noun="site", label="Site", required=True)
    at = ZonedDateTimeField(label="Date and time", required=False, help_text="Past or future. Leave blank for now.")
    consumer = KeyField(
        "consumer",
        noun="consumer",
        label="Consumer",
        help_text="Search by name, id, e-mail or card. Leave blank for an anonymous basket.",
    )
    loyalty_card = _text("Loyalty card", help_text="A card identifies its consumer too.")
    lines = FormSetField(
        form=LineForm,
        max_rows=MAX_LINES,
        texts={"row": "Line", "add": "Add line", "empty": "Add the products in the basket."},
        label="Lines",
    )
    currency = forms.ChoiceField(label="Currency", widget=UnfoldAdminSelectWidget())
    source = _text("Source", help_text="The name that the till sends, such as web.")
    payment_card_type = _text("Payment card type")
    vouchers = forms.CharField(
        label="Vouchers presented",
        required=False,
        max_length=4_000,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text="Voucher codes, one per line, in the order in which the customer presents them.",
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        currency = self.fields["currency"]
        assert isinstance(currency, forms.ChoiceField)  # noqa: S101
        currency.choices = currency_choices(first=(account.currency,))
        currency.initial = account.currency
        self._show_names()

    def _show_names(self) -> None:
        """Show the site, the consumer and the products that are chosen by their names."""
        site = self["site"].value()
        sites = lines_of(site)
        rows = self["lines"].data if self.is_bound else None
        if isinstance(rows, RowFormSet):
            skus = [sku for row in rows.forms for sku in lines_of(row["sku"].value())]
        else:
            skus = [line["sku"] for line in self.initial.get("lines", ())]
        references = {("site", key) for key in sites} | {("product", sku) for sku in skus}
        names = reference_names(
            account_id=self.account.pk,
            references={(kind, key) for kind, key in references if is_storable(key)},
            sources=LOYALTY_REFERENCE_SOURCES,
        )
        by_kind = {kind: {key: name for (of, key), name in names.items() if of == kind} for kind in ("site", "product")}
        cast("KeyField", self.fields["site"]).widget.names = by_kind["site"]
        cast("KeyField", self.fields["consumer"]).widget.names = consumer_names(
            account_id=self.account.pk,
            consumer_ids=[key for key in lines_of(self["consumer"].value()) if is_storable(key)],
        )
        cast("FormSetField", self.fields["lines"]).widget.row_kwargs = {"names": by_kind["product"]}
        if isinstance(rows, RowFormSet):
            for row in rows.forms:
                row.fields["sku"].widget.names = by_kind["product"]

    def clean_consumer(self) -> str:
        consumer_id: str = self.cleaned_data["consumer"] or ""
        if len(consumer_id) > MAX_CONSUMER_ID_LENGTH or not is_storable(consumer_id):
            raise ValidationError("This consumer does not exist.")
        return consumer_id

    def clean_lines(self) -> list[JsonObject]:
        lines: list[JsonObject] = self.cleaned_data["lines"]
        if not lines:
            raise ValidationError("Add at least one line.")
        return lines

    def clean_vouchers(self) -> tuple[str, ...]:
        codes = tuple({voucher_key(code): code for code in lines_of(self.cleaned_data["vouchers"])}.values())
        if len(codes) > MAX_VOUCHERS:
            raise ValidationError(f"Enter up to {MAX_VOUCHERS} vouchers.")
        return codes

    def basket(self) -> BasketToTry:
        """Return the basket of a valid form."""
        values = dict(self.cleaned_data)
        return BasketToTry(lines=tuple(LineToTry(**line) for line in values.pop("lines")), **values)

    def add_problem(self, problem: Problem) -> None:
        """Show a problem at its field, or at the field of its line."""
        name, _, rest = (problem.attr or "").partition(".")
        error = ValidationError(problem.detail, code=problem.code)
        if name == "lines" and rest:
            index, _, column = rest.partition(".")
            row = FormSetField.counted_rows(self["lines"].data)[int(index)]
            row.add_error(column, error)
            error = ValidationError("Correct the highlighted rows.", code="rows")
        if name != "lines" or "lines" not in self.errors:
            self.add_error(name if name in self.fields else None, error)


def initial_of(basket: BasketToTry) -> JsonObject:
    """Return the form's values for a saved basket."""

    def text_of(amount: Decimal | None) -> str | None:
        return None if amount is None else format_number(amount)

    values: JsonObject = {name: getattr(basket, name) for name in BasketForm.base_fields if name != "lines"}
    values["vouchers"] = "\n".join(basket.vouchers)
    values["lines"] = [
        {
            "sku": line.sku,
            "quantity": text_of(line.quantity),
            "unit_price_inc_tax": text_of(line.unit_price_inc_tax),
            "unit_price_ex_tax": text_of(line.unit_price_ex_tax),
            "category": line.category,
            "brand": line.brand,
            "weighed": {None: "", True: "yes", False: "no"}[line.weighed],
            "no_discount": line.no_discount,
            "no_points": line.no_points,
        }
        for line in basket.lines
    ]
    return values
