"""A small shop to sell in: builders for tests of the till's calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

from django.db.models import F
from django.test import Client

from consumers.author import Author
from consumers.choices import KeyRole
from consumers.models import Account, ApiKey, Card, Consumer, Membership, Site
from loyalty.models import Offer
from loyalty.services.promotion import loyalty_promotion_save
from loyalty.services.rewards.voucher import voucher_rows
from promotions.models import Campaign, Product, Promotion
from promotions.services.campaign import CampaignValues, campaigns_save
from promotions.services.discount import DiscountValues, discount_save
from promotions.services.personalized.lists import personalized_list_push
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.promotion.values import PromotionValues
from tests.consumers.builders import with_known_codes

Json = Any
"""A document of the REST contract: what a till sends, or an answer."""


class Answer(Protocol):
    """A response of the test client."""

    status_code: int

    @property
    def content(self) -> bytes:
        """Return the body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers."""
        ...

    def json(self) -> Json:
        """Return the decoded body."""
        ...


NOON = "2026-03-04T12:00:00Z"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Shop:
    """One account with a site, two keys and a till's client."""

    account: Account
    keys: dict[str, str]
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Json = None, *, role: str = "till") -> Answer:
        """Make a REST call."""
        extra: dict[str, object] = {"headers": {"Authorization": f"Api-Key {self.keys[role]}"}}
        if body is not None:
            extra |= {"data": body, "content_type": "application/json"}
        answer: Answer = with_known_codes(getattr(self.client, method)(f"/api/v1/{path}", **extra))
        return answer

    def evaluate(self, **basket: Json) -> Json:
        """Return the answer to a quote, which must succeed."""
        answer = self.call("post", "baskets/evaluate?explain=true", make_basket(**basket))
        assert answer.status_code == 200, answer.content
        return answer.json()

    def sell(self, reference: str, **basket: Json) -> Json:
        """Return the answer to a commit, which must write."""
        answer = self.call("post", "transactions", make_basket(reference=reference, **basket))
        assert answer.status_code == 201, answer.content
        return answer.json()

    def sell_again(self, reference: str, **basket: Json) -> Json:
        """Return the answer to a commit that was made before, which must not write."""
        answer = self.call("post", "transactions", make_basket(reference=reference, **basket))
        assert answer.status_code == 200, answer.content
        return answer.json()

    def give_back(self, sale: str, reference: str, **quantities: str) -> Json:
        """Return quantities by line id; return the answer, which must write."""
        answer = self.call("post", f"transactions/{sale}/returns", make_return(reference, **quantities))
        assert answer.status_code == 201, answer.content
        return answer.json()

    def preview(self, sale: str, **quantities: str) -> Json:
        """Return the answer to the preview of a return, which must succeed."""
        answer = self.call("post", f"transactions/{sale}/returns?preview=true", make_return("preview", **quantities))
        assert answer.status_code == 200, answer.content
        return answer.json()

    def void(self, sale: str, reference: str = "V1") -> Json:
        """Return the answer to a void, which must write."""
        answer = self.call("post", f"transactions/{sale}/void", {"reference": reference})
        assert answer.status_code == 201, answer.content
        return answer.json()

    def member(self, consumer_id: str = "c", *, card: str = "", **values: Json) -> Consumer:
        """Create an active loyalty member."""
        consumer = Consumer.objects.create(account=self.account, consumer_id=consumer_id, **values)
        membership = Membership.objects.create(consumer=consumer, enrolled_on=date(2025, 1, 1))
        if card:
            Card.objects.create(account=self.account, membership=membership, number=card, type="gold")
        return consumer

    def product(self, sku: str, **values: Json) -> Product:
        """Create a catalogue entry."""
        return Product.objects.create(account=self.account, sku=sku, name=sku, **values)

    def promotion(self, code: str, *, outcome: Json = None, kind: str = "fixed_points", **values: Json) -> Promotion:
        """Create a published loyalty promotion; keywords that are not its fields are its eligibility's."""
        fields = (
            *("starts_at", "ends_at", "draft", "currency", "budget", "customer_budget"),
            *("campaign", "funding", "ledger_class"),
        )
        own = {name: values.pop(name) for name in fields if name in values}
        row = PromotionValues(
            code=code,
            type=kind,
            name=f"Promotion {code}",
            **{"starts_at": BEGAN, "currency": "GBP", **own},
            outcome=outcome or {"points": 50},
            eligibility=values,
            content={},
        )
        promotion, _ = loyalty_promotion_save(account=self.account, values=row, author=Author(label="test"), at=BEGAN)
        return promotion

    def discount(self, code: str, *sets: Json, kind: str = "percentage", **values: Json) -> Promotion:
        """Create a published discount; one without sets takes every unit of the basket, one by one."""
        row = DiscountValues(
            code=code,
            discount_type=kind,
            name=f"Discount {code}",
            product_sets=list(sets) or [make_set()],
            **{"starts_at": BEGAN, "currency": "GBP", **values},
        )
        promotion, _ = discount_save(account=self.account, values=row, author=Author(label="test"), at=BEGAN)
        return promotion

    def campaign(self, code: str, amount: str, when_short: str = "refuse") -> Campaign:
        """Create or change a campaign with a budget."""
        values = CampaignValues(code=code, name=f"Campaign {code}", budget={"amount": amount, "when_short": when_short})
        campaigns_save(account_id=self.account.pk, rows=[values], author=Author(label="test"), at=BEGAN)
        return Campaign.objects.get(account=self.account, code=code)

    def offer(self, code: str, **values: Json) -> Offer:
        """Create an offer, of 1.00 off unless ``values`` say otherwise."""
        values = {"name": code, "currency": self.account.currency, "value": "1", **values}
        return Offer.objects.create(account=self.account, code=code, **values)

    def voucher(self, offer: str, *, consumer_id: str = "c", expires_at: datetime | None = None) -> str:
        """Issue a voucher to a consumer; return its code."""
        row = Offer.objects.get(account=self.account, code=offer)
        holder = Consumer.objects.get(account=self.account, consumer_id=consumer_id)
        (voucher,) = voucher_rows(offer=row, consumer=holder, count=1, at=BEGAN, zone=self.account.zone)
        voucher.expires_at = expires_at
        voucher.save()
        Offer.objects.filter(pk=row.pk).update(issued=F("issued") + 1)
        return voucher.code

    def listed(
        self, backend_id: str, *skus: str, selected: Sequence[str] = (), consumer_id: str = "c", **terms: Json
    ) -> None:
        """Create a personalized promotion with a consumer's list under it."""
        values = PersonalizedPromotionValues(backend_id=backend_id, name=f"Lists {backend_id}", **terms)
        personalized_promotions_save(account_id=self.account.pk, rows=[values], author=Author(), at=BEGAN)
        personalized_list_push(
            account_id=self.account.pk,
            backend_id=backend_id,
            consumer_id=consumer_id,
            products=skus,
            selected=selected,
        )


def make_shop(code: str = "shop", **account: Json) -> Shop:
    """Create a shop whose tills may send sales of any age."""
    new = Account.objects.create(code=code, name=code, **{"late_transaction_days": 36500, **account})
    Site.objects.create(account=new, number="001", name="Leeds", town="Leeds")
    keys = {
        role.value: ApiKey.objects.create_key(name=role.value, account=new, role=role)[1]
        for role in (KeyRole.TILL, KeyRole.MANAGER)
    }
    return Shop(account=new, keys=keys)


def make_line(sku: str = "TEA", quantity: str = "1", price: str = "3.00", **more: Json) -> Json:
    """Return a line; its id is its SKU."""
    return {"line_id": sku, "sku": sku, "quantity": quantity, "unit_price_inc_tax": price, **more}


def make_set(required: int = 1, discounted: int | None = None, **values: Json) -> Json:
    """Return a product set of a discount, of any product unless ``values`` say otherwise; all units are discounted."""
    discounted = required if discounted is None else discounted
    if not values.keys() & {"rules", "products", "personalized_promotion"}:
        values["rules"] = {"match": "all", "rules": []}
    return {
        "name": "set",
        "required_quantity": required,
        "discounted_quantity": discounted,
        "gets_discount": discounted > 0,
        **values,
    }


def make_return(reference: str, **quantities: str) -> Json:
    """Return the body of a return: quantities by line id."""
    return {
        "reference": reference,
        "lines": [{"line_id": line_id, "quantity": quantity} for line_id, quantity in quantities.items()],
    }


def make_basket(*lines: Json, **values: Json) -> Json:
    """Return the body of a basket."""
    values = {"consumer": "c", "occurred_at": NOON, **values}
    sold = values.pop("sold", None) or list(lines) or [make_line()]
    return {"site": "001", "currency": "GBP", "lines": sold, **values}
