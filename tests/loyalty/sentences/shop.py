"""A small shop whose names a sentence could trip over: rows of the account, and the facts of its sales."""

from decimal import Decimal

from django.utils import timezone

from consumers.author import Author
from consumers.models import Account
from consumers.services.group import GroupValues, groups_save
from consumers.services.site import SiteValues, sites_save
from loyalty.services.rewards.offer import OfferValues, offers_save
from promotions.engine.facts.basket import ProductFacts, SiteFacts
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from tests.promotions.engine.builders import make_site

GROUPS = {"g1": "Gold members", "g2": "Staff", "g3": "Tea, coffee or cake"}
SITE_NAMES = {"1": "Leeds Central", "2": "York", "3": "Marks and Spencer"}
PRODUCT_NAMES = {
    "T1": "Earl Grey",
    "T2": "Green tea, loose",
    "C1": "House blend",
    "M1": "Mug",
    "B1": "Book of tea",
}
OFFERS = {"gift": "Free coffee"}
VOUCHER_VALUE = Decimal(3)
"""What a voucher of the offer is worth."""

LISTS = {"picks": "Picks of the month"}

SITES: dict[str, SiteFacts] = {
    "1": make_site("1", site_name=SITE_NAMES["1"], town="Leeds", county="Yorkshire", postcode="LS1 4DY"),
    "2": make_site("2", site_name=SITE_NAMES["2"], town="York", county="Yorkshire", postcode="YO1 7LZ"),
    "3": make_site("3", site_name=SITE_NAMES["3"], address_line_1="1 High Street", county="Kent"),
}
ZONES = {"1": "Europe/London", "2": "Europe/London", "3": "Pacific/Auckland"}

PRODUCTS: dict[str, ProductFacts] = {
    "T1": ProductFacts(
        category="Tea",
        product_brand="Acme",
        labels=("organic", "loose leaf"),
        cost_price=Decimal("1.00"),
        retail_price=Decimal("4.00"),
    ),
    "T2": ProductFacts(category="Tea", product_brand="Bell and Sons", program_brand="Own", labels=("organic",)),
    "C1": ProductFacts(
        category="Coffee", product_brand="Acme", cost_price=Decimal("5.00"), retail_price=Decimal("10.00")
    ),
    "M1": ProductFacts(category="Mugs", labels=("gift, for all",)),
    "B1": ProductFacts(category="Books, all", program_brand="Own", retail_price=Decimal("20.00")),
}


def save_shop(account: Account) -> None:
    """Save the rows whose names sentences use."""
    groups_save(account_id=account.pk, rows=[GroupValues(code=code, name=name) for code, name in GROUPS.items()])
    sites_save(
        account_id=account.pk, rows=[SiteValues(number=number, name=name) for number, name in SITE_NAMES.items()]
    )
    products_save(
        account_id=account.pk, rows=[ProductValues(sku=sku, name=name) for sku, name in PRODUCT_NAMES.items()]
    )
    offers_save(
        account_id=account.pk,
        author=Author(),
        rows=[OfferValues(code=code, name=name, value=Decimal(3)) for code, name in OFFERS.items()],
        at=timezone.now(),
    )
    personalized_promotions_save(
        account_id=account.pk,
        author=Author(),
        rows=[PersonalizedPromotionValues(backend_id=key, name=name) for key, name in LISTS.items()],
        at=timezone.now(),
    )
