"""What the list of promotions shows of their results, which an app above counts."""

from collections.abc import Callable

from consumers.types import Rows

WithResults = Callable[[Rows], Rows]
"""Returns promotions with ``results_cost`` and ``results_sales``, amounts of their currency; None: none yet."""

_registered: list[WithResults] = []


def promotion_results_register(with_results: WithResults) -> None:
    """Let the app above say what promotions cost and sold."""
    _registered.append(with_results)


def promotions_with_results(promotions: Rows) -> Rows:
    """Return promotions with ``results_cost`` and ``results_sales``, read with them in the same statement."""
    for with_results in _registered:
        promotions = with_results(promotions)
    return promotions
