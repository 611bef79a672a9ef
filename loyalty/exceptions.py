"""Refusals of loyalty's operations."""

from consumers.exceptions import Refused


class LoyaltyError(Refused):
    """The base of every refusal of the till's calls and of operations on offers, vouchers and points."""


class LedgerIsAppendOnly(LoyaltyError):
    """A row of the ledger cannot be changed or deleted: a correction is a new row."""

    code = "ledger_is_append_only"


class UnreadableSalesFile(LoyaltyError):
    """A file of past sales, or the mapping of its columns, cannot be read: nothing was imported."""

    code = "unreadable_sales_file"


class ReplayTooLate(LoyaltyError):
    """The account does not accept transactions as old as those to be replayed."""

    code = "replay_too_late"


class SaleInvalid(LoyaltyError):
    """A till's basket names something unknown or impossible."""

    code = "invalid"


class ReturnInvalid(LoyaltyError):
    """A return names a line that the transaction does not have, or more of it than is left."""

    code = "invalid"


class TransactionVoided(LoyaltyError):
    """The transaction was voided."""

    code = "voided"


class ReferenceReused(LoyaltyError):
    """A reference was used before with other content."""

    code = "reference_reused"


class DecisionChanged(LoyaltyError):
    """The decision differs from what the till expected, and the till asked to be refused in that case."""

    code = "decision_changed"


class TransactionNotFound(LoyaltyError):
    """No such transaction in the account."""

    code = "not_found"


class LimitOverrun(LoyaltyError):
    """The database refused a redemption beyond a limit: the figures had changed since the decision read them."""

    code = "limit_overrun"


class FigureTooLarge(LoyaltyError):
    """Points, redemptions or amounts are larger than a transaction can store."""

    code = "max_value"


class OfferNotFound(LoyaltyError):
    """The account has no such offer."""

    code = "not_found"


class OfferInUse(LoyaltyError):
    """A promotion names the offer, or vouchers of it were issued."""

    code = "in_use"


class OfferUnavailable(LoyaltyError):
    """The offer is out of stock, outside its dates, or archived."""

    code = "offer_unavailable"


class VoucherChanged(LoyaltyError):
    """A voucher changed since the decision read it: redeemed, cancelled, expired, or another consumer's."""

    code = "voucher_changed"


class MessageSettled(LoyaltyError):
    """The message's state does not allow the step."""

    code = "message_settled"


class InsufficientPoints(LoyaltyError):
    """The balance is too low."""

    code = "insufficient_points"


class NotAMember(LoyaltyError):
    """The consumer has no membership, or none that is active."""

    code = "not_a_member"


class AdjustmentLimit(LoyaltyError):
    """A member of staff would adjust more points, at once or in a day, than their role allows."""

    code = "adjustment_limit"


class ConsumerNotFound(LoyaltyError):
    """The account has no such consumer."""

    code = "not_found"


class NoControlGroup(LoyaltyError):
    """The promotion has no control group to be compared with."""

    code = "no_control_group"


class NoUniversalHoldout(LoyaltyError):
    """The account had no universal holdout in a year."""

    code = "no_universal_holdout"


class NotMeasuredYet(LoyaltyError):
    """The promotion, or the universal holdout, has not started, so that its consumers are not measured yet."""

    code = "not_measured_yet"
