"""What the operations of promotions refuse."""

from consumers.exceptions import Refused


class PromotionsError(Refused):
    """Base of what the operations on the catalogue and on promotions refuse."""


class ProductNotFound(PromotionsError):
    """The account has no such product."""

    code = "not_found"


class ProductInUse(PromotionsError):
    """An offer, a promotion or a consumer's list names the product: it can be archived, not deleted."""

    code = "in_use"

    def __init__(self) -> None:
        super().__init__(
            "An offer, a promotion or a consumer's list names this product. "
            'Archive it instead: PATCH {"archived": true}.'
        )


class PersonalizedPromotionNotFound(PromotionsError):
    """The account has no such personalized promotion."""

    code = "not_found"


class PersonalizedPromotionInUse(PromotionsError):
    """Consumers have lists of it, or a discount names it: it can be archived, not deleted."""

    code = "in_use"

    def __init__(self) -> None:
        super().__init__(
            "Consumers have products on its lists, or a discount names it. "
            'Archive it instead: PATCH {"archived": true}.'
        )


class ListRefused(PromotionsError):
    """A consumer's list, or a choice from it, does not hold; the problems say in what."""


class SelectionLocked(PromotionsError):
    """The consumer's choice was final."""

    code = "selection_locked"


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
