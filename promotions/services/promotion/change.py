"""."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from promotions.engine.rules.tree import Reference
from promotions.models import Promotion
from promotions.selectors.promotion import (
    ReferenceKey,
)
from promotions.services.promotion.values import promotion_definition

_BATCH = 1_000


@dataclass(kw_only=True)
class Change:
    """A promotion as it is to be written.

    ``before`` is the row as it was (None: there was none). ``references`` is what the definition names, None where
    the definition was not judged anew; ``named`` is what it named before, each with its row's id.
    """

    promotion: Promotion
    before: Promotion | None = None
    references: Sequence[Reference] | None = None
    named: dict[ReferenceKey, int] = field(default_factory=dict)

    @property
    def redefined(self) -> bool:
        """Whether the change makes a new version."""
        return self.before is None or promotion_definition(self.before) != promotion_definition(self.promotion)

    @property
    def is_idle(self) -> bool:
        """Whether everything is as it was."""
        before, after = self.before, self.promotion
        return (
            before is not None
            and not self.redefined
            and (before.draft, before.archived, before.stopped_at) == (after.draft, after.archived, after.stopped_at)
        )

    @property
    def publishes(self) -> bool:
        """Whether a draft becomes a promotion."""
        return self.before is not None and self.before.draft and not self.promotion.draft
