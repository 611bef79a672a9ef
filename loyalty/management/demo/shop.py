"""Harbour & Hearth: a café and goods retailer with shops in three time zones, what it sells and who buys.

The same at every run: what looks like chance comes from generators with fixed seeds.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from consumers.choices import ConsumerKind, MembershipStatus
from consumers.services.account import HoldoutValues
from consumers.services.consumer import CardValues, ConsumerValues, LoyaltyValues
from consumers.services.group import GroupValues
from consumers.services.site import SiteValues
from promotions.services.product import ProductValues

NAME = "Harbour & Hearth"
CURRENCY = "GBP"
TIME_ZONE = "Europe/London"
EARN_RATES = {"EUR": "0.85", "USD": "0.8"}
CONSUMERS = 2000

HELD_OUT, HELD_OUT_FOR = Decimal(5), timedelta(days=90)
"""The percentage of consumers that is the universal holdout, and since when."""

PARIS, NEW_YORK = "Europe/Paris", "America/New_York"


def universal_holdout(*, today: date) -> HoldoutValues:
    """Return who is held out of all promotions: no end, so that the page has a year to show whenever it is opened."""
    return HoldoutValues(percentage=HELD_OUT, starts_on=today - HELD_OUT_FOR)


def _site(number: str, name: str, address: tuple[str, str, str, str], zone: str = "") -> SiteValues:
    street, town, county, postcode = address
    return SiteValues(
        number=number,
        name=name,
        address_line_1=street,
        town=town,
        county=county,
        postcode=postcode,
        time_zone=zone,
    )


SITES = (
    _site("001", "Leeds Briggate", ("12 Briggate", "Leeds", "West Yorkshire", "LS1 6HD")),
    _site("002", "York Coney Street", ("31 Coney Street", "York", "North Yorkshire", "YO1 9NA")),
    _site("003", "Whitby Harbour", ("4 Pier Road", "Whitby", "North Yorkshire", "YO21 3PU")),
    _site("004", "Manchester Deansgate", ("180 Deansgate", "Manchester", "Greater Manchester", "M3 3WB")),
    _site("005", "London Marylebone", ("77 Marylebone High Street", "London", "Greater London", "W1U 5JX")),
    _site("006", "Edinburgh Leith", ("9 The Shore", "Edinburgh", "Midlothian", "EH6 6QW")),
    _site("101", "Paris Canal Saint-Martin", ("58 quai de Jemmapes", "Paris", "Île-de-France", "75010"), PARIS),
    _site("102", "Lille Vieux-Lille", ("21 rue Esquermoise", "Lille", "Nord", "59000"), PARIS),
    _site("201", "Brooklyn Heights", ("140 Montague Street", "New York", "Kings County", "11201"), NEW_YORK),
    _site("202", "Boston Seaport", ("25 Northern Avenue", "Boston", "Suffolk County", "02210"), NEW_YORK),
    SiteValues(number="900", name="Web shop"),
)
CURRENCIES = {"101": "EUR", "102": "EUR", "201": "USD", "202": "USD"}
"""Currencies of sites abroad; the others have the account's currency."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Twenty products: ten subjects in two forms, each form with a price."""

    code: str
    category: str
    program_brand: str
    brands: tuple[str, ...]
    subjects: tuple[str, ...]
    forms: tuple[str, str]
    prices: tuple[str, str]
    labels: tuple[str, ...]


_MOTIFS = (
    *("Harbour Blue", "Slate", "Lighthouse", "Gull", "Herring"),
    *("Anchor", "Wave", "Pebble", "Driftwood", "Fern"),
)

RANGES = (
    Range(
        code="HOT",
        category="Hot drinks",
        program_brand="Café",
        brands=("Harbour Roast",),
        subjects=(
            *("Flat white", "Latte", "Cappuccino", "Americano", "Mocha"),
            *("Cortado", "Hot chocolate", "Chai latte", "Matcha latte", "Pot of tea"),
        ),
        forms=("regular", "large"),
        prices=("3.20", "3.80"),
        labels=("hot", "takeaway"),
    ),
    Range(
        code="CLD",
        category="Cold drinks",
        program_brand="Café",
        brands=("Harbour Roast", "Orchard Lane"),
        subjects=(
            *("Iced latte", "Cold brew", "Lemonade", "Elderflower pressé", "Ginger beer"),
            *("Orange juice", "Apple juice", "Sparkling water", "Iced tea", "Kombucha"),
        ),
        forms=("regular", "large"),
        prices=("2.60", "3.40"),
        labels=("cold", "takeaway", "vegan"),
    ),
    Range(
        code="PAS",
        category="Pastries",
        program_brand="Café",
        brands=("Hearth Bakery",),
        subjects=(
            *("Croissant", "Pain au chocolat", "Cinnamon bun", "Almond croissant", "Cheese scone"),
            *("Fruit scone", "Danish", "Eccles cake", "Sausage roll", "Custard tart"),
        ),
        forms=("single", "box of four"),
        prices=("2.40", "8.40"),
        labels=("fresh", "takeaway"),
    ),
    Range(
        code="SAN",
        category="Sandwiches",
        program_brand="Café",
        brands=("Hearth Bakery",),
        subjects=(
            *("Egg and cress", "Ham and mustard", "Cheddar and pickle", "Smoked salmon", "Tuna"),
            *("Houmous and pepper", "Chicken and tarragon", "Bacon", "Halloumi", "Roast beef"),
        ),
        forms=("in a bap", "on sourdough"),
        prices=("4.60", "5.90"),
        labels=("fresh", "lunch"),
    ),
    Range(
        code="CAK",
        category="Cakes",
        program_brand="Café",
        brands=("Hearth Bakery", "Saltmarsh Kitchen"),
        subjects=(
            *("Carrot cake", "Lemon drizzle", "Victoria sponge", "Coffee and walnut", "Chocolate fudge cake"),
            *("Bakewell tart", "Banana loaf", "Ginger parkin", "Apple cake", "Beetroot brownie"),
        ),
        forms=("slice", "whole"),
        prices=("3.40", "24.00"),
        labels=("fresh", "sweet"),
    ),
    Range(
        code="COF",
        category="Coffee",
        program_brand="Pantry",
        brands=("Harbour Roast",),
        subjects=(
            *("House blend", "Night ferry", "Ethiopia Sidamo", "Colombia Huila", "Guatemala Antigua"),
            *("Kenya Nyeri", "Decaf Quay", "Breakfast roast", "Espresso No. 4", "Peru Norte"),
        ),
        forms=("beans 250 g", "ground 250 g"),
        prices=("8.50", "8.75"),
        labels=("fairtrade", "organic", "vegan"),
    ),
    Range(
        code="TEA",
        category="Tea",
        program_brand="Pantry",
        brands=("Lamplight Tea", "Harbour Roast"),
        subjects=(
            *("English breakfast", "Earl Grey", "Sencha", "Peppermint", "Camomile"),
            *("Assam", "Darjeeling", "Rooibos", "Jasmine", "Lemon and ginger"),
        ),
        forms=("40 bags", "loose in a tin"),
        prices=("4.25", "9.50"),
        labels=("fairtrade", "vegan", "organic"),
    ),
    Range(
        code="CHO",
        category="Chocolate",
        program_brand="Pantry",
        brands=("Saltmarsh Kitchen", "Quayside Cocoa"),
        subjects=(
            *("Dark 70%", "Milk", "Sea salt", "Hazelnut", "Orange"),
            *("Mint", "Chilli", "White", "Almond", "Caramel"),
        ),
        forms=("bar", "gift box"),
        prices=("3.95", "14.50"),
        labels=("sweet", "fairtrade", "gift"),
    ),
    Range(
        code="PRE",
        category="Preserves",
        program_brand="Pantry",
        brands=("Saltmarsh Kitchen", "Orchard Lane"),
        subjects=(
            *("Strawberry jam", "Raspberry jam", "Blackcurrant jam", "Seville marmalade", "Lime marmalade"),
            *("Lemon curd", "Heather honey", "Plum chutney", "Piccalilli", "Rhubarb and ginger jam"),
        ),
        forms=("227 g", "340 g"),
        prices=("3.75", "4.95"),
        labels=("vegan", "local"),
    ),
    Range(
        code="MUG",
        category="Mugs",
        program_brand="Home",
        brands=("Tidewater Pottery",),
        subjects=_MOTIFS,
        forms=("mug", "espresso cup"),
        prices=("14.00", "10.00"),
        labels=("gift", "handmade"),
    ),
    Range(
        code="LIN",
        category="Kitchen linen",
        program_brand="Home",
        brands=("Hearth Kitchen",),
        subjects=_MOTIFS,
        forms=("tea towel", "apron"),
        prices=("11.00", "28.00"),
        labels=("organic", "gift"),
    ),
    Range(
        code="CAN",
        category="Candles",
        program_brand="Home",
        brands=("Lamplight", "Saltmarsh Home"),
        subjects=(
            *("Sea air", "Peat smoke", "Fig leaf", "Cedar", "Bergamot"),
            *("Rose", "Lavender", "Amber", "Pine needle", "Fresh linen"),
        ),
        forms=("candle", "room diffuser"),
        prices=("18.00", "26.00"),
        labels=("gift", "vegan"),
    ),
    Range(
        code="STA",
        category="Stationery",
        program_brand="Gifts",
        brands=("Paper Lantern",),
        subjects=_MOTIFS,
        forms=("notebook", "card set"),
        prices=("9.50", "8.00"),
        labels=("gift", "recycled"),
    ),
    Range(
        code="BOO",
        category="Books",
        program_brand="Gifts",
        brands=("Shoreline Press",),
        subjects=(
            *("Bread at Home", "The Coffee Almanac", "Lighthouses of the North", "A Year of Cakes", "Tea and Tides"),
            *("Walks from the Harbour", "The Slow Kitchen", "Foraging the Shore", "Knots", "Winter Suppers"),
        ),
        forms=("paperback", "hardback"),
        prices=("12.99", "22.00"),
        labels=("gift",),
    ),
    Range(
        code="SET",
        category="Gift sets",
        program_brand="Gifts",
        brands=("Harbour & Hearth",),
        subjects=(
            *("Breakfast", "Afternoon tea", "Coffee lover", "Chocolate", "Baker's"),
            *("Cosy evening", "Picnic", "New home", "Thank you", "Harbour"),
        ),
        forms=("box", "hamper"),
        prices=("25.00", "60.00"),
        labels=("gift", "seasonal"),
    ),
)

GROUPS = (
    GroupValues(code="vip", name="Friends of the Hearth"),
    GroupValues(code="newsletter", name="Newsletter readers"),
    GroupValues(code="students", name="Students"),
    GroupValues(code="locals", name="Harbour locals"),
    GroupValues(code="team", name="Our own team"),
    GroupValues(code="pilot", name="Trial panel"),
)

_FIRST_NAMES = (
    *("Amelia", "Olivia", "Isla", "Ava", "Freya", "Grace", "Lily", "Poppy", "Ella", "Rosie", "Aisha", "Zara", "Priya"),
    *("Maya", "Chloé", "Camille", "Léa", "Hannah", "Ruth", "Nora", "Oliver", "George", "Arthur", "Noah", "Leo", "Theo"),
    *("Jack", "Harry", "Finlay", "Callum", "Rory", "Idris", "Omar", "Imran", "Ravi", "Kofi", "Luca", "Mateo", "Hugo"),
    *("Louis", "Ethan", "Mason", "Walter", "Felix"),
)
_LAST_NAMES = (
    *("Ashworth", "Bailey", "Barker", "Bell", "Booth", "Carter", "Clarke", "Cooper", "Dawson", "Dixon", "Ellis"),
    *("Fletcher", "Foster", "Grant", "Green", "Hall", "Harper", "Hartley", "Holmes", "Hughes", "Hussain", "Jackson"),
    *("Kaur", "Kelly", "Khan", "King", "Lefèvre", "Marshall", "Mensah", "Miller", "Moreau", "Moss", "Murray", "Naylor"),
    *("Okafor", "Palmer", "Parker", "Patel", "Pearson", "Petit", "Price", "Reid", "Robinson", "Rossi", "Russell"),
    *("Scott", "Shaw", "Singh", "Slater", "Stewart", "Sutton", "Thornton", "Turner", "Walker", "Ward", "Weiss"),
    *("Whitaker", "Wilson", "Wood", "Wright"),
)


def products() -> list[ProductValues]:
    """Return three hundred products, each with brand, category, labels and both prices."""
    chance = _seeded("products")
    rows = []
    for product_range in RANGES:
        for number in range(len(product_range.subjects) * len(product_range.forms)):
            subject, form = product_range.subjects[number // 2], number % 2
            price = Decimal(product_range.prices[form]) + Decimal("0.05") * chance.randrange(0, 9)
            labels = [label for label in product_range.labels if chance.random() < 0.5]
            rows.append(
                ProductValues(
                    sku=f"{product_range.code}-{number + 1:03}",
                    name=f"{subject} {product_range.forms[form]}",
                    product_brand=product_range.brands[number % len(product_range.brands)],
                    program_brand=product_range.program_brand,
                    category=product_range.category,
                    labels=tuple(labels),
                    retail_price=price,
                    cost_price=(price * Decimal(chance.randrange(28, 62)) / 100).quantize(Decimal("0.01")),
                )
            )
    return rows


def consumers(*, today: date, count: int = CONSUMERS) -> list[ConsumerValues]:
    """Customers and employees with birthdays, home sites, groups, memberships and cards.

    Most are members, a few of them suspended or withdrawn; ``today`` is the day from which memberships reach back.
    """
    chance = _seeded("consumers")
    numbers = [site.number for site in SITES]
    weights = (14, 12, 8, 12, 14, 8, 9, 5, 9, 6, 3)
    return [
        _consumer(place, chance, home=home, today=today)
        for place, home in enumerate(chance.choices(numbers, weights, k=count), start=1)
    ]


def _consumer(place: int, chance: random.Random, *, home: str, today: date) -> ConsumerValues:
    first, last = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES)
    employee = place % 50 == 0
    groups = [
        code
        for code, share in (("vip", 0.06), ("newsletter", 0.45), ("students", 0.12), ("locals", 0.2), ("pilot", 0.15))
        if chance.random() < share
    ]
    born = date(1940, 1, 1) + timedelta(days=chance.randrange(0, 365 * 67))
    loyalty = _membership(place, chance, today=today)
    # The first consumer is the one whose basket the printed example asks about: nothing about them is left to chance.
    if place == 1:
        employee, groups, home = False, ["newsletter", "vip"], "001"
        loyalty = LoyaltyValues(enrolled_on=today - timedelta(days=500), cards=(CardValues(number="70000000001"),))
    return ConsumerValues(
        consumer_id=f"c-{place:05}",
        kind=ConsumerKind.EMPLOYEE if employee else ConsumerKind.CUSTOMER,
        first_name=first,
        last_name=last,
        email=f"consumer{place}@example.com" if chance.random() < 0.8 or place == 1 else "",
        phone=f"+44 7700 900{place % 1000:03}" if chance.random() < 0.4 else "",
        date_of_birth=born if chance.random() < 0.85 else None,
        home_site=home,
        groups=tuple(sorted({*groups, "team"} if employee else groups)),
        loyalty=loyalty,
    )


def _membership(place: int, chance: random.Random, *, today: date) -> LoyaltyValues | None:
    if chance.random() < 0.12:
        return None
    cards = [CardValues(number=f"7{place:010}", type="plastic" if chance.random() < 0.6 else "app")]
    if chance.random() < 0.15:
        cards.append(CardValues(number=f"8{place:010}", type="app"))
    (status,) = chance.choices(
        (MembershipStatus.ACTIVE, MembershipStatus.SUSPENDED, MembershipStatus.WITHDRAWN), (96, 1.5, 2.5)
    )
    enrolled_on = today - timedelta(days=min(chance.randrange(0, 1400), chance.randrange(0, 1400)))
    return LoyaltyValues(enrolled_on=enrolled_on, status=status, cards=tuple(cards))


def _seeded(part: str) -> random.Random:
    return random.Random(f"{NAME} {part}")  # noqa: S311 - a demo has no secrets, and is the same everywhere
