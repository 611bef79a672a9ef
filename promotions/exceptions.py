"""What the operations of promotions refuse."""

from consumers.exceptions import Refused


class PromotionsError(Refused):
    """Base of what the operations on the catalogue and on promotions refuse."""
