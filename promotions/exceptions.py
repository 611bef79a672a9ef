"""What the operations of promotions refuse."""

from consumers.exceptions import Refused


class PromotionsError(Refused):
    """Base of what the operations on the catalogue and on promotions refuse."""


class ProductNotFound(PromotionsError):
    """The account has no such product."""

    code = "not_found"


class ProductInUse(PromotionsError):
    """An offer or a promotion names the product: it can be archived, not deleted."""

    code = "in_use"

    def __init__(self) -> None:
        super().__init__('An offer or a promotion names this product. Archive it instead: PATCH {"archived": true}.')


class PromotionNotFound(PromotionsError):
    """The account has no such promotion."""

    code = "not_found"


class PromotionInUse(PromotionsError):
    """History needs the promotion: it can be archived, not deleted."""

    code = "in_use"


class PromotionStopped(PromotionsError):
    """The promotion was stopped, or has ended by itself: both are final."""

    code = "stopped"


class AlreadyPublished(PromotionsError):
    """A published promotion was to become a draft, or to be published again."""

    code = "already_published"


class NotPublished(PromotionsError):
    """A draft has no life to end."""

    code = "not_published"
