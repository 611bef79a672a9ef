"""Reads the sentence of a promotion back into what it claims: who, where, when, how often, on what, how much."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from tests.loyalty.sentences.phrases import (
    PRODUCT,
    Test,
    Unread,
    amount,
    backend_id,
    folded,
    is_phrase,
    phrase,
    places,
    product_key,
    split,
    unbracketed,
    unquoted,
)
from tests.loyalty.sentences.shop import PRODUCTS


@dataclass(frozen=True, kw_only=True)
class Products:
    """Some products: those of a test, or those on the consumer's list with the one that counts until they choose."""

    test: Test | None = None
    on_list: str | None = None
    default: str | None = None


EVERY_PRODUCT = Products()
CATEGORIES = {product.category.casefold() for product in PRODUCTS.values()}


@dataclass(frozen=True, kw_only=True)
class Units:
    """Units of products that count: ``mode`` is all, every or first; ``size`` is how many make one redemption.

    In bundles, ``parts`` are the units of each of its sets.
    """

    mode: str = "all"
    size: int = 1
    products: Products = EVERY_PRODUCT
    parts: tuple[tuple[int, Products], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reward:
    """What a loyalty promotion gives: points, vouchers, a multiple of base points, or points by a ratio."""

    kind: str
    number: Fraction
    units: Units
    ratio: Fraction = Fraction(0)
    by_quantity: bool = False
    parts_count: bool = False


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One product set of a discount: a number of units or a spend, and how many of its units are discounted."""

    products: Products
    quantity: int | None = None
    spend: Decimal | None = None
    discounted: int | None = 0


@dataclass(frozen=True, kw_only=True)
class PriceCut:
    """What a discount takes off: ``once`` per transaction, or for each matching set, or ``for_every`` such spend."""

    kind: str
    value: Fraction
    requirements: tuple[Requirement, ...]
    once: bool = False
    for_every: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class History:
    """What must have been bought before, this transaction included; ``such``: only transactions alike count."""

    measure: str
    threshold: Fraction
    items: Products | None
    such: bool
    unit: str
    length: int
    restarts: bool


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much is given in all or to each customer in a period; ``rest`` is what happens where too little is left.

    The amount is money, or points where that is what they get.
    """

    amount: Decimal
    per_customer: bool
    period: str
    rest: str


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Everything that a sentence says."""

    starts_at: datetime
    ends_at: datetime | None
    who: str
    currency: str
    what: Reward | PriceCut
    site: Test | None = None
    conditions: tuple[Test, ...] = ()
    basket: Products | None = None
    history: tuple[History, ...] = ()
    required: Units | None = None
    most_expensive: bool = False
    by: str = "inc_tax"
    limits: dict[str, int] = field(default_factory=dict)
    period: str = "promotion"
    budgets: tuple[Budget, ...] = ()
    held_out: tuple[str, str] | None = None
    holdout_too: bool = False
    always: bool = False
    added: tuple[str, ...] = ()


MOMENT = r"(\d+ \w{3} \d{4}, \d\d:\d\d) UTC"


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%d %b %Y, %H:%M").replace(tzinfo=UTC)


class _Sentence:
    """Reads one sentence; ``sets`` are the product sets that it has named so far."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.sets: dict[str, Products] = {}

    # --- products ---

    def products(self, text: str) -> Products:
        if text in {"", "any product"}:
            return EVERY_PRODUCT
        if match := re.fullmatch(r"products on their “(.+?)” list(?: \((.+) until they choose\))?", text):
            default = product_key(match[2]) if match[2] else None
            return Products(on_list=backend_id(match[1]), default=default)
        if text.startswith("products "):
            return Products(test=phrase(text.removeprefix("products ")))
        if text.startswith("SKU "):
            skus = {folded(unquoted(sku)) for sku in split(text.removeprefix("SKU "), ", | or ")}
            return Products(test=lambda facts: facts["folded_sku"] in skus)
        parts = [self._product(part) for part in split(text, ", | or ")]
        if len(parts) == 1 or all(part == EVERY_PRODUCT for part in parts):
            return parts[0]
        tests = [part.test or (lambda _facts: True) for part in parts]
        if any(part.on_list for part in parts):
            raise Unread(text)
        return Products(test=lambda facts: any(test(facts) for test in tests))

    def _product(self, text: str) -> Products:
        if text.startswith("("):
            return self.products(unbracketed(text))
        if sku := product_key(text):
            return Products(test=lambda facts: facts["product"] == sku)
        if match := PRODUCT.fullmatch(text) or re.fullmatch(r"“(?P<set>[^”]+)” \((?P<products>.+)\)", text):
            groups = match.groupdict()
            if "set" not in groups:
                match = re.fullmatch(r"“(?P<set>[^”]+)” \((?P<products>.+)\)", text)
                if match is None:
                    raise Unread(text)
                groups = match.groupdict()
            self.sets[groups["set"]] = self.products(groups["products"])
            return self.sets[groups["set"]]
        if text.startswith("“") and unquoted(text) in self.sets:
            return self.sets[unquoted(text)]
        category = folded(unquoted(text))
        if category not in CATEGORIES:
            raise Unread(text)
        return Products(test=lambda facts: folded(facts["category"]) == category)

    # --- units ---

    def _bundle(self, text: str) -> tuple[tuple[int, Products], ...]:
        parts = []
        for part in split(text, r" and (?=\d+ units? of )"):
            match = re.fullmatch(r"(\d+) units? of (.+)", part)
            if match is None:
                raise Unread(part)
            parts.append((int(match[1]), self.products(match[2])))
        return tuple(parts)

    def group(self, text: str) -> Units:
        """Read "2 units of Tea", or "bundle of 1 unit of Tea and 1 unit of Mugs"."""
        if match := re.fullmatch(r"(?:(\d+) )?bundles? of (.+)", text):
            return Units(mode="every", size=int(match[1] or 1), parts=self._bundle(match[2]))
        if match := re.fullmatch(r"(?:(\d+) )?units?(?: of (.+))?", text):
            return Units(mode="every", size=int(match[1] or 1), products=self.products(match[2] or ""))
        raise Unread(text)

    def taken(self, text: str) -> Units:
        """Read the units whose value or number counts."""
        for begins in ("complete groups of ", "every "):
            if text.startswith(begins):
                return self.group(text.removeprefix(begins))
        if text.startswith("the first "):
            return replace(self.group(text.removeprefix("the first ")), mode="first")
        if text.startswith("all bundles of "):
            return Units(parts=self._bundle(text.removeprefix("all bundles of ")))
        return Units(products=self.products(text))

    def required(self, text: str) -> Units:
        """Read what must be bought at least."""
        if text.startswith("a bundle of "):
            return self.group(text.removeprefix("a "))
        if text.startswith("at least "):
            return self.group(text.removeprefix("at least "))
        return Units(mode="every", products=self.products(text))

    # --- history ---

    def history(self, text: str) -> History:
        if text.startswith("each time they have "):
            match = re.fullmatch(
                r"each time they have (.+) (?:within (a|\d+) (day|week|month)s?|since the promotion started) "
                r"\(counting restarts\)",
                text,
            )
            if match is None:
                raise Unread(text)
            return self._measured(match[1], match[2], match[3], restarts=True)
        match = re.fullmatch(
            r"on every transaction(?: with (.+))? once they have (.+) "
            r"(?:in the last (?:(\d+) )?(day|week|month)s?|since the promotion started)",
            text,
        )
        if match is None:
            raise Unread(text)
        history = self._measured(match[2], match[3], match[4], restarts=False)
        if bool(match[1]) != (history.items is not None):
            raise Unread(text)
        return history

    def _measured(self, text: str, length: str | None, unit: str | None, *, restarts: bool) -> History:
        patterns = {
            "transactions": r"made (?P<n>[\d.,]+) (?P<such>such )?transactions?(?: with (?P<items>.+))?",
            "quantity": r"bought (?P<n>[\d.,]+) units?(?: of (?P<items>.+?))?(?P<such> in such transactions)?",
            "spend": r"spent (?P<n>[\d.,]+) [A-Z]{3}(?: on (?P<items>.+?))?(?P<such> in such transactions)?",
        }
        for measure, pattern in patterns.items():
            if match := re.fullmatch(pattern, text):
                return History(
                    measure=measure,
                    threshold=Fraction(amount(match["n"])),
                    items=self.products(match["items"]) if match["items"] else None,
                    such=bool(match["such"]),
                    unit=unit or "promotion",
                    length=1 if length in {None, "a"} else int(length),
                    restarts=restarts,
                )
        raise Unread(text)

    # --- what they get ---

    def reward(self, text: str, *, parts_count: bool) -> Reward:
        if match := re.fullmatch(r"(\S+) times the base points on (.+)", text):
            scope = match[2]
            units = Units() if scope in {"the whole basket", "all line items"} else self.taken(scope)
            kind = "whole basket" if scope == "the whole basket" else "multiple"
            return Reward(kind=kind, number=Fraction(match[1]), units=units)
        if match := re.fullmatch(
            r"([\d,]+) points? (?:for every full|per) ([\d.,]+) [A-Z]{3} they spend(?: on (.+))?", text
        ):
            return self._ratio(match[1], match[2], match[3] or "", by_quantity=False, parts_count=parts_count)
        pattern = r"([\d,]+) points? (?:for every full|per) (\S+) units?(?: of (.+?))? they buy(?:, counting (.+))?"
        if (" for every full " in text or " per " in text) and (match := re.fullmatch(pattern, text)):
            taken = match[3] or match[4] or ""
            return self._ratio(match[1], match[2], taken, by_quantity=True, parts_count=parts_count)
        match = re.fullmatch(
            r"(?:([\d,]+) points?|a voucher for “.+?”)(?: per transaction| for every (.+) they buy)?", text
        )
        if match is None:
            raise Unread(text)
        return Reward(
            kind="points" if match[1] else "voucher",
            number=Fraction(amount(match[1] or "1")),
            units=self.group(match[2]) if match[2] else Units(),
        )

    def _ratio(self, points: str, ratio: str, taken: str, *, by_quantity: bool, parts_count: bool) -> Reward:
        return Reward(
            kind="ratio",
            number=Fraction(amount(points)),
            units=self.taken(taken) if taken else Units(),
            ratio=Fraction(amount(ratio)),
            by_quantity=by_quantity,
            parts_count=parts_count,
        )

    def price_cut(self, text: str, *, required: str, once: bool, maximum: Decimal | None) -> PriceCut:
        money = r"([\d.,]+) [A-Z]{3}"
        if match := re.fullmatch(rf"{money} off for every full {money} they spend(?: on (.+))?", text):
            products = self.products(match[3] or "")
            return PriceCut(
                kind="amount",
                value=Fraction(amount(match[1])),
                requirements=(Requirement(products=products, discounted=None),),
                for_every=amount(match[2]),
            )
        body, rest = text, ""
        if not once:
            body, rest = (*split(text, " for every bundle of "), "")[:2]
        cuts = (
            (rf"{money} off (?P<units>.+)", "amount"),
            (r"([\d.]+)% off (?P<units>.+)", "percentage"),
            (rf"(?P<units>.+) for {money}", "fixed_price"),
            (r"(?P<units>.+)( )free", "free_product"),
        )
        for pattern, kind in cuts:
            match = re.fullmatch(pattern, body)
            if match:
                number = next(group for group in match.groups() if group != match["units"])
                value = Fraction(0) if kind == "free_product" else Fraction(amount(number))
                units, needed = match["units"], required or rest.removesuffix(" they buy")
                if units.startswith("every bundle of "):
                    needed = units.removeprefix("every bundle of ").removesuffix(" they buy")
                    units = ""
                requirements = self._requirements(units, needed)
                return PriceCut(kind=kind, value=value, requirements=requirements, once=once, maximum=maximum)
        raise Unread(text)

    def _requirements(self, discounted: str, required: str) -> tuple[Requirement, ...]:
        if not required:
            match = re.fullmatch(r"(?:(\d+) of )?every (?:(\d+) )?units?(?: of (.+))? they buy", discounted)
            if match is None:
                raise Unread(discounted)
            quantity = int(match[2] or 1)
            number = int(match[1] or quantity)
            return (Requirement(products=self.products(match[3] or ""), quantity=quantity, discounted=number),)
        wanted = [
            self._requirement(part) for part in split(required, r" and (?=\d+ (?:more )?units? of|buy \d|spend at)")
        ]
        if not discounted:
            return tuple(replace(each, discounted=each.quantity) for _, each in wanted)
        parts = split(discounted, r" and (?=\d+ (?:more )?units? of |all other units)")
        return tuple(self._with_discounts(wanted, parts))

    def _requirement(self, text: str) -> tuple[str, Requirement]:
        """Return what a requirement calls its products, and the requirement."""
        if match := re.fullmatch(r"spend at least ([\d.,]+) [A-Z]{3}(?: on (.+))?", text):
            words = match[2] or ""
            return words, Requirement(products=self.products(words), spend=amount(match[1]))
        if match := re.fullmatch(r"(?:buy )?(\d+) (?:more )?units? of (.+)", text):
            return match[2], Requirement(products=self.products(match[2]), quantity=int(match[1]))
        raise Unread(text)

    def _with_discounts(self, wanted: list[tuple[str, Requirement]], parts: list[str]) -> list[Requirement]:
        """Find the requirement that each discounted part speaks of: the next one with the same products."""
        requirements = [requirement for _, requirement in wanted]
        names = [self._short(words) for words, _ in wanted]
        for part in parts:
            match = re.fullmatch(r"(?:(\d+)( more)?|all|all other) units?(?: of (.+))?|the whole basket", part)
            if match is None:
                raise Unread(part)
            places = [
                place
                for place, name in enumerate(names)
                if name == (match[3] or "")
                and (
                    requirements[place].spend is not None
                    if match[1] is None
                    else (name in names[:place]) == bool(match[2])
                )
            ]
            if not places:
                raise Unread(part)
            place = places[0]
            requirements[place] = replace(requirements[place], discounted=int(match[1]) if match[1] else None)
        return requirements

    def _short(self, words: str) -> str:
        """Return what a set is called once the sentence has said what is in it."""
        named = re.match(r"“([^”]+)” \(", words)
        return f"“{named[1]}”" if named and named[1] in self.sets else words


def _clauses(text: str) -> list[str]:
    """Split the clauses on the transaction; values and phrases that go on belong to the clause before."""
    clauses: list[str] = []
    starts = ("at ", "paying in ", "each time they", "on every transaction", "whose basket", "who buy", "who spend at")
    for part in split(text, ", "):
        begins = not part.startswith(("and ", "or ")) and (part.startswith(starts) or is_phrase(part))
        if begins or not clauses:
            clauses.append(part)
        else:
            clauses[-1] += f", {part}"
    return clauses


_TAILS = {
    "order": r"(cheapest|most expensive) units first(?: by (price excl\. tax|tax))?",
    "once": r"once per transaction",
    "maximum": r"up to ([\d.,]+) [A-Z]{3} per transaction",
    "limit": (
        r"at most (?:(once|twice)|([\d,]+) times) (per transaction|in total|(?:a (day|week|month|year) )?per customer)"
    ),
    "parts": r"pro rata",
    "budget": (
        r"up to ([\d.,]+) (?:[A-Z]{3}|points?) (?:in total|(?:a (day|week|month|year) )?(per customer))"
        r"(?: \((the last of it in part|the last basket in full)\))?"
    ),
}


def read_sentence(text: str, *, account_currency: str = "GBP") -> Claims:
    """Read everything that a sentence and the short ones after it claim."""
    main, *others = [part for part in split(text, r"\. (?=[A-Z0-9])|\.$") if part]
    begins = re.match(
        rf"From {MOMENT}(?: until {MOMENT})?, (loyalty members|identified customers|customers),? ?(.*)", main
    )
    if begins is None:
        raise Unread(main)
    on_transaction, benefit = split(begins[4], r"(?:^|,? )get ")
    clauses = _clauses(on_transaction) if on_transaction else []
    currency = next((match[1] for clause in clauses if (match := re.fullmatch(r"paying in (\w{3})", clause))), None)
    sentence = _Sentence(currency or account_currency)
    claims = Claims(
        starts_at=_moment(begins[1]),
        ends_at=_moment(begins[2]) if begins[2] else None,
        who=begins[3],
        currency=currency or account_currency,
        what=PriceCut(kind="", value=Fraction(0), requirements=()),
    )
    required = ""
    for clause in clauses:
        if clause.startswith("at "):
            claims = replace(claims, site=places(clause))
        elif clause.startswith(("each time they", "on every transaction")):
            claims = replace(claims, history=(*claims.history, sentence.history(clause)))
        elif clause.startswith("whose basket contains "):
            claims = replace(claims, basket=sentence.products(clause.removeprefix("whose basket contains ")))
        elif clause.startswith(("who buy ", "who spend at ")):
            required = clause.removeprefix("who ")
        elif not re.fullmatch(r"paying in \w{3}", clause):
            claims = replace(claims, conditions=(*claims.conditions, phrase(clause)))
    return _with_extras(_with_benefit(claims, sentence, benefit, required), others)


def _with_benefit(claims: Claims, sentence: _Sentence, benefit: str, required: str) -> Claims:
    parts = split(benefit, ", ")
    tails: dict[str, list[re.Match[str]]] = {name: [] for name in _TAILS}
    while parts:
        name, match = next(
            ((name, match) for name, pattern in _TAILS.items() if (match := re.fullmatch(pattern, parts[-1]))),
            ("", None),
        )
        if match is None:
            break
        tails[name].append(match)
        parts.pop()
    for order in tails["order"]:
        by = {"price excl. tax": "ex_tax", "tax": "tax", None: "inc_tax"}[order[2]]
        claims = replace(claims, most_expensive=order[1] == "most expensive", by=by)
    for limit in tails["limit"]:
        name = "customer" if limit[3].endswith("per customer") else limit[3]
        number = {"once": 1, "twice": 2}[limit[1]] if limit[1] else int(limit[2].replace(",", ""))
        claims = replace(claims, limits={**claims.limits, name: number}, period=limit[4] if limit[4] else claims.period)
    budgets = tuple(
        Budget(
            amount=amount(budget[1]),
            per_customer=bool(budget[3]),
            period=budget[2] or "promotion",
            rest=budget[4] or "",
        )
        for budget in tails["budget"]
    )
    claims = replace(claims, budgets=budgets)
    core = ", ".join(parts)
    if re.search(r"\bpoints?\b|^a voucher", core):
        reward = sentence.reward(core, parts_count=bool(tails["parts"]))
        needed = sentence.required(required.removeprefix("buy ")) if required else None
        return replace(claims, what=reward, required=needed)
    maximum = amount(tails["maximum"][0][1]) if tails["maximum"] else None
    return replace(
        claims,
        what=sentence.price_cut(core, required=required, once=bool(tails["once"]), maximum=maximum),
    )


def _with_extras(claims: Claims, others: list[str]) -> Claims:
    for other in others:
        if other == "It applies even when another promotion wins":
            claims = replace(claims, always=True)
        elif other == "Customers in the universal holdout get it too":
            claims = replace(claims, holdout_too=True)
        elif match := re.fullmatch(r"([\d.]+)% of the group (.+) are a control group and do not get it", other):
            claims = replace(claims, held_out=(match[1], unquoted(match[2])))
        elif match := re.fullmatch(r"The till adds (.+?) if the basket has (?:none(?: of .+)?|no products .+)", other):
            claims = replace(claims, added=(*claims.added, product_key(match[1]) or ""))
        else:
            raise Unread(other)
    return claims
