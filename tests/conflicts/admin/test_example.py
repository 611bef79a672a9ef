"""The example on the page of the conflict settings: the engine decides it again after every change."""

from typing import Any

import pytest

from conflicts.analysis.settings_example import example_rows
from conflicts.models import ConflictSettings
from conflicts.resolver import Policy
from consumers.choices import StaffRole
from tests.consumers.admin.office import Office, make_office

SETTINGS = {
    "promotion_bias": "max_customer_saving",
    "promotions_per_type": "1",
    "promotion_age": "newest",
    "discount_combination": "ranked",
}


def example_outcomes(**policy_fields: Any) -> dict[str, str]:
    return {row.name: row.outcome for row in example_rows(Policy(**policy_fields))}


def winning_promotions(**policy_fields: Any) -> list[str]:
    return [row.name for row in example_rows(Policy(**policy_fields)) if row.applies]


def test_by_default_the_greatest_saving_and_then_the_newest_wins() -> None:
    outcomes = example_outcomes()
    assert outcomes["Easter points"] == "gives 80 points"
    assert outcomes["Spring points"] == "loses to Easter points, which saves the same and is newer"
    assert outcomes["Welcome points"] == "loses to Easter points, which saves the customer more"


@pytest.mark.parametrize(
    ("policy_fields", "winners"),
    [
        ({"promotion_bias": "min_customer_saving"}, {"Welcome points"}),
        ({"promotion_age": "oldest"}, {"Spring points"}),
        ({"promotions_per_type": 2}, {"Easter points", "Spring points"}),
        ({"promotions_per_type": 3}, {"Easter points", "Spring points", "Welcome points"}),
    ],
)
def test_each_setting_changes_who_wins(policy_fields: dict[str, Any], winners: set[str]) -> None:
    assert {name for name in winning_promotions(**policy_fields) if name.endswith("points")} == winners


def test_reasons_follow_the_settings() -> None:
    outcomes = example_outcomes(promotion_bias="min_customer_saving")
    assert outcomes["Easter points"] == "loses to Welcome points, which saves the customer less"
    outcomes = example_outcomes(promotion_age="oldest")
    assert outcomes["Easter points"] == "loses to Spring points, which saves the same and is older"


def test_discounts_share_units_and_a_limit_of_one_keeps_the_first() -> None:
    def discounts(**policy_fields: Any) -> list[str]:
        return [name for name in winning_promotions(**policy_fields) if not name.endswith("points")]

    assert discounts() == ["Three for two on shampoo", "10% off everything"]
    assert example_outcomes()["1.00 off coffee"] == "loses to 10% off everything, which saves the customer more"
    assert discounts(discounts_per_transaction=1) == ["Three for two on shampoo"]


def test_the_best_total_gives_the_discounts_that_save_more_together() -> None:
    outcomes = example_outcomes(discount_combination="best_total")
    assert outcomes["Three for two on shampoo"] == "takes 4.00 off"
    assert outcomes["1.00 off coffee"] == "takes 1.00 off"
    lost = "loses to Three for two on shampoo and 1.00 off coffee, so that the customer saves more in total"
    assert outcomes["10% off everything"] == lost
    least = example_outcomes(discount_combination="best_total", promotion_bias="min_customer_saving")
    assert least["10% off everything"] == "takes 2.00 off"


@pytest.mark.django_db
def test_the_page_shows_the_example_under_the_saved_settings_and_under_those_in_the_form() -> None:
    office = make_office()
    ConflictSettings.objects.create(account=office.account, promotion_age="oldest")
    page = office.page("conflicts_conflictsettings_change", office.account.pk)
    assert {row.name for row in page.context["rows"] if row.applies} >= {"Spring points"}
    assert 'hx-post="/admin/conflicts/conflictsettings/example/"' in page.content.decode()
    answer = office.post("conflicts_conflictsettings_example", **SETTINGS)
    assert {row.name for row in answer.context["rows"] if row.applies} >= {"Easter points"}
    assert ConflictSettings.objects.get().promotion_age == "oldest"


@pytest.mark.django_db
def test_invalid_settings_show_no_example() -> None:
    office = make_office()
    answer = office.post("conflicts_conflictsettings_example", **(SETTINGS | {"promotions_per_type": "0"}))
    assert answer.context["rows"] == []
    assert "Fix the settings" in answer.content.decode()


@pytest.mark.django_db
def test_a_viewer_may_post_for_the_example_but_get_is_not_allowed() -> None:
    viewer: Office = make_office().login(StaffRole.VIEWER)
    assert viewer.post("conflicts_conflictsettings_example", **SETTINGS).status_code == 200
    assert viewer.page("conflicts_conflictsettings_example").status_code == 405
