"""The shapes of the till's answers, for the OpenAPI document. ``loyalty.services.till.answer`` builds them."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from consumers.api.framework.components import component, enum, reference
from consumers.api.framework.schema import ERROR
from loyalty.choices import Benefit, PromotionType, TransactionStatus
from loyalty.services.till.quote import WARNING_CODES
from promotions.api.v1.definitions import ANY_RULE, CONTENT
from promotions.choices import DiscountType, Family
from promotions.engine.benefits.vouchers import VOUCHER_REASONS
from promotions.engine.pipeline.decision import DECIDED_BY, LACKING, REASONS


def _named_enum(name: str, *values: str) -> Meta:
    return Meta(extra_json_schema=component(name, enum(*dict.fromkeys(values))))


Money = Annotated[
    str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="An amount with exactly the decimals of the currency.")
]
Quantity = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
DecisionStatus = Annotated[str, _named_enum("DecisionStatus", "quoted", *TransactionStatus.values)]
AppliedFamily = Annotated[str, _named_enum("AppliedFamily", *Family.values, "voucher")]
AppliedType = Annotated[str, _named_enum("AppliedType", *PromotionType.values, *DiscountType.values, *Benefit.values)]
PromotionFamily = Annotated[str, _named_enum("Family", *Family.values)]
Reason = Annotated[str, _named_enum("NotAppliedReason", *REASONS)]
HeldOutReason = Annotated[str, _named_enum("HeldOutReason", "control_group", "universal_holdout")]
VoucherReason = Annotated[str, _named_enum("VoucherReason", *VOUCHER_REASONS)]
DecidedBy = Annotated[str, _named_enum("DecidedBy", *DECIDED_BY)]
Lacking = Annotated[str, _named_enum("Lacking", *LACKING)]
WarningCode = Annotated[str, _named_enum("WarningCode", *WARNING_CODES)]
DifferentField = Annotated[str, _named_enum("DifferentField", "net_total_inc_tax", "points", "applied")]


_CONTENT = {
    "anyOf": [CONTENT, component("NoContent", {"type": "object", "maxProperties": 0})],
    "description": "What the consumer reads; a voucher has none.",
}
_BATCH_ANSWER = {"anyOf": [reference("TransactionAnswer"), ERROR]}


class PointsAnswer(Struct):
    """Points of the whole basket."""

    base: int
    promotion: int
    total: int
    balance: Annotated[int | None, Meta(description="The balance after it; null without a membership.")]


class LineAnswer(Struct):
    """What a line costs."""

    line_id: str
    total_inc_tax: Money
    discount: Money
    net_total_inc_tax: Money
    base_points: int


class LineShareAnswer(Struct):
    """A line that a promotion took, and its share."""

    line_id: str
    quantity: Quantity
    discount: Money
    points: int


class AppliedAnswer(Struct):
    """A discount, voucher or loyalty promotion that applies."""

    promotion: Annotated[str, Meta(description="The code of the promotion, or of the offer of a voucher.")]
    version: Annotated[int | None, Meta(description="The version of the promotion; null for a voucher.")]
    family: AppliedFamily
    type: AppliedType
    subtype: str
    redemptions: int
    points: int
    discount: Money
    saving: Money
    lines: list[LineShareAnswer]
    vouchers: Annotated[
        list[str], Meta(description="The codes of the vouchers that it issued, or of the voucher that paid.")
    ]
    confirmation_message: Annotated[str, Meta(description="A text to show or print.")]
    content: Annotated[dict[str, Any], Meta(extra_json_schema=component("AppliedContent", _CONTENT))]
    cut: (
        Annotated[
            Literal[True],
            Meta(
                description="A budget had less left than this would give, and it gives that. Else left out.",
                extra_json_schema={"type": "boolean"},
            ),
        ]
        | UnsetType
    ) = UNSET


class IssuedVoucherAnswer(Struct):
    """A voucher that was issued."""

    code: str
    offer: str
    expires_at: Moment | None
    last_day: Annotated[
        Day | None, Meta(description="The last day on which it can be used, in the time zone of the account.")
    ]


class RefusedVoucherAnswer(Struct):
    """A voucher that was presented and does not pay."""

    code: str
    reason: VoucherReason


class AddProductAnswer(Struct):
    """A product that the till may add: a discount then pays for it."""

    discount: str
    sku: str
    quantity: Quantity


class PersonalizedAnswer(Struct):
    """A personalized promotion that concerns the consumer, and their choice."""

    backend_id: str
    requires_selection: Annotated[bool, Meta(description="Whether the consumer has yet to choose: ask them.")]
    locks_after_first_apply: Annotated[bool, Meta(description="Whether the commit makes the choice final.")]
    locked: Annotated[bool, Meta(description="Whether the choice is final.")]
    selected: list[str]


class WarningAnswer(Struct):
    """Something the till should know; it stops nothing."""

    code: WarningCode
    detail: str


class DifferenceAnswer(Struct):
    """A field of the decision that is not what the till expected."""

    field: DifferentField
    expected: str | int | list[str]
    got: str | int | list[str]


class NearMissAnswer(Struct):
    """The one thing that the promotion lacked."""

    lacking: Lacking
    amount: (
        Annotated[
            Money, Meta(description="If spend is lacking: the amount that is missing; of a budget: what is left.")
        ]
        | UnsetType
    ) = UNSET
    units: (
        Annotated[int, Meta(description="If units are lacking: how many are missing; of a budget: the points left.")]
        | UnsetType
    ) = UNSET
    count: Annotated[int, Meta(description="If transactions are lacking: how many are missing.")] | UnsetType = UNSET
    rule: Annotated[dict[str, Any], Meta(extra_json_schema=component("AnyRule", ANY_RULE))] | UnsetType = UNSET


class NotAppliedAnswer(Struct):
    """A promotion that does not apply, and why."""

    promotion: str
    family: PromotionFamily
    reason: Reason
    detail: str
    won_by: Annotated[list[str], Meta(description="The codes of the promotions that won, if it lost a conflict.")]
    decided_by: DecidedBy | None
    near_miss: NearMissAnswer | None


class HeldOutAnswer(Struct):
    """What a promotion would have given, had the consumer not been held out."""

    promotion: str
    version: int
    redemptions: int
    points: int
    saving: Money
    reason: HeldOutReason


class Decision(Struct):
    """What a basket earns."""

    reference: str | None
    currency: str
    occurred_at: Moment
    status: DecisionStatus
    total_inc_tax: Money
    discount_total: Money
    net_total_inc_tax: Money
    points: PointsAnswer
    lines: list[LineAnswer]
    applied: Annotated[
        list[AppliedAnswer], Meta(description="What applies: discounts first, then vouchers, then loyalty promotions.")
    ]
    vouchers_issued: list[IssuedVoucherAnswer]
    vouchers_refused: list[RefusedVoucherAnswer]
    add_products: list[AddProductAnswer]
    personalized: list[PersonalizedAnswer]
    warnings: list[WarningAnswer]
    differences: list[DifferenceAnswer]
    not_applied: (
        Annotated[list[NotAppliedAnswer], Meta(description="Why others do not apply; only with `explain`.")] | UnsetType
    ) = UNSET


class RedemptionsAnswer(Struct):
    """Redemptions of a promotion that a return took back."""

    promotion: str
    redemptions: int


class ReversedAnswer(Struct):
    """What a return or void took back."""

    points: int
    discount: Money
    redemptions: list[RedemptionsAnswer]
    vouchers_cancelled: Annotated[list[str], Meta(description="The codes of vouchers that are no longer valid.")]
    vouchers_already_redeemed: Annotated[list[str], Meta(description="The codes of vouchers that were already spent.")]


class ReturnAnswer(Decision, kw_only=True):
    """What is left of a transaction after a return or void, and what to refund."""

    return_reference: str
    refund_due: Money
    not_recovered: Annotated[Money, Meta(description="How much more the rest would have cost than was paid for it.")]
    reversed: ReversedAnswer


class TransactionAnswer(Decision, kw_only=True):
    """A transaction: as it was committed, or what the last return or void left of it."""

    held_out: (
        Annotated[
            list[HeldOutAnswer],
            Meta(description="What was withheld from a consumer who was held out; only with `explain`."),
        ]
        | UnsetType
    ) = UNSET
    return_reference: str | UnsetType = UNSET
    refund_due: Money | UnsetType = UNSET
    not_recovered: Money | UnsetType = UNSET
    reversed: ReversedAnswer | UnsetType = UNSET


class BatchResult(Struct):
    """The answer to one basket of a batch."""

    reference: str | None
    status: Annotated[int, Meta(description="The HTTP status of the single call.")]
    answer: Annotated[dict[str, Any], Meta(extra_json_schema=component("BatchAnswer", _BATCH_ANSWER))]


class BatchAnswers(Struct):
    """The answers to a batch, in the order in which the baskets were decided."""

    results: list[BatchResult]
