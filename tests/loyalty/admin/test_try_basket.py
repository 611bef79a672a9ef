"""Trying a basket in the back office: the engine's own decision, with a draft counted in, and nothing written."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consumers.choices import StaffRole
from consumers.models import Consumer
from loyalty.admin.try_basket.decision import AppliedRow, RefusalRow, TriedDecision, Verdict
from loyalty.models import LedgerEntry, Transaction, TriedBasket, Voucher
from promotions.models import PersonalizedPromotion, Product, Promotion
from promotions.services.personalized.lists import personalized_list_add
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


def basket(*skus: str, **values: Any) -> dict[str, Any]:
    """Return the form as a browser sends it: one unit of each SKU at the retail price, at the first site."""
    sent: dict[str, Any] = {"site": "acme-001", "currency": "GBP", "at": "", "consumer": "acme-c1"}
    sent |= {"lines-TOTAL_FORMS": str(len(skus)), "lines-INITIAL_FORMS": "0"}
    for index, sku in enumerate(skus):
        sent |= {f"lines-{index}-sku": sku, f"lines-{index}-quantity": "1"}
    return sent | values


def post_basket(office: Office, *skus: str, **values: Any) -> Any:
    """Post a basket and return the response."""
    return office.client.post(reverse("try_basket"), basket(*skus, **values))


def decision_on(office: Office, *skus: str, **values: Any) -> TriedDecision:
    decision: TriedDecision = post_basket(office, *skus, **values).context["decision"]
    return decision


def verdict_on(office: Office, *skus: str, **values: Any) -> Verdict:
    verdict = decision_on(office, *skus, **values).verdict
    assert verdict is not None
    return verdict


def codes_of(rows: Sequence[AppliedRow] | Sequence[RefusalRow]) -> set[str]:
    return {row.promotion.code for row in rows}


def test_a_basket_shows_promotions_that_apply_and_reasons_of_those_that_do_not(office: Office) -> None:
    decision = decision_on(office, "acme-p1")
    assert codes_of(decision.applied) == {"acme-fixed-1", "acme-voucher-1"}
    (refusal,) = decision.refused
    assert (refusal.promotion.code, refusal.check) == ("acme-discount-1", "No matching products")
    assert decision.total == "3.00 GBP"


def test_products_and_lists_are_shown_by_name(office: Office) -> None:
    PersonalizedPromotion.objects.create(account=office.account, backend_id="PP-7", name="Your teas")
    personalized_list_add(account_id=office.account.pk, backend_id="PP-7", consumer_id="acme-c1", products=["acme-p1"])
    save_discount(
        office.account,
        code="treat",
        product_sets=[{"personalized_promotion": "PP-7", "required_quantity": 1, "gets_discount": True}],
    )
    response = post_basket(office, "acme-p1")
    decision = response.context["decision"]
    assert "The consumer has not chosen from the list of “Your teas” yet." in decision.notes
    product = Product.objects.get(sku="acme-p1")
    assert decision.lines[0].name == product.name
    assert f"{product.name} <span" in response.content.decode()


def test_a_large_number_of_points_is_grouped(office: Office) -> None:
    save_promotion(office.account, code="many", outcome={"points": 12345})
    points = {row.promotion.code: row.points for row in decision_on(office, "acme-p1").applied}
    assert points["many"] == "12,345"


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        (
            {"budget": {"amount": "30", "when_short": "cut"}},
            "It applies once: 30 points, all that was left of the budget.",
        ),
        (
            {"budget": {"amount": "30"}},
            "It does not apply. The budget of 30 points has 30 points left, and this basket needs 50 points.",
        ),
        ({"budget": {"amount": "0"}}, "It does not apply. The budget of 0 points is used up."),
        (
            {"customer_budget": {"amount": "40", "period": "week"}},
            (
                "It does not apply. The customer's budget of 40 points a week has 40 points left,"
                " and this basket needs 50 points."
            ),
        ),
    ],
)
def test_a_budget_that_is_short_is_explained(office: Office, budget: dict[str, Any], sentence: str) -> None:
    tried = save_promotion(office.account, code="tried", eligibility={"always_apply": True}, **budget)
    answer = post_basket(office, "acme-p1", promotion=str(tried.pk))
    assert answer.context["decision"].verdict == Verdict(applies="applies once" in sentence, sentence=sentence)
    is_cut = "all that was left" in sentence
    assert ("Cut to what was left of the budget" in answer.content.decode()) == is_cut


def test_the_page_opens_at_the_decision(office: Office) -> None:
    page = office.client.get(reverse("try_basket")).content.decode()
    assert f'action="{reverse("try_basket")}#decision" class="try-form"' in page
    assert '<section id="decision"' in post_basket(office, "acme-p1").content.decode()
    assert post_basket(office, "acme-p1", _keep="1", name="Tea")["Location"].endswith("#decision")


def test_a_draft_is_evaluated_only_on_its_own_page(office: Office) -> None:
    draft = save_promotion(office.account, code="draft", draft=True, outcome={"points": 900})
    decision = decision_on(office, "acme-p1", promotion=str(draft.pk))
    assert decision.verdict == Verdict(applies=True, sentence="It applies once: 900 points.")
    assert "acme-fixed-1" in codes_of(decision.refused)
    without_draft = decision_on(office, "acme-p1")
    assert "draft" in codes_of(without_draft.refused)
    assert "acme-fixed-1" in codes_of(without_draft.applied)


def test_what_is_not_live_then_is_folded_below_what_is_useful(office: Office) -> None:
    now, day = timezone.now(), timedelta(days=1)
    draft = save_promotion(office.account, code="draft", draft=True)
    save_promotion(office.account, code="past", starts_at=now - 9 * day, ends_at=now - 8 * day)
    save_promotion(office.account, code="next", starts_at=now + day)
    save_promotion(office.account, code="rival", name="Rival", outcome={"points": 1})
    answer = post_basket(office, "acme-p1")
    decision = answer.context["decision"]
    assert codes_of(decision.refused_shown) == {"acme-discount-1", "rival"}
    assert codes_of(decision.refused_folded) == {"draft", "past", "next"}
    page = answer.content.decode()
    assert "Not live at that time: 3" in page
    assert page.index("Rival") < page.index('<details class="folded-rows">') < page.index("It is a draft.")
    tried = decision_on(office, "acme-p1", promotion=str(Promotion.objects.get(code="past").pk))
    assert "past" in codes_of(tried.refused_shown), "the one that is tried"
    assert draft.code in codes_of(tried.refused_folded)


def test_the_page_of_a_draft_proposes_a_time_within_its_period(office: Office) -> None:
    draft = save_promotion(office.account, code="later", draft=True, starts_at=timezone.now() + timedelta(days=9))
    page = office.client.get(f"{reverse('try_basket')}?promotion={draft.pk}")
    shown = page.context["form"]["at"].value().strftime("%Y-%m-%dT%H:%M")
    assert verdict_on(office, "acme-p1", promotion=str(draft.pk), at=shown).applies
    verdict = verdict_on(office, "acme-p1", promotion=str(draft.pk))
    assert verdict == Verdict(applies=False, sentence="It does not apply. It has not started.")


def test_the_single_unmet_rule_is_described(office: Office) -> None:
    tree = {"match": "all", "rules": [{"attribute": "source", "operator": "is", "value": "web"}]}
    web = save_promotion(office.account, code="web", eligibility={"transaction_rules": tree})
    verdict = verdict_on(office, "acme-p1", promotion=str(web.pk), source="shop")
    assert verdict.sentence == (
        "It does not apply. Not for this transaction. It is only for customers with the source web."
    )


def test_all_rules_are_described_where_more_than_one_is_unmet(office: Office) -> None:
    rules = [{"attribute": "source", "operator": "is", "value": value} for value in ("web", "app")]
    tree = {"match": "all", "rules": rules}
    web = save_promotion(office.account, code="web", eligibility={"transaction_rules": tree})
    sentence = verdict_on(office, "acme-p1", promotion=str(web.pk), source="shop").sentence
    assert "It is only for customers with the source web, and with the source app." in sentence


def test_a_past_moment_is_evaluated_with_the_promotions_of_that_time(office: Office) -> None:
    before = timezone.localtime(timezone.now() - timedelta(days=40)).strftime("%Y-%m-%dT%H:%M")
    decision = decision_on(office, "acme-p1", at=before)
    assert codes_of(decision.applied) == set()
    assert {refusal.check for refusal in decision.refused} == {"Scheduled"}


def test_trying_a_basket_writes_nothing(office: Office) -> None:
    def state() -> list[Any]:
        tables = (LedgerEntry, Transaction, Voucher, TriedBasket)
        return [model.objects.count() for model in tables] + list(Consumer.objects.values_list("points_balance"))

    before = state()
    assert decision_on(office, "acme-p1").applied
    assert state() == before


def test_a_saved_basket_is_tried_again_with_its_promotion(office: Office) -> None:
    draft = save_promotion(office.account, code="draft", draft=True)
    values = {"lines-0-unit_price_inc_tax": "12.50", "lines-0-quantity": "2"}
    response = post_basket(office, "acme-p1", promotion=str(draft.pk), _keep="1", name="Two teas", **values)
    assert TriedBasket.objects.get().promotion == draft
    again = office.client.get(response["Location"])
    assert again.context["promotion"].pk == draft.pk
    assert again.context["decision"].total == "25.00 GBP"
    assert again.context["form"].initial["lines"][0]["unit_price_inc_tax"] == "12.5"
    assert [basket.name for basket in again.context["baskets"]] == ["Two teas"]
    assert not office.client.get(reverse("try_basket")).context["baskets"]


def test_a_saved_basket_whose_site_is_gone_shows_the_error(office: Office) -> None:
    post_basket(office, "acme-p1", _keep="1", name="Elsewhere", at="2026-05-01T10:00")
    saved = TriedBasket.objects.get()
    saved.basket["site"] = "gone"
    saved.save()
    page = office.client.get(f"{reverse('try_basket')}?basket={saved.pk}")
    assert page.context["decision"] is None
    assert page.context["form"].errors["site"] == ["There is no site gone."]


def test_a_saved_basket_can_be_deleted(office: Office) -> None:
    post_basket(office, "acme-p1", _keep="1", name="Tea")
    office.client.post(reverse("try_basket"), {"_forget": str(TriedBasket.objects.get().pk)})
    assert not TriedBasket.objects.exists()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"site": "nowhere"}, "site", "There is no site nowhere."),
        ({"consumer": "nobody"}, "consumer", "There is no consumer nobody."),
        ({"lines-TOTAL_FORMS": "0"}, "lines", "Add at least one line."),
        ({"lines-0-sku": "unknown"}, "lines", "Correct the highlighted rows."),
        ({"lines-0-sku": "a\x00b"}, "lines", "Correct the highlighted rows."),
        ({"lines-0-unit_price_inc_tax": "1.00005"}, "lines", "Correct the highlighted rows."),
        ({"lines-0-unit_price_inc_tax": "-1.00"}, "lines", "Correct the highlighted rows."),
        ({"lines-0-quantity": "0"}, "lines", "Correct the highlighted rows."),
        ({"currency": "XXQ"}, "currency", "Select a valid choice. XXQ is not one of the available choices."),
    ],
)
def test_each_error_is_shown_at_its_field(office: Office, values: dict[str, str], field: str, words: str) -> None:
    answer = post_basket(office, "acme-p1", **values)
    assert answer.status_code == 200
    assert answer.context["decision"] is None
    assert answer.context["form"].errors[field] == [words]


@pytest.mark.parametrize("wanted", ["promotion=0", "promotion=x", "basket=0", "basket=x"])
def test_an_unknown_promotion_or_basket_is_not_found(office: Office, wanted: str) -> None:
    assert office.client.get(f"{reverse('try_basket')}?{wanted}").status_code == 404


def test_baskets_and_promotions_of_another_account_cannot_be_tried(office: Office) -> None:
    theirs = make_office("theirs")
    promotion = save_promotion(theirs.account, draft=True)
    office.client.post(reverse("try_basket"), basket("acme-p1", _keep="1", name="Ours"))
    saved = TriedBasket.objects.get()
    assert office.client.get(f"{reverse('try_basket')}?promotion={promotion.pk}").status_code == 404
    assert theirs.client.get(f"{reverse('try_basket')}?basket={saved.pk}").status_code == 404
    assert theirs.client.post(reverse("try_basket"), {"_forget": str(saved.pk)}).status_code == 404
    answer = theirs.client.post(reverse("try_basket"), basket("acme-p1", **{"lines-0-unit_price_inc_tax": "1"}))
    assert answer.context["form"].errors["site"] == ["There is no site acme-001."]


def test_a_viewer_may_try_baskets_but_not_save_them(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    assert decision_on(viewer, "acme-p1").applied
    assert post_basket(viewer, "acme-p1", _keep="1", name="Mine").status_code == 403
    assert not TriedBasket.objects.exists()
    assert viewer.client.post(reverse("try_basket"), {"_forget": "1"}).status_code == 403


def test_the_page_takes_a_fixed_number_of_statements(office: Office) -> None:
    def queries() -> int:
        post_basket(office, "acme-p1", "acme-p1")  # The rulebook of this version is read once.
        with CaptureQueriesContext(connection) as counted:
            assert post_basket(office, "acme-p1", "acme-p1").status_code == 200
        return len(counted)

    few = queries()
    for n in range(6):
        save_promotion(office.account, code=f"more-{n}", outcome={"points": n + 1})
        TriedBasket.objects.create(
            account=office.account, name=f"B{n}", basket={}, created_at=timezone.now(), created_by=office.user
        )
    # Session, user, membership with its role, accounts; names of the form's and of the decision; prices, the sale, kept
    # ones.
    assert (few, queries()) == (11, 11)


def test_a_promotions_page_links_to_trying_it_on_a_basket(office: Office) -> None:
    promotion = save_promotion(office.account, code="mine")
    answer = office.page("loyalty_loyaltypromotion_try_it", promotion.pk)
    assert (answer.status_code, answer["Location"]) == (302, f"{reverse('try_basket')}?promotion={promotion.pk}")


def test_a_price_without_tax_may_differ(office: Office) -> None:
    tree = {"match": "all", "rules": [{"attribute": "total_ex_tax", "operator": "is", "value": "2.00"}]}
    save_promotion(office.account, code="net", eligibility={"transaction_rules": tree, "always_apply": True})
    prices = {"lines-0-unit_price_inc_tax": "2.40", "lines-0-unit_price_ex_tax": "2.00"}
    assert "net" in codes_of(decision_on(office, "acme-p1", **prices).applied)
    assert "net" not in codes_of(decision_on(office, "acme-p1").applied)


def test_lines_say_how_they_count(office: Office) -> None:
    Product.objects.create(account=office.account, sku="apples", sold_by="weight", retail_price=2)
    values = {"lines-1-no_points": "on", "lines-2-no_discount": "on", "lines-2-weighed": "yes"}
    lines = decision_on(office, "apples", "acme-p1", "acme-p1", "acme-p1", **values).lines
    assert [line.traits for line in lines] == ["weighed", "no points", "weighed, no discount", ""]
