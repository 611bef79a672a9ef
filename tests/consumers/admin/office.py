"""Builders of an admin to test: an account with rows of every kind, and a logged-in member of staff."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumers.author import Author
from consumers.choices import KeyRole, StaffRole
from consumers.models import Account, Consumer, User
from consumers.services.account import account_create, api_key_create
from consumers.services.consumer import CardValues, ConsumerValues, LoyaltyValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.job import job_create
from consumers.services.site import SiteValues, sites_save
from consumers.services.staff import staff_member_add
from loyalty.choices import Benefit, PromotionType
from loyalty.models import UpliftMember, UpliftPopulation
from loyalty.services.promotion import loyalty_promotion_save
from loyalty.services.rewards.offer import OfferValues, offers_save
from loyalty.services.till.commit import transaction_commit
from loyalty.services.till.sale import Sale, SaleLine
from promotions.choices import DiscountType
from promotions.models import Promotion
from promotions.services.campaign import CampaignValues, campaigns_save
from promotions.services.discount import DiscountValues, discount_save
from promotions.services.personalized.assignments import ConsumerProducts, personalized_lists_assign
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from promotions.services.promotion.values import PromotionValues
from tests.consumers.builders import make_role


@dataclass(frozen=True, kw_only=True)
class Office:
    """An account, and a test client with a logged-in member of its staff."""

    account: Account
    user: User
    client: Client

    def page(self, name: str, /, *args: Any, query: str = "") -> Any:
        """Open a page of the admin, such as ``consumers_site_changelist``; return the response."""
        return self.client.get(f"{reverse(f'admin:{name}', args=args)}{query}")

    def post(self, name: str, /, *args: Any, query: str = "", **values: Any) -> Any:
        """Send a form to a page of the admin; return the response."""
        return self.client.post(f"{reverse(f'admin:{name}', args=args)}{query}", values)

    def for_a_test(self) -> "Office":
        """Return a copy for one test of an office that a module shares: no test sees what another does to it."""
        know_content_types()
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = self.client.cookies[settings.SESSION_COOKIE_NAME].value
        return Office(account=deepcopy(self.account), user=deepcopy(self.user), client=client)

    def login(self, role: StaffRole, username: str = "") -> "Office":
        """Return the same account with a logged-in member of another role."""
        return log_in(self.account, role=role, username=username or f"{role.name.lower()}-{self.account.code}")


def make_office(
    code: str = "acme", *, role: StaffRole = StaffRole.ADMINISTRATOR, time_zone: str = "Europe/London", **account: Any
) -> Office:
    """Create an empty account with one member of staff."""
    created = account_create(code=code, name=code, currency=account.pop("currency", "GBP"), time_zone=time_zone).account
    if account:
        Account.objects.filter(pk=created.pk).update(**account)
        created.refresh_from_db()
    return log_in(created, role=role, username=f"staff-{code}")


def log_in(account: Account, *, role: str, username: str) -> Office:
    """Create and log in a member of staff with a role."""
    membership = staff_member_add(account_id=account.pk, username=username, role=role, password="correct-horse-7")
    know_content_types()
    client = Client()
    client.force_login(membership.user, backend="consumers.access.MembershipBackend")
    return Office(account=account, user=membership.user, client=client)


def know_content_types() -> None:
    """Fill Django's cache of content types, so that tests count statements as in a process that has served requests.

    It is filled once per process and forgotten when a test empties the tables.
    """
    ContentType.objects.get_for_models(*apps.get_models())


def fill(account: Account, *, rows: int = 1) -> None:
    """``rows`` rows of every kind, with the account's code in every name."""
    code, numbers = account.code, range(1, rows + 1)
    sites_save(
        account_id=account.pk,
        rows=[SiteValues(number=f"{code}-{n:03}", name=f"Site {n} of {code}", town="Leeds") for n in numbers],
    )
    groups_save(
        account_id=account.pk, rows=[GroupValues(code=f"{code}-g{n}", name=f"Group of {code}") for n in numbers]
    )
    products_save(
        account_id=account.pk,
        rows=[
            ProductValues(sku=f"{code}-p{n}", name=f"Product of {code}", category="Tea", retail_price=Decimal(3))
            for n in numbers
        ],
    )
    consumers_save(
        account_id=account.pk,
        rows=[
            ConsumerValues(
                consumer_id=f"{code}-c{n}",
                last_name=f"Person {n} of {code}",
                email=f"person-{n}@{code}.example",
                home_site=f"{code}-001",
                groups=(f"{code}-g1",),
                loyalty=LoyaltyValues(enrolled_on=date(2025, 1, 1), cards=(CardValues(number=f"{code}-card-{n}"),)),
            )
            for n in numbers
        ],
    )
    make_role(account, "Sites.see", title=f"Role of {code}")
    now = timezone.now()
    for n in numbers:
        job_create(
            account_id=account.pk,
            kind="import",
            title=f"Import {n} of {code}",
            parameters={"model": "consumers.site", "format": "csv"},
            content=f"number,name\n{code}-001,Site 1 of {code}\n".encode(),
            author=Author(),
            at=now,
        )
    offers_save(
        account_id=account.pk,
        author=Author(),
        rows=[
            OfferValues(code=f"{code}-o{n}", name=f"Offer of {code}", benefit=Benefit.AMOUNT, value=Decimal(5))
            for n in numbers
        ],
        at=now,
    )
    personalized_promotions_save(
        account_id=account.pk,
        author=Author(),
        rows=[PersonalizedPromotionValues(backend_id=f"{code}-pp{n}", name=f"Pick of {code}") for n in numbers],
        at=now,
    )
    personalized_lists_assign(
        account_id=account.pk,
        backend_id=f"{code}-pp1",
        rows=[ConsumerProducts(consumer_id=f"{code}-c{n}", products=[f"{code}-p1"]) for n in numbers],
    )
    campaigns_save(
        account_id=account.pk,
        rows=[CampaignValues(code=f"{code}-campaign-{n}", name=f"Campaign of {code}") for n in numbers],
        author=Author(),
        at=timezone.now(),
    )
    for n in numbers:
        api_key_create(account_id=account.pk, name=f"Key {n} of {code}", role=KeyRole.TILL)
        staff_member_add(account_id=account.pk, username=f"{code}-person-{n}", role=StaffRole.VIEWER)
        save_promotion(
            account,
            code=f"{code}-fixed-{n}",
            name=f"Promotion of {code}",
            outcome={"points": 50, "redemption_message": f"<p>Thanks from {code}</p>"},
        )
        save_promotion(
            account,
            code=f"{code}-voucher-{n}",
            type=PromotionType.REDEEM_OFFER,
            name=f"Voucher of {code}",
            outcome={"offer": f"{code}-o1"},
            eligibility={"always_apply": True},
        )
        save_discount(account, code=f"{code}-discount-{n}", name=f"Discount of {code}")
    for n in numbers:
        sell(account, reference=f"{code}-T{n}", consumer=f"{code}-c{n}")
    measure_programme(account)


def measure_programme(account: Account) -> None:
    """Measure this year of the programme: every other consumer is held out, and each has visited once."""
    now, consumers = timezone.now(), list(Consumer.objects.filter(account=account).order_by("pk"))
    population = UpliftPopulation.objects.create(
        account=account,
        year=now.astimezone(account.zone).year,
        percentage=Decimal(50),
        measured_from=now - timedelta(days=1),
        frozen_at=now - timedelta(days=1),
        members=len(consumers),
        is_complete=True,
    )
    UpliftMember.objects.bulk_create(
        UpliftMember(population=population, consumer=consumer, is_control=bool(position % 2), visits=1)
        for position, consumer in enumerate(consumers)
    )


def save_discount(account: Account, **values: Any) -> Promotion:
    """A discount of 10% on Acme's coffee that began yesterday, unless told otherwise."""
    now = timezone.now()
    coffee = {"match": "all", "rules": [{"attribute": "product_brand", "operator": "is", "value": "Acme Coffee"}]}
    row = DiscountValues(
        **{
            "code": "tenth",
            "discount_type": DiscountType.PERCENTAGE,
            "name": "Ten percent off",
            "starts_at": now - timedelta(days=1),
            "value": "10",
            "product_sets": [{"name": "Coffee", "rules": coffee}],
            **values,
        }
    )
    discount, _ = discount_save(account=account, values=row, author=Author(label="test"), at=now)
    return discount


def save_promotion(account: Account, **values: Any) -> Promotion:
    """A loyalty promotion of 50 points that began yesterday, unless told otherwise."""
    now = timezone.now()
    row = PromotionValues(
        **{
            "code": "fifty",
            "type": PromotionType.FIXED_POINTS,
            "name": "Fifty points",
            "starts_at": now - timedelta(days=1),
            "outcome": {"points": 50},
            **values,
        }
    )
    promotion, _ = loyalty_promotion_save(account=account, values=row, author=Author(label="test"), at=now)
    return promotion


def sell(account: Account, *, reference: str, consumer: str = "", at: datetime | None = None) -> None:
    """One unit of the first product is sold."""
    line = SaleLine(
        line_id="1",
        sku=f"{account.code}-p1",
        quantity=Decimal(1),
        unit_price_inc_tax=Decimal(3),
        unit_price_ex_tax=Decimal(3),
    )
    now = timezone.now()
    sale = Sale(
        reference=reference,
        occurred_at=at or now,
        site=f"{account.code}-001",
        currency=account.currency,
        consumer=consumer,
        lines=(line,),
    )
    # As of now: a stale account would be sold by the rulebook of its version.
    transaction_commit(account=Account.objects.get(pk=account.pk), sale=sale, at=now)
