"""Accounts and promotions to test with."""

from datetime import UTC, datetime
from typing import Any

from consumers.author import Author
from consumers.models import Account
from consumers.services.consumer import ConsumerValues, consumers_save
from loyalty.services.promotion import loyalty_promotion_save
from promotions.models import Promotion
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from promotions.services.promotion.values import PromotionValues

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def day(number: int, month: int = 3) -> datetime:
    """Noon of a day of 2026, in UTC; NOW is that of 10 March."""
    return datetime(2026, month, number, 12, tzinfo=UTC)


def make_account(code: str = "shop", **fields: Any) -> Account:
    return Account.objects.create(
        **{"code": code, "name": code, "currency": "GBP", "time_zone": "Europe/London", **fields}
    )


def make_values(**fields: Any) -> PromotionValues:
    """A promotion of 50 points that runs from 1 March on."""
    return PromotionValues(
        **{
            "code": "fifty",
            "type": "fixed_points",
            "name": "Fifty points",
            "currency": "GBP",
            "starts_at": day(1),
            "outcome": {"points": 50},
            **fields,
        }
    )


def make_promotion(account: Account, *, at: datetime = NOW, **fields: Any) -> Promotion:
    """A saved loyalty promotion; see ``make_values``."""
    values = make_values(**fields)
    promotion, _ = loyalty_promotion_save(account=account, values=values, author=Author(label="test"), at=at)
    return promotion


def make_consumers(account: Account, *consumer_ids: str) -> None:
    consumers_save(
        account_id=account.pk, rows=[ConsumerValues(consumer_id=consumer_id) for consumer_id in consumer_ids]
    )


def make_products(account: Account, *skus: str) -> None:
    products_save(account_id=account.pk, rows=[ProductValues(sku=sku) for sku in skus])


def make_personalized(account: Account, backend_id: str = "PP", **fields: Any) -> None:
    """A personalized promotion whose whole list may be chosen, as often as one likes."""
    values = PersonalizedPromotionValues(**{"backend_id": backend_id, "name": "Pick yours", **fields})
    personalized_promotions_save(account_id=account.pk, rows=[values], author=Author(), at=NOW)
