"""Compare all figures with a simple model after random calls of tills, staff and consumers.

The model has a few promotions without common products, in pence and whole units. The ledger, counters, stock, vouchers
and choices must equal its sums.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, assume
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consumers.models import Consumer
from loyalty.models import Offer, PromotionUsage, Transaction, Voucher
from loyalty.selectors.verification import ledger_differences
from promotions.models import PersonalizedList, Promotion
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db

PRICES = {"TEA": 400, "CAKE": 300, "BUN": 200, "PIE": 200}
LISTED = ("BUN", "PIE")
CONSUMERS = ("ada", "bob")
TOTAL_LIMIT, CUSTOMER_LIMIT, STOCK, MUG, MUGS = 7, 4, 4, 20, 2


@dataclass
class Sale:
    """A sale in the model: its terms, the units not returned, and its promotions. Money in pence."""

    reference: str
    consumer: str
    left: Counter[str]
    percent: int
    gift: int
    gifts: int
    yours: str = ""
    voucher: str = ""
    off: int = 0
    thanks: str = ""
    paid: int = 0
    base: int = 0
    status: str = "committed"

    @property
    def net(self) -> int:
        """Return the price of the units left: a percentage off tea, half off the chosen product, then the voucher."""
        tea = PRICES["TEA"] - (PRICES["TEA"] * self.percent + 50) // 100
        total = sum(count * (tea if sku == "TEA" else PRICES[sku]) for sku, count in self.left.items())
        total -= self.left[self.yours] * PRICES.get(self.yours, 0) // 2
        return total - min(total, self.off)

    @property
    def points(self) -> int:
        """Return the points given, less those taken back."""
        return self.base + self.gifts * self.gift


@dataclass
class Choice:
    """A consumer's choice from their list; final where the consumer or a sale made it."""

    sku: str = ""
    made_by: str = ""


@dataclass
class ShopModel:
    """The expected state of the shop."""

    percent: int = 10
    gift: int = 5
    sales: dict[str, Sale] = field(default_factory=dict)
    other_points: Counter[str] = field(default_factory=Counter)
    unrecovered: set[str] = field(default_factory=set)
    vouchers: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=lambda: {consumer: Choice() for consumer in CONSUMERS})

    def balance(self, consumer: str) -> int:
        return self.other_points[consumer] + sum(
            sale.points for sale in self.sales.values() if sale.consumer == consumer
        )

    def gifts(self, consumers: Iterable[str] = CONSUMERS) -> int:
        return sum(sale.gifts for sale in self.sales.values() if sale.consumer in consumers)

    def issued(self, offer: str) -> int:
        return sum(of == offer and status != "cancelled" for of, _, status in self.vouchers.values())

    def set_status(self, code: str, status: str) -> None:
        offer, consumer, _ = self.vouchers[code]
        self.vouchers[code] = (offer, consumer, status)


def pence(text: str) -> int:
    return round(float(text) * 100)


quantities = st.fixed_dictionaries({sku: st.integers(0, 3) for sku in PRICES})
returned_quantities = st.dictionaries(
    st.sampled_from(sorted(PRICES)), st.sampled_from([1, 1, 1, 2, 3]), min_size=1, max_size=2
)


class Tills(RuleBasedStateMachine):
    """A shop and its model; each rule acts on both."""

    sold = Bundle("sold")
    shops = 0

    def __init__(self) -> None:
        super().__init__()
        Tills.shops += 1
        self.shop: Shop = make_shop(f"shop{Tills.shops}")
        self.model = ShopModel()
        self.calls = 0
        self.answered: list[tuple[str, Json, Json]] = []
        for consumer in CONSUMERS:
            self.shop.member(consumer)
        for sku in PRICES:
            self.shop.product(sku)
        self.shop.offer("coffee", stock=STOCK)
        self.shop.offer("mug", kind="tiered", point_cost=MUG, benefit="external", value=None, stock=MUGS)
        self.shop.promotion("thanks", kind="redeem_offer", outcome={"offer": "coffee", **self._on("TEA")})
        self._put_gift()
        self._put_percent()
        for consumer in CONSUMERS:
            self.shop.listed(
                "PP", *LISTED, consumer_id=consumer, maximum_distinct_products=1, lock_after_first_apply=True
            )
        self.shop.discount("yours", make_set(personalized_promotion="PP"), value="50")

    @staticmethod
    def _on(sku: str) -> Json:
        rules = {"match": "all", "rules": [{"attribute": "sku", "operator": "is", "value": sku}]}
        return {"product_selection": {"match": "any", "sets": [{"name": sku, "rules": rules}]}}

    def _put_gift(self) -> None:
        self.shop.promotion(
            "gift",
            outcome={"points": self.model.gift, **self._on("CAKE"), "quantity_rule": {"apply_to": "every", "units": 1}},
            total_redemption_limit=TOTAL_LIMIT,
            customer_redemption_limit=CUSTOMER_LIMIT,
        )

    def _put_percent(self) -> None:
        self.shop.discount("tenth", make_set(products=["TEA"]), value=str(self.model.percent))

    def _reference(self) -> str:
        self.calls += 1
        return f"N{self.calls}"

    def _ask(self, path: str, body: Json, *, status: int) -> Json:
        answer = self.shop.call("post", path, body, role="manager")
        assert answer.status_code == status, (answer.status_code, answer.content)
        if status == 201 and path.startswith("transactions"):
            self.answered.append((path, body, answer.json()))
        return answer.json()

    # --- what happens -----------------------------------------------------------------------------------------------

    @rule(target=sold, consumer=st.sampled_from(CONSUMERS), bought=quantities, presented=st.none() | st.integers(0, 9))
    def sells(self, consumer: str, bought: dict[str, int], presented: int | None) -> str:
        assume(any(bought.values()))
        model, reference = self.model, self._reference()
        code = ""
        if presented is not None and model.vouchers:
            code = list(model.vouchers)[presented % len(model.vouchers)]
        offer, *state = model.vouchers.get(code, ("",))
        good = state == [consumer, "issued"]
        choice = model.choices[consumer]
        sale = Sale(
            reference=reference,
            consumer=consumer,
            left=Counter(bought),
            percent=model.percent,
            gift=model.gift,
            gifts=0,
            yours=choice.sku or next((sku for sku in LISTED if bought[sku]), ""),
            voucher=code if good else "",
            off=100 if good and offer == "coffee" else 0,
        )
        if model.gift:
            free = min(TOTAL_LIMIT - model.gifts(), CUSTOMER_LIMIT - model.gifts([consumer]))
            sale.gifts = min(bought["CAKE"], free)
        sale.paid, sale.base = sale.net, sale.net // 100
        thanked = bought["TEA"] > 0 and model.issued("coffee") < STOCK
        if not choice.sku and sale.yours:
            model.choices[consumer] = Choice(sku=sale.yours, made_by=reference)
        if sale.voucher:
            model.set_status(sale.voucher, "redeemed")
        model.sales[reference] = sale

        lines = [make_line(sku, str(count), f"{PRICES[sku] / 100:.2f}") for sku, count in bought.items() if count]
        body = make_basket(
            reference=reference, consumer=consumer, occurred_at=None, sold=lines, vouchers=[code] if code else []
        )
        answer = self._ask("transactions", body, status=201)
        issued = [voucher["code"] for voucher in answer["vouchers_issued"]]
        assert len(issued) == thanked
        for sale.thanks in issued:
            model.vouchers[sale.thanks] = ("coffee", consumer, "issued")
        assert pence(answer["net_total_inc_tax"]) == sale.net
        assert answer["points"]["total"] == sale.points
        assert answer["points"]["balance"] == model.balance(consumer)
        return reference

    @rule(reference=sold, back=returned_quantities)
    def takes_back(self, reference: str, back: dict[str, int]) -> None:
        sale = self.model.sales[reference]
        path = f"transactions/{reference}/returns"
        body = make_return(self._reference(), **{sku: str(count) for sku, count in back.items()})
        if sale.status == "voided":
            self._ask(path, body, status=409)
        elif Counter(back) - sale.left:
            self._ask(path, body, status=400)
        else:
            previewed = self.shop.call("post", f"{path}?preview=true", body).json()
            answer = self._expect_return(sale, Counter(back), path, body)
            assert previewed == answer

    @rule(reference=sold)
    def voids(self, reference: str) -> None:
        sale = self.model.sales[reference]
        path, body = f"transactions/{reference}/void", {"reference": self._reference()}
        if sale.status == "voided":
            self._ask(path, body, status=409)
            return
        choice = self.model.choices[sale.consumer]
        if choice.made_by == reference:
            self.model.choices[sale.consumer] = Choice()
        self._expect_return(sale, Counter(sale.left), path, body)
        sale.status = "voided"

    def _expect_return(self, sale: Sale, back: Counter[str], path: str, body: Json) -> Json:
        model, points, cancelled, spent = self.model, sale.points, [], []
        sale.left -= back
        sale.gifts = min(sale.gifts, sale.left["CAKE"])
        if sale.thanks and not sale.left["TEA"]:
            if model.vouchers[sale.thanks][2] == "issued":
                model.set_status(sale.thanks, "cancelled")
                cancelled.append(sale.thanks)
            else:
                spent.append(sale.thanks)
                model.unrecovered.add(sale.thanks)
            sale.thanks = ""
        refund, sale.paid = max(0, sale.paid - sale.net), min(sale.paid, sale.net)
        sale.base = sale.paid // 100
        sale.status = "partly_returned"
        if not sale.left.total():
            sale.status = "returned"
            if sale.voucher in model.unrecovered:
                model.set_status(sale.voucher, "cancelled")
                cancelled.append(sale.voucher)
            elif sale.voucher:
                model.set_status(sale.voucher, "issued")
            sale.voucher = ""
        answer = self._ask(path, body, status=201)
        assert pence(answer["refund_due"]) == refund
        assert answer["reversed"]["points"] == points - sale.points
        assert answer["reversed"]["vouchers_cancelled"] == cancelled
        assert answer["reversed"]["vouchers_already_redeemed"] == spent
        assert answer["points"]["balance"] == model.balance(sale.consumer)
        return answer

    @precondition(lambda self: self.answered)
    @rule(place=st.integers(0, 99))
    def asks_again(self, place: int) -> None:
        path, body, first = self.answered[place % len(self.answered)]
        assert self._ask(path, body, status=200) == first

    @rule(consumer=st.sampled_from(CONSUMERS), points=st.sampled_from([-30, -1, 1, 8, 25]))
    def adjusts(self, consumer: str, points: int) -> None:
        body = {"reference": self._reference(), "points": points, "description": "By hand"}
        self.model.other_points[consumer] += points
        self._ask(f"consumers/{consumer}/points-adjustments", body, status=201)

    @rule(consumer=st.sampled_from(CONSUMERS))
    def claims(self, consumer: str) -> None:
        model = self.model
        can = model.balance(consumer) >= MUG and model.issued("mug") < MUGS
        body = {"reference": self._reference(), "offer": "mug"}
        answer = self._ask(f"consumers/{consumer}/claims", body, status=201 if can else 409)
        if can:
            model.other_points[consumer] -= MUG
            model.vouchers[answer["voucher"]["code"]] = ("mug", consumer, "issued")

    @rule(consumer=st.sampled_from(CONSUMERS), sku=st.sampled_from(LISTED))
    def chooses(self, consumer: str, sku: str) -> None:
        choice = self.model.choices[consumer]
        status = 409 if choice.sku not in ("", sku) else 200
        path = f"personalized-promotions/PP/consumers/{consumer}/selection"
        assert self.shop.call("put", path, {"products": [sku]}).status_code == status
        if not choice.sku:
            self.model.choices[consumer] = Choice(sku=sku)

    @rule(points=st.none() | st.sampled_from([1, 9]), percent=st.sampled_from([10, 33, 50]))
    def edits(self, points: int | None, percent: int) -> None:
        model = self.model
        if points and model.gift:
            model.gift = points
            self._put_gift()
        elif model.percent:
            model.percent = percent
            self._put_percent()

    @precondition(lambda self: self.calls > 15)
    @rule(name=st.sampled_from(["gift", "percent"]))
    def stops(self, name: str) -> None:
        if getattr(self.model, name):
            setattr(self.model, name, 0)
            path = {"gift": "promotions/gift/stop", "percent": "discounts/tenth/stop"}[name]
            assert self.shop.call("post", path, {}, role="manager").status_code == 200

    # --- what must be true at any time --------------------------------------------------------------------------------

    @invariant()
    def database_agrees_with_the_model(self) -> None:
        model, account = self.model, self.shop.account
        assert not [difference for difference in ledger_differences() if difference.account == account.code]
        balances = dict(Consumer.objects.filter(account=account).values_list("consumer_id", "points_balance"))
        assert balances == {consumer: model.balance(consumer) for consumer in CONSUMERS}
        assert Promotion.objects.get(account=account, code="gift").redemptions == model.gifts()
        used = PromotionUsage.objects.filter(consumer__account=account, promotion__code="gift", redemptions__gt=0)
        assert dict(used.values_list("consumer__consumer_id", "redemptions")) == {
            consumer: model.gifts([consumer]) for consumer in CONSUMERS if model.gifts([consumer])
        }
        offers = Offer.objects.filter(account=account).values_list("code", "issued")
        assert dict(offers) == {offer: model.issued(offer) for offer in ("coffee", "mug")}
        vouchers = Voucher.objects.filter(account=account)
        assert {
            code: (offer, consumer, status)
            for code, offer, consumer, status in vouchers.values_list(
                "code", "offer__code", "consumer__consumer_id", "status"
            )
        } == model.vouchers
        sales = Transaction.objects.filter(account=account)
        assert {
            reference: (status, int(net * 100), int(paid * 100), base, promotion)
            for reference, status, net, paid, base, promotion in sales.values_list(
                "reference", "status", "net_total_inc_tax", "paid", "base_points", "promotion_points"
            )
        } == {
            sale.reference: (sale.status, sale.net, sale.paid, sale.base, sale.gifts * sale.gift)
            for sale in model.sales.values()
        }
        lists = PersonalizedList.objects.filter(promotion__account=account)
        assert {
            consumer: (selected, locked)
            for consumer, selected, locked in lists.values_list("consumer__consumer_id", "selected", "locked")
        } == {
            consumer: ([choice.sku] if choice.sku else [], bool(choice.sku))
            for consumer, choice in model.choices.items()
        }


def test_any_sequence_of_calls_agrees_with_the_model() -> None:
    run_state_machine_as_test(
        Tills,
        settings=hypothesis_settings(
            max_examples=20,
            stateful_step_count=25,
            phases=[Phase.generate],  # to make a failing sequence shorter would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
