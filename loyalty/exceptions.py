"""What the operations of loyalty refuse."""

from consumers.exceptions import Refused


class LoyaltyError(Refused):
    """Base of what the till's calls and the operations on offers, vouchers and points refuse."""


class LedgerIsAppendOnly(LoyaltyError):
    """A row of the ledger was to be changed or deleted: a correction is a new row."""

    code = "ledger_is_append_only"


class UnreadableSalesFile(LoyaltyError):
    """A file of past sales, or the mapping of its columns, cannot be read: nothing was imported."""

    code = "unreadable_sales_file"


class ReplayTooLate(LoyaltyError):
    """The account does not take transactions as old as those to be replayed."""

    code = "replay_too_late"


class SaleInvalid(LoyaltyError):
    """A till's basket names something unknown or impossible."""

    code = "invalid"


class ReturnInvalid(LoyaltyError):
    """A return names a line that the transaction has not, or more than is left of it."""

    code = "invalid"


class TransactionVoided(LoyaltyError):
    """The transaction was voided: nothing of it is left."""

    code = "voided"


class ReferenceReused(LoyaltyError):
    """A reference was used before, with other content."""

    code = "reference_reused"


class DecisionChanged(LoyaltyError):
    """The decision is not what the till expected, and the till asked to be refused then."""

    code = "decision_changed"


class TransactionNotFound(LoyaltyError):
    """No such transaction in the account."""

    code = "not_found"


class LimitOverrun(LoyaltyError):
    """The database refused a redemption beyond a limit: the decision was made on figures that no longer held."""

    code = "limit_overrun"


class FigureTooLarge(LoyaltyError):
    """Points, redemptions or amounts would be beyond what is kept of a transaction."""

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
    """A voucher was no longer what was decided on: spent, taken back, over, or somebody else's."""

    code = "voucher_changed"


class MessageSettled(LoyaltyError):
    """The message is in a state in which that cannot be done with it."""

    code = "message_settled"


class InsufficientPoints(LoyaltyError):
    """The balance does not suffice."""

    code = "insufficient_points"


class NotAMember(LoyaltyError):
    """The consumer has no membership that allows it."""

    code = "not_a_member"


class AdjustmentLimit(LoyaltyError):
    """A member of staff adjusts more points, at once or in a day, than their role allows."""

    code = "adjustment_limit"


class ConsumerNotFound(LoyaltyError):
    """The account has no such consumer."""

    code = "not_found"
