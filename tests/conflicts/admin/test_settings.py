"""Conflict management: one page for the account."""

import pytest

from conflicts.models import ConflictSettings
from consumers.choices import StaffRole
from tests.consumers.admin.office import Office, make_office

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Office:
    return make_office()


def page_of(office: Office) -> str:
    return str(office.page("conflicts_conflictsettings_changelist")["Location"])


def test_an_account_without_settings_is_shown_the_defaults(office: Office) -> None:
    page = office.client.get(page_of(office))
    form = page.context["adminform"].form
    assert (form["promotion_bias"].value(), form["promotions_per_type"].value()) == ("max_customer_saving", 1)
    assert not ConflictSettings.objects.exists(), "a look writes nothing"


def test_the_labels_are_in_the_marketers_words(office: Office) -> None:
    form = office.client.get(page_of(office)).context["adminform"].form
    assert [field.label for field in form.fields.values()] == [
        "Promotion bias",
        "Number of promotions of the same type and subtype that can be applied to a single transaction",
        "Promotion age selection",
        "Discounts per transaction",
        "Discount combination",
    ]


def test_the_settings_are_saved_and_shown_in_their_history(office: Office) -> None:
    values = {
        "promotion_bias": "min_customer_saving",
        "promotions_per_type": "2",
        "promotion_age": "oldest",
        "discount_combination": "ranked",
    }
    assert office.client.post(page_of(office), values).status_code == 302
    assert office.client.post(page_of(office), values | {"discounts_per_transaction": "3"}).status_code == 302
    stored = ConflictSettings.objects.get()
    assert (stored.promotion_bias, stored.promotions_per_type, stored.discounts_per_transaction) == (
        "min_customer_saving",
        2,
        3,
    )
    history = office.page("conflicts_conflictsettings_history", office.account.pk)
    [changed, _] = history.context["entries"]
    assert [(change.label, change.before, change.after) for change in changed.changes] == [
        ("Discounts per transaction", "–", "3")
    ]
    best = values | {"discounts_per_transaction": "3", "discount_combination": "best_total"}
    assert office.client.post(page_of(office), best).status_code == 302
    assert ConflictSettings.objects.get().discount_combination == "best_total"
    [changed, *_] = office.page("conflicts_conflictsettings_history", office.account.pk).context["entries"]
    assert [(change.label, change.before, change.after) for change in changed.changes] == [
        ("Discount combination", "Ranked", "Best total")
    ]


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_at_least_one_promotion_of_a_type_applies(office: Office, number: str) -> None:
    values = {
        "promotion_bias": "max_customer_saving",
        "promotions_per_type": number,
        "promotion_age": "newest",
        "discount_combination": "ranked",
    }
    answer = office.client.post(page_of(office), values)
    assert set(answer.context["adminform"].form.errors) == {"promotions_per_type"}


def test_a_viewer_may_only_view(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    assert viewer.client.get(page_of(office)).status_code == 200
    assert viewer.client.post(page_of(office), {"promotions_per_type": "5"}).status_code == 403
