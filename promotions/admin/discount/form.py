"""The form of a discount, from and to a discount's own fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from consumers.admin.framework.formset_field import FormSetField, RowForm
from consumers.admin.framework.key_fields import KeyField, KeysField
from consumers.exceptions import Problem
from consumers.types import JsonObject
from promotions.admin.editor.budget_fields import BUDGET_PATHS, BUDGETS_SECTION
from promotions.admin.editor.content_fields import (
    CONTENT_PATHS,
    CONTENT_SECTIONS,
    ContentFields,
    content_document,
    content_values,
)
from promotions.admin.editor.form import (
    GENERAL_SECTIONS,
    LIMITS_ROWS,
    SWITCHES,
    Document,
    PromotionForm,
    limit_field,
    number_text,
    to_definition,
)
from promotions.admin.inputs.number_inputs import CURRENCY, decimal, whole
from promotions.admin.inputs.related_select import related_select
from promotions.admin.rules.field import RulesField
from promotions.admin.visibility import PERSONALIZED_SOURCE
from promotions.choices import DiscountType, PriceOrder
from promotions.engine.definition.fields import (
    CONDITIONS,
    DISCOUNT_OUTCOME,
    DISCOUNT_RESTRICTIONS,
    DISCOUNT_TYPES,
    MAX_PRODUCT_SETS,
    MAX_PRODUCTS_IN_SET,
    own_fields,
)
from promotions.engine.rules.attributes import Scope
from promotions.models import Discount, PersonalizedPromotion, Promotion
from promotions.selectors.personalized_promotion import personalized_promotions_of
from promotions.selectors.product import product_names
from promotions.services.discount import OUTCOME, DiscountValues, discount_problems

TYPE_FIELDS: Mapping[str, tuple[str, ...]] = {name: own_fields(DISCOUNT_OUTCOME, name) for name in DISCOUNT_TYPES}
"""The fields of the Discount tab that only this type has."""

VALUES: Mapping[str, tuple[str, str]] = {
    DiscountType.AMOUNT: (
        "Amount off",
        "Taken off each time the basket has all product sets, and shared over the discounted products.",
    ),
    DiscountType.PERCENTAGE: (
        "Percentage off",
        (
            "Taken off the discounted products. Above 0, up to 100. Rounded once per set of products, so 10% off one "
            "screw at 0.04 is nothing. For cheap products, use one product set with a required spend."
        ),
    ),
    DiscountType.FIXED_PRICE: (
        "Fixed price",
        (
            "The price of the discounted products together, each time the basket has all product sets. It never "
            "raises a price."
        ),
    ),
}
"""The label and help text of the value, by type."""


SOURCES = [("rules", "Products that match rules"), ("products", "Products you choose")]


@dataclass(frozen=True, kw_only=True)
class PersonalizedChoices:
    """The personalized promotions that a product set may reference: key and label, by the choice's form value.

    With ``hide_names``, for staff who may not see them, only those that the discount references already are offered,
    without their names.
    """

    hide_names: bool = False
    rows: Mapping[str, tuple[str, str]] = field(default_factory=dict)


NO_PERSONALIZED = PersonalizedChoices()


def fieldsets_of(discount_type: str) -> tuple[tuple[str, JsonObject], ...]:
    """Return the five tabs with their sections for one type."""
    own = TYPE_FIELDS[discount_type]
    return (
        *GENERAL_SECTIONS,
        ("Discount", {"classes": ("tab",), "fields": (*((own,) if own else ()), "price_order")}),
        (
            "What must be bought",
            {
                "fields": ("product_sets",),
                "description": "The discount applies each time the basket has everything that the product sets "
                "require. A "
                "product counts for one set only.",
            },
        ),
        (
            "Conditions",
            {
                "classes": ("tab",),
                "fields": CONDITIONS,
                "description": "Where, for whom and in which transactions it applies. With no rules, all sites, all "
                "customers, all transactions and all line items qualify. “Basket must contain” only "
                "decides whether the discount applies: product sets decide which products get it.",
            },
        ),
        ("Limits", {"classes": ("tab",), "fields": (*LIMITS_ROWS, "transaction_redemption_limit", *SWITCHES)}),
        BUDGETS_SECTION,
        *CONTENT_SECTIONS,
    )


class DiscountSetForm(RowForm):
    """One product set."""

    name = forms.CharField(
        label="Name of product set", max_length=200, required=False, widget=UnfoldAdminTextInputWidget()
    )
    source = forms.ChoiceField(
        label="Products of this set",
        choices=[
            *SOURCES,
            (PERSONALIZED_SOURCE, "From a personalized promotion"),
        ],
        initial="rules",
        widget=UnfoldAdminSelectWidget(),
    )
    rules = RulesField(
        Scope.LINE_ITEM, label="Product rules", empty="every product is in this set", suggested=("category",)
    )
    products = KeysField(
        "product",
        noun="product",
        max_keys=MAX_PRODUCTS_IN_SET,
        label="Products",
        attrs={"data-shown-when": "source:products"},
        help_text="Search by name or SKU, or paste SKUs, one per line.",
    )
    personalized_promotion = forms.ChoiceField(
        label="Personalized promotion",
        required=False,
        widget=UnfoldAdminSelectWidget({"data-shown-when": f"source:{PERSONALIZED_SOURCE}"}),
        help_text="Consumers choose from their own lists.",
    )
    required_by = forms.ChoiceField(
        label="Requires",
        choices=[("quantity", "A number of products"), ("spend", "An amount spent")],
        initial="quantity",
        widget=UnfoldAdminSelectWidget(),
    )
    required_quantity = forms.IntegerField(
        label="Required amount of products",
        required=False,
        min_value=1,
        initial=1,
        widget=whole("products", **{"data-shown-when": "required_by:quantity"}),
    )
    required_spend = forms.DecimalField(
        label="Required spend",
        required=False,
        widget=decimal(CURRENCY, **{"data-shown-when": "required_by:spend"}),
        help_text="Spend on products of this set, in the discount's currency.",
    )
    repeats = forms.BooleanField(
        label="Repeat each time the spend is reached",
        required=False,
        widget=UnfoldBooleanSwitchWidget({"data-shown-when": "required_by:spend"}),
        help_text="If on, 5.00 off every 50.00 gives 10.00 off 100.00. If off, it applies once per transaction. Only "
        "works with a single product set whose products all get the discount.",
    )
    gets_discount = forms.BooleanField(
        label="This product set gets the discount",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="If off, its products must be in the basket but keep their price.",
    )
    discounted_quantity = forms.IntegerField(
        label="This many products get the discount",
        required=False,
        min_value=1,
        widget=whole("products", **{"data-shown-when": "gets_discount:on"}),
        help_text="Leave blank for all required products.",
    )
    default_product = KeyField(
        "product",
        noun="product",
        label="Default product",
        attrs={"data-shown-when": f"source:{PERSONALIZED_SOURCE}"},
        help_text="Used if the consumer has not chosen yet.",
    )

    def __init__(
        self,
        *args: Any,
        discount_type: str = "",
        personalized: PersonalizedChoices = NO_PERSONALIZED,
        names: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._set_personalized_choices(personalized)
        self.fields["rules"].widget.attrs["data-shown-when"] = "source:rules"
        if discount_type and discount_type != DiscountType.AMOUNT:
            del self.fields["repeats"]
            self.fields["required_spend"].help_text += " Applies once per transaction."
        if discount_type == DiscountType.FREE_PRODUCT:
            default = self.fields["default_product"]
            default.widget.attrs["data-shown-when"] += "|gets_discount:on"
            default.help_text = "The till adds it to a basket that has none of these products."
        for form_field in self.fields.values():
            if isinstance(form_field, KeysField):
                form_field.widget.names = names or {}

    def _set_personalized_choices(self, personalized: PersonalizedChoices) -> None:
        self.personalized = personalized
        choice, source = self.fields[PERSONALIZED_SOURCE], self.fields["source"]
        assert isinstance(choice, forms.ChoiceField) and isinstance(source, forms.ChoiceField)  # noqa: S101, PT018
        named = self.initial.get(PERSONALIZED_SOURCE)
        form_value = next((value for value, (key, _) in personalized.rows.items() if key == named), named)
        self.initial = {**self.initial, PERSONALIZED_SOURCE: form_value}
        offered = [(value, label) for value, (_, label) in personalized.rows.items()]
        if not personalized.hide_names:
            choice.widget = related_select(choice.widget, PersonalizedPromotion, key="backend_id")
            choice.choices = [("", "Choose a personalized promotion"), *offered]
            return
        by_consumer = "Each consumer's own"
        source.choices = [*SOURCES, *([(PERSONALIZED_SOURCE, by_consumer)] if offered else [])]
        choice.choices, choice.label = [("", "Choose"), *offered], by_consumer
        if not offered:
            del self.fields[PERSONALIZED_SOURCE]

    def clean(self) -> Document:
        cleaned: Document = super().clean() or self.cleaned_data
        if chosen := cleaned.get(PERSONALIZED_SOURCE):
            cleaned[PERSONALIZED_SOURCE] = self.personalized.rows[chosen][0]
        missing = {
            "products": "Choose at least one product.",
            PERSONALIZED_SOURCE: "Choose an option."
            if self.personalized.hide_names
            else "Choose a personalized promotion.",
        }
        source = cleaned.get("source", "")
        if source in missing and not cleaned.get(source) and source not in self.errors:
            self.add_error(source, missing[source])
        lacks_spend = cleaned.get("required_by") == "spend" and not cleaned.get("required_spend")
        if lacks_spend and "required_spend" not in self.errors:
            self.add_error("required_spend", "Enter how much the customer must spend.")
        return cleaned

    def as_values(self) -> Document:
        values = self.cleaned_data
        gets_discount, source = values["gets_discount"], values["source"]
        by_spend = values["required_by"] == "spend"
        return {
            "name": values["name"],
            source: values[source],
            "required_quantity": None if by_spend else values["required_quantity"] or 1,
            "required_spend": number_text(values["required_spend"]) if by_spend else None,
            "repeats": by_spend and values.get("repeats", False),
            "gets_discount": gets_discount,
            "discounted_quantity": values["discounted_quantity"] if gets_discount else None,
            "default_product": values["default_product"] if gets_discount or source == PERSONALIZED_SOURCE else None,
        }

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Document:
        source = next(name for name in ("products", PERSONALIZED_SOURCE, "rules") if name in values)
        return {
            **values,
            "source": source,
            "required_by": "spend" if values.get("required_spend") else "quantity",
            "discounted_quantity": values.get("discounted_quantity") or None,
        }


class DiscountForm(ContentFields, PromotionForm):
    """A discount of one type."""

    problem_fields: ClassVar[dict[str, str]] = {
        **{f"conditions.{name}": name for name in CONDITIONS},
        **BUDGET_PATHS,
        **CONTENT_PATHS,
    }
    problem_rows: ClassVar[dict[str, str]] = {"product_sets": "product_sets", "funding": "funding"}
    may_see_personalized: ClassVar[bool] = True

    value = forms.DecimalField(widget=decimal(CURRENCY))
    maximum_discount = forms.DecimalField(
        label="Maximum discount",
        required=False,
        widget=decimal(CURRENCY),
        help_text="Per transaction, in the discount's currency. Leave blank for no maximum.",
    )
    price_order = forms.ChoiceField(
        label="Discount which units?",
        choices=PriceOrder.choices,
        initial=PriceOrder.CHEAPEST,
        widget=UnfoldAdminSelectWidget(),
        help_text="Used when the basket has more units than a set needs. For a fixed price, most expensive first "
        "saves the customer the most.",
    )
    product_sets = FormSetField(
        form=DiscountSetForm,
        max_rows=MAX_PRODUCT_SETS,
        label="Product sets",
        ordered=True,
        texts={
            "row": "Product set",
            "add": "Add product set",
            "empty": "No product sets yet: add at least one that gets the discount.",
        },
        add_buttons={
            "Add product set": {},
            "Add set at full price": {"gets_discount": "off"},
            "Add personalized promotion": {"source": PERSONALIZED_SOURCE},
        },
    )
    transaction_redemption_limit = limit_field("Limit redemptions per transaction")

    class Meta(PromotionForm.Meta):
        model = Discount

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (
            ("name", "Discount name"),
            ("currency", "Discount currency"),
            ("description", "Discount description"),
            ("code", "Discount code"),
        ):
            self.fields[name].label = label
        for name in ("value", "maximum_discount"):
            if name not in TYPE_FIELDS[self.promotion_type]:
                del self.fields[name]
        if "value" in self.fields:
            value = self.fields["value"]
            value.label, value.help_text = VALUES[self.promotion_type]
            if self.promotion_type == DiscountType.PERCENTAGE:
                value.widget = decimal("%")
        if self.promotion_type == DiscountType.FIXED_PRICE:
            # Three for 20, the cheapest first, would give next to nothing on 1, 10, 10 and 10.
            self.fields["price_order"].initial = PriceOrder.MOST_EXPENSIVE
        sets = self.fields["product_sets"]
        assert isinstance(sets, FormSetField)  # noqa: S101
        sets.widget.begins_with_row = self.instance.pk is None
        sets.widget.row_kwargs = {
            "discount_type": self.promotion_type,
            "personalized": self._personalized_choices(),
            "names": self._product_names(),
        }
        if not self.may_see_personalized:
            sets.widget.add_buttons = {
                label: preset
                for label, preset in sets.widget.add_buttons.items()
                if preset.get("source") != PERSONALIZED_SOURCE
            }

    def _personalized_choices(self) -> PersonalizedChoices:
        """Return the choices: those in use, and those that the discount references already."""
        referenced = {
            product_set[PERSONALIZED_SOURCE]
            for product_set in self._stored_sets()
            if product_set.get(PERSONALIZED_SOURCE)
        }
        if not self.may_see_personalized:
            own = {str(n): (key, "Current one") for n, key in enumerate(sorted(referenced), start=1)}
            return PersonalizedChoices(hide_names=True, rows=own)
        rows = personalized_promotions_of(account_id=self.account.pk).order_by("name", "backend_id")
        offered = (promotion for promotion in rows if not promotion.archived or promotion.backend_id in referenced)
        return PersonalizedChoices(
            rows={promotion.backend_id: (promotion.backend_id, str(promotion)) for promotion in offered}
        )

    def _product_names(self) -> dict[str, str]:
        """Return the names of the products that the discount references, by SKU."""
        skus = {
            product_set["default_product"] for product_set in self._stored_sets() if product_set.get("default_product")
        }
        skus.update(sku for product_set in self._stored_sets() for sku in product_set.get("products", ()))
        return product_names(account_id=self.account.pk, skus=skus)

    def _stored_sets(self) -> list[Document]:
        return (self.instance.outcome or {}).get("product_sets") or []

    def values_of(self, promotion: Promotion) -> Document:
        if not promotion.outcome:
            return {"currency": self.account.currency}
        outcome, eligibility = promotion.outcome, promotion.eligibility
        return {
            **{name: outcome.get(name) for name in OUTCOME},
            **{name: eligibility.get(name) for name in (*CONDITIONS, *DISCOUNT_RESTRICTIONS)},
            **content_values(promotion.content or {}),
        }

    def outcome(self) -> Document:
        return {name: to_definition(self.cleaned_data.get(name)) for name in OUTCOME}

    def eligibility(self) -> Document:
        return {name: self.cleaned_data[name] for name in (*CONDITIONS, *DISCOUNT_RESTRICTIONS)}

    def content(self) -> Document:
        return content_document(self.cleaned_data)

    def discount_values(self) -> Document:
        """Return the discount's own values for ``DiscountValues``."""
        values = self.cleaned_data
        return {
            **{name: to_definition(values.get(name)) for name in (*OUTCOME, *DISCOUNT_RESTRICTIONS)},
            "conditions": {name: values[name] for name in CONDITIONS},
            "content": self.content(),
            **self.budgets(),
        }

    def problems(self, common: Document, *, before: Promotion | None, at: datetime) -> tuple[Problem, ...]:
        values = DiscountValues(**common, discount_type=self.promotion_type, **self.discount_values())
        return discount_problems(account=self.account, values=values, before=before, at=at)
