"""Refusals of the operations on the catalogue and on promotions."""

from consumers.exceptions import Refused


class PromotionsError(Refused):
    """Base of all refusals of this app."""


class ProductNotFound(PromotionsError):
    """The account has no such product."""

    code = "not_found"


class ProductInUse(PromotionsError):
    """An offer, a promotion or a consumer's list references the product: it can be archived, not deleted."""

    code = "in_use"

    def __init__(self) -> None:
        super().__init__(
            "An offer, a promotion or a consumer's list uses this product. "
            'Archive it instead: PATCH {"archived": true}.'
        )


class PersonalizedPromotionNotFound(PromotionsError):
    """The account has no such personalized promotion."""

    code = "not_found"


class PersonalizedPromotionInUse(PromotionsError):
    """Consumers have lists of it, or a discount references it: it can be archived, not deleted."""

    code = "in_use"

    def __init__(self) -> None:
        super().__init__(
            'Consumers have lists for it, or a discount uses it. Archive it instead: PATCH {"archived": true}.'
        )


class CampaignNotFound(PromotionsError):
    """The account has no such campaign."""

    code = "not_found"


class CampaignInUse(PromotionsError):
    """Promotions or discounts belong to the campaign: it can be archived, not deleted."""

    code = "in_use"

    def __init__(self) -> None:
        super().__init__(
            "Promotions or discounts belong to this campaign. Take them out of it, or archive it instead: "
            'PATCH {"archived": true}.'
        )


class ListRefused(PromotionsError):
    """A consumer's list, or a choice from it, is invalid; see the problems."""


class SelectionLocked(PromotionsError):
    """The consumer's choice was final."""

    code = "selection_locked"


class PromotionNotFound(PromotionsError):
    """The account has no such promotion."""

    code = "not_found"


class PromotionInUse(PromotionsError):
    """A transaction needs the promotion: it can be archived, not deleted."""

    code = "in_use"


class PromotionStopped(PromotionsError):
    """The promotion was stopped or has ended, which is final."""

    code = "stopped"


class AlreadyPublished(PromotionsError):
    """A published promotion cannot become a draft, or be published again."""

    code = "already_published"


class NotPublished(PromotionsError):
    """A draft cannot be stopped."""

    code = "not_published"
