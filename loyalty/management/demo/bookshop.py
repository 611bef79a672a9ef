"""Lamplight Books: a second, small account, to show that staff switch between accounts and that nothing is shared."""

import random
from datetime import date, timedelta
from decimal import Decimal

from consumers.services.consumer import CardValues, ConsumerValues, LoyaltyValues
from consumers.services.site import SiteValues
from loyalty.management.demo.programme import Planned
from promotions.services.product import ProductValues

NAME = "Lamplight Books"
CURRENCY = "EUR"
TIME_ZONE = "Europe/Dublin"
CONSUMERS = 40

SITES = (
    SiteValues(
        number="D1", name="Dublin Temple Bar", address_line_1="6 Fownes Street", town="Dublin", postcode="D02 X264"
    ),
    SiteValues(number="D2", name="Galway Quay Street", address_line_1="19 Quay Street", town="Galway"),
)

_TITLES = (
    *("The Quiet Strand", "Salt and Ink", "A Lamp in the Window", "Northbound", "The Peat Diaries", "Two Islands"),
    *("Harbour Songs", "Small Hours", "The Paper Boat", "Winter Light", "A Map of Rain", "The Last Ferry"),
)
_NAMES = ("Aoife Byrne", "Conor Walsh", "Niamh Ryan", "Seán Doyle", "Ciara Nolan", "Eoin Burke", "Róisín Daly")


def products() -> list[ProductValues]:
    """Return twelve books."""
    return [
        ProductValues(
            sku=f"BK-{place:03}",
            name=title,
            product_brand="Strand Editions" if place % 3 else "Quay Press",
            program_brand="Books",
            category="Fiction" if place % 2 else "Poetry",
            labels=("signed",) if place % 5 == 0 else (),
            cost_price=Decimal("6.50"),
            retail_price=Decimal("12.99") + place,
        )
        for place, title in enumerate(_TITLES, start=1)
    ]


def consumers(*, today: date) -> list[ConsumerValues]:
    """Return the readers, all of them members."""
    chance = random.Random(NAME)  # noqa: S311 - a demo has no secrets
    rows = []
    for place in range(1, CONSUMERS + 1):
        first, last = chance.choice(_NAMES).split()
        enrolled_on = today - timedelta(days=chance.randrange(30, 700))
        rows.append(
            ConsumerValues(
                consumer_id=f"r-{place:03}",
                first_name=first,
                last_name=last,
                email=f"reader{place}@example.com",
                home_site=chance.choice(SITES).number,
                loyalty=LoyaltyValues(enrolled_on=enrolled_on, cards=(CardValues(number=f"6{place:06}", type="app"),)),
            )
        )
    return rows


PROMOTIONS = (
    Planned(
        code="poetry-doubles",
        type="points_multiplier",
        name="Poetry counts twice",
        currency=CURRENCY,
        starts=-200,
        outcome={
            "multiplier": "2",
            "multiplier_scope": "line_items",
            "product_selection": {
                "match": "any",
                "sets": [
                    {
                        "name": "Poetry",
                        "rules": {
                            "match": "all",
                            "rules": [{"attribute": "category", "operator": "is", "value": "Poetry"}],
                        },
                    }
                ],
            },
        },
    ),
    Planned(
        code="three-books",
        type="fixed_points",
        name="Fifty points for every three books",
        currency=CURRENCY,
        starts=-120,
        outcome={"points": 50, "quantity_rule": {"apply_to": "every", "units": 3}},
    ),
    Planned(
        code="book-week",
        type="bonus_points",
        name="Book week",
        currency=CURRENCY,
        starts=15,
        ends=22,
        outcome={"issue_points_on": "currency", "conversion_units": "10", "conversion_points": 10},
    ),
)
