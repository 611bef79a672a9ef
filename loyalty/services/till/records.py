"""What a transaction stores of its sale and decision, as records: its lines, and the facts that a return needs.

``of`` makes a record, ``to_json`` and ``from_json`` say how it is stored: this module alone knows the keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Self

import msgspec
from msgspec import UNSET, Struct, UnsetType

from consumers.normal_form import normalized_document
from loyalty.choices import VoucherStatus
from loyalty.services.till.decision_inputs import DecisionInputs
from loyalty.services.till.sale import SaleLine
from promotions.engine.benefits.vouchers import Benefit, PresentedVoucher
from promotions.engine.facts.basket import Line, LineTraits, ProductFacts, UnitPrice, make_line
from promotions.engine.money import money_text, to_minor_price
from promotions.engine.pipeline.decision import LineResult

Document = dict[str, object]


class StoredProduct(Struct, frozen=True, kw_only=True):
    """A catalogue entry as it was at the sale."""

    product_brand: str
    program_brand: str
    category: str
    labels: tuple[str, ...]
    cost_price: str | None
    retail_price: str | None

    @classmethod
    def of(cls, product: ProductFacts) -> Self:
        """Store a catalogue entry."""
        return cls(
            product_brand=product.product_brand,
            program_brand=product.program_brand,
            category=product.category,
            labels=product.labels,
            cost_price=None if product.cost_price is None else f"{product.cost_price:f}",
            retail_price=None if product.retail_price is None else f"{product.retail_price:f}",
        )

    @property
    def facts(self) -> ProductFacts:
        """The entry as the engine is given it."""
        return ProductFacts(
            product_brand=self.product_brand,
            program_brand=self.program_brand,
            category=self.category,
            labels=self.labels,
            cost_price=None if self.cost_price is None else Decimal(self.cost_price),
            retail_price=None if self.retail_price is None else Decimal(self.retail_price),
        )


class StoredLine(Struct, kw_only=True):
    """A line of a transaction: what was sold, its product as it was, and its part of what is left of the decision.

    Quantities, prices and amounts are decimal numbers as text, amounts in the transaction's currency. ``returned`` is
    how much of ``quantity`` came back, and not stored before the first return. ``weighed``, ``no_discount`` and
    ``no_points`` say how it counted, by the till or by its product, and are stored only where they hold.
    """

    line_id: str
    sku: str
    quantity: str
    unit_price_inc_tax: str
    unit_price_ex_tax: str
    category: str
    brand: str
    product: StoredProduct | None
    total: str
    net: str
    discount: str
    base_points: int
    returned: str | UnsetType = UNSET
    weighed: bool | UnsetType = UNSET
    no_discount: bool | UnsetType = UNSET
    no_points: bool | UnsetType = UNSET

    @classmethod
    def of(cls, line: Line, *, sold: SaleLine, result: LineResult, product: ProductFacts | None, currency: str) -> Self:
        """Store a line of a decision, with the prices as the till sent them."""
        return cls(
            line_id=line.line_id,
            sku=line.sku,
            quantity=f"{line.quantity:f}",
            unit_price_inc_tax=f"{sold.unit_price_inc_tax:f}",
            unit_price_ex_tax=f"{sold.unit_price_ex_tax:f}",
            category=line.category,
            brand=line.brand,
            product=None if product is None else StoredProduct.of(product),
            total=money_text(result.total, currency),
            net=money_text(result.net, currency),
            discount=money_text(result.discount, currency),
            base_points=result.base_points,
            weighed=line.weight is not None or UNSET,
            no_discount=line.no_discount or UNSET,
            no_points=line.no_points or UNSET,
        )

    @property
    def quantity_returned(self) -> Decimal:
        """How much of it came back."""
        return Decimal(0) if self.returned is UNSET else Decimal(self.returned)

    @property
    def quantity_left(self) -> Decimal:
        """How much of it was not returned."""
        return Decimal(self.quantity) - self.quantity_returned

    @property
    def traits(self) -> LineTraits:
        """How it counted at the sale. One sold before this was stored counted by its quantity alone."""
        quantity = Decimal(self.quantity)
        return LineTraits(
            is_weighed=self.weighed is True or quantity != int(quantity),
            no_discount=self.no_discount is True,
            no_points=self.no_points is True,
        )

    def engine_line(self, quantity: Decimal, currency: str) -> Line:
        """Return the engine's line for a quantity of it."""
        return make_line(
            line_id=self.line_id,
            sku=self.sku,
            quantity=quantity,
            unit_price=UnitPrice(
                to_minor_price(Decimal(self.unit_price_inc_tax), currency),
                to_minor_price(Decimal(self.unit_price_ex_tax), currency),
            ),
            category=self.category,
            brand=self.brand,
            traits=self.traits,
        )


def lines_from_json(stored: Sequence[Mapping[str, object]]) -> list[StoredLine]:
    """Read a transaction's ``lines``, in NFC as the promotions are: older sales keep what their till sent."""
    return msgspec.convert(normalized_document(stored), list[StoredLine])


def lines_to_json(lines: Iterable[StoredLine]) -> list[Document]:
    """Return lines as a transaction stores them."""
    documents: list[Document] = msgspec.to_builtins(list(lines))
    return documents


class StoredSelection(Struct, frozen=True):
    """Whether the sale itself made the selection that it made final."""

    selected: bool


class PayingVoucher(Struct, frozen=True, kw_only=True):
    """A voucher that paid, with what its offer gave at the sale: a return applies it again."""

    code: str
    offer: str
    benefit: str
    currency: str
    value: str
    product: str

    @classmethod
    def of(cls, *, code: str, offer: str, benefit: Benefit) -> Self:
        """Store a voucher and its benefit."""
        return cls(
            code=code,
            offer=offer,
            benefit=benefit.kind,
            currency=benefit.currency,
            value=str(benefit.value),
            product=benefit.product,
        )

    @property
    def presented(self) -> PresentedVoucher:
        """The voucher as the engine is given it."""
        benefit = Benefit(kind=self.benefit, currency=self.currency, value=Fraction(self.value), product=self.product)
        return PresentedVoucher(
            code=self.code, offer=self.offer, benefit=benefit, status=VoucherStatus.ISSUED, is_own=True
        )


class TransactionFacts(Struct, frozen=True, kw_only=True):
    """What a transaction was decided by and on, besides its lines. Past sales from elsewhere have the defaults.

    ``applied`` are the ids of the promotions that apply now, and ``cut`` of those that a budget cut. ``lists`` are the
    SKUs by backend id that personalized promotions applied to, ``selections`` those that the sale made final, and
    ``vouchers`` those that paid. ``unrecovered`` are the codes of vouchers that a return should have cancelled, but
    that were spent by then. ``inputs`` are missing in sales of before they were kept, and in past sales from elsewhere.
    """

    earn_rate: str = "0"
    point_value: str = "0"
    is_loyalty_member: bool = False
    applied: tuple[int, ...] = ()
    cut: tuple[int, ...] | UnsetType = UNSET
    lists: dict[str, tuple[str, ...]] = {}
    selections: dict[str, StoredSelection] = msgspec.field(default_factory=dict, name="chosen")
    vouchers: tuple[PayingVoucher, ...] = ()
    unrecovered: tuple[str, ...] | UnsetType = UNSET
    inputs: DecisionInputs | UnsetType = UNSET

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read a transaction's ``facts``, in NFC."""
        return msgspec.convert(normalized_document(stored), cls)

    def to_json(self) -> Document:
        """Return the facts as a transaction stores them."""
        document: Document = msgspec.to_builtins(self)
        return document

    @property
    def cut_ids(self) -> tuple[int, ...]:
        """The ids of ``cut``; none where no budget cut anything."""
        return () if self.cut is UNSET else self.cut

    @property
    def unrecovered_codes(self) -> tuple[str, ...]:
        """The codes of ``unrecovered``; none before the first return."""
        return () if self.unrecovered is UNSET else self.unrecovered


def facts_after_return(stored: Mapping[str, object], *, applied: Sequence[int], unrecovered: Sequence[str]) -> Document:
    """Return a transaction's ``facts`` after a return: what applies to what is left, and the vouchers it missed."""
    document = {**stored, "applied": list(applied)}
    if unrecovered:
        document["unrecovered"] = [*TransactionFacts.from_json(stored).unrecovered_codes, *unrecovered]
    return document
