"""What the operations of loyalty refuse."""

from consumers.exceptions import Refused


class LoyaltyError(Refused):
    """Base of what the till's calls and the operations on offers, vouchers and points refuse."""


class LedgerIsAppendOnly(LoyaltyError):
    """A row of the ledger was to be changed or deleted: a correction is a new row."""

    code = "ledger_is_append_only"
