"""Reads the phrases of a sentence back: who, which sites, which transactions, which products.

It knows English and the small shop, and nothing of the code that writes sentences or compiles rules. What it reads
becomes a function of plain facts.
"""

import re
from calendar import isleap
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from tests.loyalty.sentences.shop import GROUPS, LISTS, PRODUCT_NAMES, SITE_NAMES

Facts = Mapping[str, Any]
Test = Callable[[Facts], bool]


class Unread(Exception):
    """A text that a person who knows the shop could not make sense of."""


# --- texts ------------------------------------------------------------------------------------------------------------


def depths(text: str) -> Iterator[tuple[int, bool]]:
    """Yield each position with whether it is outside all quotation marks and brackets."""
    depth = 0
    for position, character in enumerate(text):
        if character in ")”":
            depth -= 1
        yield position, depth == 0
        if character in "(“":
            depth += 1


def split(text: str, pattern: str) -> list[str]:
    """Split at what matches a pattern, outside quotation marks and brackets."""
    outside = {position for position, is_outside in depths(text) if is_outside}
    parts, start = [], 0
    for match in re.finditer(pattern, text):
        if match.start() in outside and match.start() >= start:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def unbracketed(text: str) -> str:
    """Return a text without the brackets around it."""
    if not (text.startswith("(") and text.endswith(")")):
        raise Unread(text)
    return text[1:-1]


def unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("“") and text.endswith("”") else text


def values(text: str, joint: str = "or") -> list[str]:
    """Return the values of "A, B or C"."""
    return [unquoted(value) for value in split(text, f", | {joint} ")]


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def day(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").date()  # noqa: DTZ007


_KEYS = {
    "groups": {name: key for key, name in GROUPS.items()},
    "home_site": {name: key for key, name in SITE_NAMES.items()},
}
PRODUCT = re.compile(r"(?P<name>.+) \((?P<sku>\w+)\)")


def product_key(text: str) -> str | None:
    """Return the SKU of "Mug (M1)", or of "SKU X9"; None where a text is no product."""
    match = PRODUCT.fullmatch(text)
    if match and PRODUCT_NAMES.get(match["sku"]) == unquoted(match["name"]):
        return match["sku"]
    return None


def backend_id(name: str) -> str:
    return next(key for key, listed in LISTS.items() if listed == name)


# --- phrases ----------------------------------------------------------------------------------------------------------

_TEXT_PHRASES: dict[str, tuple[str, ...]] = {
    "site_name": ("named {}", "whose name {}"),
    "site_number": ("with the number {}", "whose number {}"),
    "address_line_1": ("at the address {}", "whose address {}"),
    "town": ("in the town of {}", "whose town {}"),
    "county": ("in the county of {}", "whose county {}"),
    "postcode": ("with the postcode {}", "whose postcode {}"),
    "home_site": ("whose home site is {}", "whose home site {}"),
    "payment_card_type": ("paying with {}", "whose payment card type {}"),
    "source": ("with the source {}", "whose source {}"),
    "loyalty_card_type": ("with the loyalty card type {}", "whose loyalty card type {}"),
    "sku": ("with the SKU {}", "whose SKU {}"),
    "program_brand": ("of the program brand {}", "whose program brand {}"),
    "product_brand": ("of the brand {}", "whose brand {}"),
    "category": ("in the category {}", "whose category {}"),
}
_NUMBER_PHRASES = {
    r"of which they buy (.+?) units?": "quantity",
    r"with a cost price of (.+) GBP": "cost_price",
    r"with a retail price of (.+) GBP": "retail_price",
    r"with a profit margin of (.+)%": "profit_margin",
    r"with a balance of (.+?) points?": "points_balance",
    r"whose total before discounts is (.+) [A-Z]{3}": "total_inc_tax",
    r"whose total excl\. tax before discounts is (.+) [A-Z]{3}": "total_ex_tax",
}
_COMPARED: list[tuple[str, Callable[[Decimal, Decimal], bool]]] = [
    ("exactly ", lambda have, asked: have == asked),
    ("more than ", lambda have, asked: have > asked),
    ("at least ", lambda have, asked: have >= asked),
    ("less than ", lambda have, asked: have < asked),
    ("at most ", lambda have, asked: have <= asked),
]
_DATE_PHRASES = {
    r"(who joined|who did not join) (.+)": "enrolled_on",
    r"(born|not born) (.+)": "date_of_birth",
    r"(who last shopped|who have shopped|who did not last shop|who have not shopped) (.+)": "last_transaction_on",
    r"(who (?:last redeemed|have redeemed|did not last redeem|have not redeemed) an offer) (.+)": (
        "last_offer_redeemed_on"
    ),
    r"(who (?:last redeemed|have redeemed|did not last redeem|have not redeemed) a promotion) (.+)": (
        "last_promotion_redeemed_on"
    ),
}


def folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _has(name: str, wanted: list[str]) -> Test:
    texts = {folded(value) for value in wanted}
    return lambda facts: folded(facts[name]) in texts


def _text_phrase(text: str) -> Test | None:
    for name, (being, subject) in _TEXT_PHRASES.items():
        begins = being.format("")
        if text.startswith(begins) and not re.match(r"whose home site is (not|all of) ", text):
            texts = values(text.removeprefix(begins))
            return _has(name, [_KEYS.get(name, {}).get(value, value) for value in texts])
        if text.startswith(f"not {begins}"):
            has = _has(name, values(text.removeprefix(f"not {begins}")))
            return lambda facts, has=has: not has(facts)  # type: ignore[misc]
        begins = subject.format("")
        if text.startswith(begins):
            return _about_text(name, text.removeprefix(begins))
    return None


def _about_text(name: str, text: str) -> Test:
    def with_key(value: str) -> str:
        return _KEYS.get(name, {}).get(value, value)

    for begins in ("contains ", "starts with "):
        if text.startswith(begins):
            part = folded(unquoted(text.removeprefix(begins)))
            if begins == "contains ":
                return lambda facts: facts[name] is not None and part in folded(facts[name])
            return lambda facts: facts[name] is not None and folded(facts[name]).startswith(part)
    if text.startswith("is not all of "):
        # Nothing has two names at once.
        return lambda _facts: True
    if text.startswith("is all of "):
        return lambda _facts: False
    if text.startswith("is not "):
        excluded = {folded(with_key(value)) for value in values(text.removeprefix("is not "))}
        return lambda facts: folded(facts[name]) not in excluded
    raise Unread(text)


def _many_phrase(text: str) -> Test | None:
    """Read groups and labels, of which somebody or something may have several."""
    for begins, name, joint in (
        ("not in all of the groups ", "groups", "not all"),
        ("in the groups ", "groups", "all"),
        ("not in the group ", "groups", "none"),
        ("in the group ", "groups", "any"),
        ("not labelled with all of ", "labels", "not all"),
        ("labelled with all of ", "labels", "all"),
        ("not labelled ", "labels", "none"),
        ("labelled ", "labels", "any"),
    ):
        if text.startswith(begins):
            listed = values(text.removeprefix(begins), "and" if "all" in joint else "or")
            wanted = {folded(_KEYS.get(name, {}).get(value, value)) for value in listed}
            return lambda facts: {
                "all": wanted <= facts[name],
                "not all": not wanted <= facts[name],
                "any": bool(wanted & facts[name]),
                "none": not wanted & facts[name],
            }[joint]
    if match := re.fullmatch(r"with a label that (contains|starts with) (.+)", text):
        part = folded(unquoted(match[2]))
        if match[1] == "contains":
            return lambda facts: any(part in label for label in facts["labels"])
        return lambda facts: any(label.startswith(part) for label in facts["labels"])
    return None


def _number_phrase(text: str) -> Test | None:
    for pattern, name in _NUMBER_PHRASES.items():
        if match := re.fullmatch(pattern, text):
            return _compared(name, match[1])
    return None


def _compared(name: str, text: str) -> Test:
    if text.startswith("anything but "):
        number = amount(text.removeprefix("anything but "))
        return lambda facts: facts[name] is None or facts[name] != number
    if match := re.fullmatch(r"between (\S+) and (\S+)", text):
        low, high = amount(match[1]), amount(match[2])
        return lambda facts: facts[name] is not None and low <= facts[name] <= high
    for begins, compare in _COMPARED:
        if text.startswith(begins):
            asked = amount(text.removeprefix(begins))
            return lambda facts: facts[name] is not None and compare(facts[name], asked)
    raise Unread(text)


def _date_phrase(text: str) -> Test | None:
    for pattern, name in _DATE_PHRASES.items():
        if match := re.fullmatch(pattern, text):
            test = _when(name, match[2])
            if match[1].startswith("not ") or " not " in match[1]:
                return lambda facts, test=test: not test(facts)  # type: ignore[misc]
            return test
    return None


_DAY = r"\d+ \w{3} \d{4}"
_TIME = r"\d\d:\d\d"


def _when(name: str, text: str) -> Test:
    """Read a day or days, in words that follow a verb."""
    if match := re.fullmatch(r"in the last (?:day|(\d+) days)", text):
        days = int(match[1] or 1)
        return lambda facts: facts[name] is not None and 0 <= (facts["today"] - facts[name]).days < days
    if match := re.fullmatch(rf"(on|before|after) ({_DAY})", text):
        word, asked = match[1], day(match[2])
        return lambda facts: (
            facts[name] is not None
            and {"on": facts[name] == asked, "before": facts[name] < asked, "after": facts[name] > asked}[word]
        )
    if match := re.fullmatch(rf"between ({_DAY}) and ({_DAY})", text):
        low, high = day(match[1]), day(match[2])
        return lambda facts: facts[name] is not None and low <= facts[name] <= high
    raise Unread(text)


def _moment_phrase(text: str) -> Test | None:
    """Read on which days and at which times of day a transaction happens."""
    is_negative = text.startswith("not ")
    rest = text.removeprefix("not ")
    if not rest.startswith("shopping "):
        return None
    rest = rest.removeprefix("shopping ")
    test: Test | None = None
    if match := re.fullmatch(r"on (\w+day(?:(?:, | or )\w+day)*)", rest):
        names = values(match[1])
        test = lambda facts: f"{facts['today']:%A}" in names  # noqa: E731
    elif match := re.fullmatch(rf"(before|after) ({_TIME})", rest):
        asked = time.fromisoformat(match[2])
        is_before = match[1] == "before"
        test = lambda facts: facts["time"] < asked if is_before else facts["time"] > asked  # noqa: E731
    elif match := re.fullmatch(rf"between ({_TIME}) and ({_TIME})", rest):
        test = _hours(time.fromisoformat(match[1]), time.fromisoformat(match[2]))
    elif re.match(rf"(on|before|after|between) {_DAY}|in the last ", rest):
        test = _when("today", rest)
    if test is None or not is_negative:
        return test
    return lambda facts: not test(facts)


def _hours(start: time, end: time) -> Test:
    if start < end:
        return lambda facts: start <= facts["time"] < end
    return lambda facts: facts["time"] >= start or facts["time"] < end


def _anniversary(born: date, year: int) -> date:
    return date(year, 2, 28) if (born.month, born.day) == (2, 29) and not isleap(year) else born.replace(year=year)


def _person_phrase(text: str) -> Test | None:
    if text in {"who are loyalty members", "who are not loyalty members"}:
        return lambda facts: facts["is_loyalty_member"] is ("not" not in text)
    match = re.fullmatch(r"whose (birthday|membership anniversary) is (.+)", text)
    if match is None:
        return None
    name = {"birthday": "date_of_birth", "membership anniversary": "enrolled_on"}[match[1]]
    days = re.fullmatch(r"within (?:a day|(\d+) days) of today", match[2])

    def holds(facts: Facts) -> bool:
        first, today = facts[name], facts["today"]
        if first is None:
            return False
        if match[2] == "this month":
            return bool(first.month == today.month)
        furthest = int(days[1] or 1) if days else 0
        years = (today.year - 1, today.year, today.year + 1)
        return any(abs((_anniversary(first, year) - today).days) <= furthest for year in years)

    if not days and match[2] not in {"today", "this month"}:
        raise Unread(text)
    return holds


def _product_phrase(text: str) -> Test | None:
    for begins, wanted in (("that are ", True), ("other than SKU ", False), ("other than ", False)):
        if text.startswith(begins):
            listed = split(text.removeprefix(begins), ", | or ")
            skus = {unquoted(value).casefold() if begins.endswith("SKU ") else product_key(value) for value in listed}
            if None in skus:
                raise Unread(text)
            name = "folded_sku" if begins.endswith("SKU ") else "product"
            return lambda facts: (facts[name] in skus) is wanted
    if text.startswith("whose product is "):
        return lambda _facts: "is not all of" in text
    return None


_READERS = (
    _product_phrase,
    _many_phrase,
    _person_phrase,
    _number_phrase,
    _date_phrase,
    _moment_phrase,
    _text_phrase,
)


def is_phrase(text: str) -> bool:
    """Return whether a text begins a phrase, and does not go on with a list of values."""
    first = re.split(r", (?:and|or) |\)", text.lstrip("("))[0]
    try:
        return any(reader(first) is not None for reader in _READERS)
    except Unread:
        return True


def phrase(text: str) -> Test:
    """Read phrases joined by ", and" or ", or"; inner ones are in brackets."""
    for joint, decide in ((", and ", all), (", or ", any)):
        parts = split(text, joint)
        if len(parts) > 1:
            tests = [phrase(part) for part in parts]
            return lambda facts: decide(test(facts) for test in tests)
    if text.startswith("("):
        return phrase(unbracketed(text))
    for reader in _READERS:
        test = reader(text)
        if test is not None:
            return test
    raise Unread(text)


def places(text: str) -> Test:
    """Read "at Leeds or York"."""
    if text.startswith("at sites "):
        return phrase(text.removeprefix("at sites "))
    names = text.removeprefix("at any site except ").removeprefix("at ")
    has = _has("site_number", values(names.removeprefix("site "))) if names.startswith("site ") else None
    has = has or _has("site_name", values(names))
    if text.startswith("at any site except "):
        return lambda facts: not has(facts)
    return has
