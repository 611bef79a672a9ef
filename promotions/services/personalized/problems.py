"""What is refused about consumers' lists: too many products, unknown products, too many or foreign choices."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from consumers.exceptions import MAX_PROBLEMS, Problem
from promotions.exceptions import ListRefused
from promotions.models import PersonalizedPromotion
from promotions.models.personalized_promotion import MAX_LIST_PRODUCTS


def refuse_if_any(problems: Iterator[Problem]) -> None:
    """Raise ListRefused with the first problems, if there are any."""
    if first_problems := list(islice(problems, MAX_PROBLEMS)):
        raise ListRefused(problems=first_problems)


def no_products(products: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem if no product is named."""
    if not products:
        yield Problem(code="no_products", detail="Name at least one product.", attr="products")


def too_many_products(products: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem if a list would be too long."""
    if len(set(products)) > MAX_LIST_PRODUCTS:
        detail = f"A list has at most {MAX_LIST_PRODUCTS} products."
        yield Problem(code="too_many_products", detail=detail, attr="products")


def too_many_selected(promotion: PersonalizedPromotion, selected: Collection[str]) -> Iterator[Problem]:
    """Yield a problem if more products are selected than the promotion allows."""
    maximum = promotion.maximum_distinct_products or MAX_LIST_PRODUCTS
    if len(set(selected)) > maximum:
        detail = f"At most {maximum} {'product' if maximum == 1 else 'products'} may be chosen."
        yield Problem(code="maximum_distinct_products_exceeded", detail=detail, attr="products")


def unknown_products(products: Sequence[str], known: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each product that is not among the ``known`` ones."""
    for index, sku in enumerate(products):
        if sku not in known:
            yield Problem(code="product_not_available", detail=f"There is no product {sku}.", attr=f"products.{index}")


def unlisted_products(products: Sequence[str], listed: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each chosen product that is not on the consumer's list."""
    on_list = set(listed)
    for index, sku in enumerate(products):
        if sku not in on_list:
            yield Problem(code="product_not_available", detail=f"{sku} is not on this list.", attr=f"products.{index}")


def list_problems(
    promotion: PersonalizedPromotion, products: Sequence[str], selected: Sequence[str]
) -> Iterator[Problem]:
    """Yield the problems of a new list with its selection that are found without a query."""
    yield from too_many_products(products)
    yield from too_many_selected(promotion, selected)
    on_list = set(products)
    for index, sku in enumerate(selected):
        if sku not in on_list:
            detail = f"{sku} is chosen, but not on the list."
            yield Problem(code="product_not_available", detail=detail, attr=f"selected.{index}")
