"""The page of a promotion's conflicts: verdicts, examples and winners."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conflicts.services.settings import ConflictValues, conflict_settings_save
from consumers.author import Author
from loyalty.admin.conflicts import PER_PAGE, ConflictRow
from loyalty.choices import PromotionType
from promotions.models import Product
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office("acme")
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def panel(office: Office, promotion_id: int, page: str = "") -> Any:
    parameters = {"promotion": str(promotion_id), "page": page or "1"}
    return office.client.get(reverse("promotion_conflicts"), parameters)


def conflict_rows(office: Office, promotion_id: int) -> dict[str, ConflictRow]:
    return {row.code: row for row in panel(office, promotion_id).context["rows"]}


def test_a_promotion_is_compared_with_live_and_scheduled_ones_of_its_kind(office: Office) -> None:
    now = timezone.now()
    own = save_promotion(office.account, code="own", draft=True)
    save_promotion(office.account, code="soon", starts_at=now + timedelta(days=2))
    save_promotion(office.account, code="over", starts_at=now - timedelta(days=9), ends_at=now - timedelta(days=1))
    save_promotion(office.account, code="draft", draft=True)
    save_promotion(office.account, code="old", archived=True)
    save_promotion(
        office.account,
        code="bonus",
        type=PromotionType.BONUS_POINTS,
        outcome={"issue_points_on": "currency", "conversion_units": "1", "conversion_points": 1},
    )
    assert set(conflict_rows(office, own.pk)) == {"acme-fixed-1", "soon"}


def test_promotions_that_apply_together_are_not_called_a_clash(office: Office) -> None:
    own = save_promotion(office.account, code="own", outcome={"points": 90})
    values = ConflictValues(promotions_per_type=2)
    conflict_settings_save(account_id=office.account.pk, values=values, author=Author())
    row = conflict_rows(office, own.pk)["acme-fixed-1"]
    assert (row.verdict, row.winner) == ("Both can apply", "Both apply to the example basket.")


def test_a_row_shows_an_example_and_the_winner(office: Office) -> None:
    own = save_promotion(office.account, code="own", name="More", outcome={"points": 90})
    row = conflict_rows(office, own.pk)["acme-fixed-1"]
    assert (row.verdict, row.winner) == ("Can clash", "“More” wins, decided by the customer's saving.")
    assert row.example is not None
    assert row.example.place == "Site 1 of acme"
    assert row.example.lines == ["1 × acme-p1 at 10.00 GBP"]


def test_an_example_formats_dates_like_the_rest_of_the_page(office: Office) -> None:
    born = {"match": "all", "rules": [{"attribute": "date_of_birth", "operator": "is", "value": "1990-03-04"}]}
    own = save_promotion(office.account, code="own", eligibility={"customer_rules": born})
    example = conflict_rows(office, own.pk)["acme-fixed-1"].example
    assert example is not None
    assert "born on 4 Mar 1990" in example.shopper


def test_a_row_explains_why_a_pair_never_conflicts(office: Office) -> None:
    now = timezone.now()
    own = save_promotion(office.account, code="own", ends_at=now + timedelta(days=1))
    save_promotion(office.account, code="later", starts_at=now + timedelta(days=1))
    row = conflict_rows(office, own.pk)["later"]
    assert (row.verdict, row.reason) == ("Never clash", "They never run at the same time.")
    assert row.example is None


def test_catalogue_data_separates_discounts_whatever_the_case_of_the_sku(office: Office) -> None:
    def tree(attribute: str, value: str) -> dict[str, Any]:
        return {"match": "all", "rules": [{"attribute": attribute, "operator": "is", "value": value}]}

    own = save_discount(office.account, code="own", product_sets=[{"name": "A", "rules": tree("sku", "ACME-P1")}])
    save_discount(office.account, code="tea", product_sets=[{"name": "B", "rules": tree("category", "Tea")}])
    save_discount(office.account, code="cake", product_sets=[{"name": "B", "rules": tree("category", "Cake")}])
    others = conflict_rows(office, own.pk)
    assert others["tea"].verdict == "Can clash"
    assert (others["cake"].verdict, others["cake"].reason) == ("Never clash", "No basket can match both.")


def test_an_archived_promotion_conflicts_with_nothing(office: Office) -> None:
    own = save_promotion(office.account, code="own", archived=True)
    page = panel(office, own.pk)
    assert page.context["is_archived"]
    assert "This promotion is archived" in page.content.decode()


def test_many_conflicts_are_shown_page_by_page(office: Office) -> None:
    own = save_promotion(office.account, code="own")
    for n in range(PER_PAGE):
        save_promotion(office.account, code=f"other-{n}")
    assert len(panel(office, own.pk).context["rows"]) == PER_PAGE
    assert len(panel(office, own.pk, "2").context["rows"]) == 1
    assert panel(office, own.pk, "3").status_code == 404
    assert len(panel(office, own.pk, "nonsense").context["rows"]) == PER_PAGE


def test_the_panel_takes_a_fixed_number_of_statements(office: Office) -> None:
    own = save_promotion(office.account, code="own")

    def queries() -> int:
        panel(office, own.pk)  # The rulebook of this version is read once.
        with CaptureQueriesContext(connection) as counted:
            panel(office, own.pk)
        return len(counted)

    few = queries()
    for n in range(5):
        save_promotion(office.account, code=f"other-{n}")
    # Session, user, membership with its role, accounts; the promotion; products for examples.
    assert (few, queries()) == (6, 6)


def test_promotions_of_another_account_are_not_compared(office: Office) -> None:
    theirs = make_office("theirs")
    own = save_promotion(theirs.account, code="theirs")
    assert panel(office, own.pk).status_code == 404
    assert conflict_rows(theirs, own.pk) == {}


def test_a_promotions_page_leads_to_its_conflicts(office: Office) -> None:
    own = save_promotion(office.account, code="own")
    response = office.page("loyalty_loyaltypromotion_conflicts", own.pk)
    assert (response.status_code, response["Location"]) == (302, f"{reverse('promotion_conflicts')}?promotion={own.pk}")


def settings_fragment(office: Office, *, bias: str = "max_customer_saving", combination: str = "ranked") -> Any:
    """Return the part of the settings' page that compares discount combinations, for a form with these values."""
    values = {"promotions_per_type": 1, "promotion_age": "newest"}
    entered = {**values, "promotion_bias": bias, "discount_combination": combination}
    return office.client.post(reverse("lost_saving"), entered)


def test_the_page_shows_where_ranking_costs_customers_money(office: Office) -> None:
    Product.objects.create(account=office.account, sku="acme-p2", name="Second")
    p1, p2 = {"products": ["acme-p1"]}, {"products": ["acme-p2"]}
    bundle = save_discount(
        office.account, code="bundle", name="Both", discount_type="amount", value="6", product_sets=[p1, p2]
    )
    save_discount(office.account, code="one", name="Half of one", value="50", product_sets=[p1])
    save_discount(office.account, code="two", name="Half of two", value="50", product_sets=[p2])
    page = panel(office, bundle.pk)
    lost = page.context["lost_saving"]
    assert (lost.ranked_names, lost.best_names) == ("“Both”", "“Half of two”, “Half of one”")
    assert (lost.ranked, lost.best) == ("6.00 GBP", "10.00 GBP")
    assert "Best total would save customers more" in page.content.decode()
    ranked = settings_fragment(office)
    assert (ranked.context["lost"].ranked, ranked.context["lost"].best) == ("6.00 GBP", "10.00 GBP")
    # As the form is now, saved or not.
    assert "Best total saves customers more" in settings_fragment(office, combination="best_total").content.decode()
    assert settings_fragment(office, bias="min_customer_saving").content.decode().strip() == ""
    conflict_settings_save(
        account_id=office.account.pk, values=ConflictValues(discount_combination="best_total"), author=Author(label="t")
    )
    page = panel(office, bundle.pk)
    assert page.context["lost_saving"] is None
    assert "Best total would save customers more" not in page.content.decode()


def test_without_discounts_ranking_costs_nothing(office: Office) -> None:
    answer = settings_fragment(office)
    assert answer.context["lost"] is None
    assert "we found no such basket" in answer.content.decode()
