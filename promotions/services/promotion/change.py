"""A promotion before and after a change that is about to be written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from promotions.engine.rules.problems import Reference
from promotions.models import Promotion
from promotions.selectors.references import ReferenceKey
from promotions.services.promotion.values import promotion_definition

_BESIDE_VERSIONS = attrgetter("draft", "archived", "stopped_at", "campaign_id")
"""What can change of a promotion without a new version."""


@dataclass(kw_only=True)
class Change:
    """A promotion as it is to be written.

    ``before`` is the stored row; None for a new promotion. ``references`` are those of the new definition; None where
    the definition was not checked again. ``stored_references`` are those that are stored, each with its row's id.
    """

    promotion: Promotion
    before: Promotion | None = None
    references: Sequence[Reference] | None = None
    stored_references: dict[ReferenceKey, int] = field(default_factory=dict)

    @property
    def redefined(self) -> bool:
        """Whether the change makes a new version."""
        return self.before is None or promotion_definition(self.before) != promotion_definition(self.promotion)

    @property
    def is_idle(self) -> bool:
        """Whether nothing changes."""
        before, after = self.before, self.promotion
        return before is not None and not self.redefined and _BESIDE_VERSIONS(before) == _BESIDE_VERSIONS(after)

    @property
    def publishes(self) -> bool:
        """Whether the change publishes a draft."""
        return self.before is not None and self.before.draft and not self.promotion.draft
