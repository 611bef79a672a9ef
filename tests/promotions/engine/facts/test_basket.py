"""Lines, the unit groups of equal units that they form, and weighed goods."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from promotions.engine.facts.basket import Basket, Line, ProductFacts
from tests.promotions.engine.builders import line, make_basket


def unit_groups(basket: Basket) -> list[tuple[str, int, int]]:
    return [(unit_group.sku, int(unit_group.unit_inc_tax), unit_group.units) for unit_group in basket.unit_groups]


def test_units_of_one_sku_and_price_form_one_unit_group_however_many_lines_hold_them() -> None:
    basket = make_basket(line("B", 2), line("A", 1), line("B", 3), line("B", 1, "9.00"))
    assert unit_groups(basket) == [("A", 1000, 1), ("B", 900, 1), ("B", 1000, 5)]
    assert [unit_group.lines for unit_group in basket.unit_groups] == [(1,), (3,), (0, 2)]


def test_price_tax_category_and_brand_each_separate_unit_groups() -> None:
    basket = make_basket(
        line("A"), line("A", ex_tax="8.00"), line("A", category="Tea"), line("A", brand="Acme"), line("A", price="1.00")
    )
    assert len(basket.unit_groups) == 5
    assert {unit_group.item.quantity for unit_group in basket.unit_groups} == {5}


def test_what_the_line_carries_separates_unit_groups_but_not_the_facts_of_a_known_product() -> None:
    products = {"A": ProductFacts(category="Tea")}
    basket = make_basket(line("A", category="x"), line("A", category="y"), products=products)
    assert [unit_group.item.category for unit_group in basket.unit_groups] == ["tea", "tea"]


def test_a_fractional_quantity_is_one_unit_worth_the_whole_line() -> None:
    basket = make_basket(line("A", "0.333", "3.00", ex_tax="2.50"), line("A", "1.5", "3.00"))
    assert unit_groups(basket) == [("A", 100, 1), ("A", 450, 1)]
    assert [unit_group.unit_ex_tax for unit_group in basket.unit_groups] == [83, 450]
    assert (basket.total_inc_tax, basket.total_ex_tax) == (Decimal("5.50"), Decimal("5.33"))


def test_a_half_penny_of_weighed_goods_is_rounded_up() -> None:
    assert make_basket(line("A", "0.5", "0.05")).total_inc_tax == Decimal("0.03")


def test_each_weighed_line_is_a_run_of_its_own_after_its_equals() -> None:
    basket = make_basket(line("A", "0.5", "4.00"), line("A", 3, "4.00"), line("A", "0.500", "4.00"))
    assert unit_groups(basket) == [("A", 400, 3), ("A", 200, 1), ("A", 200, 1)]


def test_a_whole_quantity_written_with_decimals_counts_as_units() -> None:
    assert unit_groups(make_basket(line("A", "3.000"))) == [("A", 1000, 3)]


def test_a_million_units_are_one_unit_group() -> None:
    assert unit_groups(make_basket(line("A", 1_000_000))) == [("A", 1000, 1_000_000)]


LINES = st.lists(
    st.builds(
        line,
        st.sampled_from(["A", "B", "a"]),
        st.integers(1, 4) | st.sampled_from(["0.5", "1.25"]),
        st.sampled_from(["1.00", "2.00"]),
        ex_tax=st.sampled_from([None, "0.90"]),
        category=st.sampled_from(["", "Tea"]),
    ),
    min_size=1,
    max_size=6,
)


def facts(basket: Basket) -> list[object]:
    return [
        (
            unit_group.ordinal,
            unit_group.sku,
            unit_group.unit_inc_tax,
            unit_group.unit_ex_tax,
            unit_group.units,
            unit_group.item,
        )
        for unit_group in basket.unit_groups
    ]


@given(LINES, st.randoms(use_true_random=False))
def test_unit_groups_do_not_depend_on_the_order_of_lines(lines: list[Line], random: st.DataObject) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert facts(make_basket(*lines)) == facts(make_basket(*shuffled))


@given(LINES)
def test_unit_groups_have_every_unit_and_all_the_value_of_the_basket(lines: list[Line]) -> None:
    basket = make_basket(*lines)
    assert sum(unit_group.quantity for unit_group in basket.unit_groups) == sum(row.quantity for row in lines)
    assert sum(unit_group.total_inc_tax for unit_group in basket.unit_groups) == basket.total_minor
    assert sum(basket.line_totals) == basket.total_minor
    assert sorted(position for unit_group in basket.unit_groups for position in unit_group.lines) == list(
        range(len(lines))
    )
