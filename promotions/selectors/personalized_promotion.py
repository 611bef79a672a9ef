"""Reads of personalized promotions and of consumers' lists."""

from collections.abc import Collection
from typing import Any

from django.db.models import BooleanField, Count, F, Func, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce

from consumers.exceptions import NotFound
from consumers.models import Consumer
from promotions.exceptions import PersonalizedPromotionNotFound
from promotions.models import PersonalizedList, PersonalizedPromotion


class JsonListContains(Func):
    """The SQL condition that a JSON column, a list of texts, contains a text."""

    arity = 2
    template = "%(expressions)s"
    arg_joiner = " ? "
    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template="EXISTS (SELECT 1 FROM json_each(%(expressions)s)",
            arg_joiner=") WHERE value = ",
            **context,
        )


def personalized_promotions_of(*, account_id: int) -> QuerySet[PersonalizedPromotion]:
    """Return the account's personalized promotions, archived ones too."""
    return PersonalizedPromotion.objects.filter(account_id=account_id)


def personalized_promotions_enlisting(*, account_id: int) -> QuerySet[PersonalizedPromotion]:
    """Return the account's personalized promotions, each with how many consumers have a list of it as ``enlisted``."""
    lists = PersonalizedList.objects.filter(promotion=OuterRef("pk")).order_by().values("promotion")
    enlisted = Coalesce(Subquery(lists.annotate(number=Count("pk")).values("number")), 0)
    return personalized_promotions_of(account_id=account_id).annotate(enlisted=enlisted)


def personalized_promotions_unlisted(*, account_id: int, consumer_pk: int) -> QuerySet[PersonalizedPromotion]:
    """Return those that a consumer has no list of, by name, without archived ones."""
    unlisted = personalized_promotions_of(account_id=account_id).filter(archived=False)
    return unlisted.exclude(pk__in=PersonalizedList.objects.filter(consumer_id=consumer_pk).values("promotion"))


def personalized_promotion_by_backend_id(*, account_id: int, backend_id: str) -> PersonalizedPromotion:
    """Return the personalized promotion with a backend id.

    Raises:
        PersonalizedPromotionNotFound: the account has none.
    """
    promotion = personalized_promotions_of(account_id=account_id).filter(backend_id=backend_id).first()
    if promotion is None:
        raise PersonalizedPromotionNotFound(f"There is no personalized promotion {backend_id}.")
    return promotion


def personalized_lists(*, account_id: int) -> QuerySet[PersonalizedList]:
    """Return the lists of the account's consumers, each with its promotion and consumer."""
    return PersonalizedList.objects.filter(promotion__account_id=account_id).select_related("promotion", "consumer")


def personalized_list_of(*, account_id: int, backend_id: str, consumer_id: str) -> PersonalizedList:
    """Return one consumer's list with its promotion; an empty list that is not stored where they have none.

    Raises:
        PersonalizedPromotionNotFound, NotFound: the account has no such promotion or consumer.
    """
    rows = personalized_lists(account_id=account_id)
    listed = rows.filter(promotion__backend_id=backend_id, consumer__consumer_id=consumer_id).first()
    if listed is not None:
        return listed
    promotion = personalized_promotion_by_backend_id(account_id=account_id, backend_id=backend_id)
    consumer = Consumer.objects.filter(account_id=account_id, consumer_id=consumer_id).first()
    if consumer is None:
        raise NotFound(f"There is no consumer {consumer_id}.")
    return PersonalizedList(promotion=promotion, consumer=consumer)


def personalized_lists_by_backend_id(*, consumer_pk: int, keys: Collection[str]) -> dict[str, PersonalizedList]:
    """Return a consumer's lists under some personalized promotions, by backend id."""
    lists = PersonalizedList.objects.filter(consumer_id=consumer_pk, promotion__backend_id__in=keys)
    return {listed.promotion.backend_id: listed for listed in lists.select_related("promotion")}


def personalized_lists_shown(*, account_id: int, consumer_pk: int) -> QuerySet[PersonalizedList]:
    """Return the lists that one consumer has now, by name; those of archived promotions are left out."""
    shown = personalized_lists(account_id=account_id).filter(consumer_id=consumer_pk, promotion__archived=False)
    return shown.order_by("promotion__name", "promotion__backend_id")


def skus_on_lists(*, account_id: int, keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that are on a list of a consumer of the account: one query for each."""
    lists = PersonalizedList.objects.filter(promotion__account_id=account_id)
    return {sku for sku in keys if lists.filter(_has_product(sku)).exists()}


def lists_with_product(*, account_id: int, sku: str) -> QuerySet[PersonalizedList]:
    """Return the consumers' lists that a product is on."""
    return personalized_lists(account_id=account_id).filter(_has_product(sku)).order_by("pk")


def _has_product(sku: str) -> JsonListContains:
    return JsonListContains(F("products"), Value(sku, output_field=TextField()))
