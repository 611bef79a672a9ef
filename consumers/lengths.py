"""How long keys and texts may be: one bound for each kind, in tables, bodies, forms and files.

The bound of SKUs is the engine's, which checks definitions that name products (``MAX_SKU_LENGTH``).
"""

MAX_KEY_LENGTH = 64
"""Numbers of sites and cards, codes of groups, promotions, offers and lists, and what a till says of itself."""

MAX_CONSUMER_ID_LENGTH = 100
MAX_REFERENCE_LENGTH = 100
"""What a till or a back office calls a sale, a return, a claim or an adjustment."""

MAX_REASON_LENGTH = 1000
"""Why points were adjusted, as the statement shows it."""
