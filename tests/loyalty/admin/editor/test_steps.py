"""The steps of a promotion's life, each confirmed in a dialog first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from consumers.choices import StaffRole
from promotions.choices import Status
from promotions.models import Promotion, StatusEvent
from promotions.services.status import statuses_sync
from tests.consumers.admin.office import Office, fill, make_office, save_promotion

pytestmark = pytest.mark.django_db

YES = {"_form_submitted": "True"}


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


PROMOTION_EVALUATION = ("Try it", "Conflicts")
"""Actions that change nothing and are always offered."""


def status_of(promotion: Promotion) -> str:
    return str(Promotion.objects.get(pk=promotion.pk).status_at(timezone.now()))


def steps_offered(office: Office, promotion: Promotion) -> list[str]:
    page = office.page("loyalty_loyaltypromotion_change", promotion.pk)
    return [action["title"] for action in page.context["actions_detail"]]


@pytest.mark.parametrize(
    ("life", "steps"),
    [
        ({"draft": True}, [*PROMOTION_EVALUATION, "Duplicate", "Archive", "Versions", "Uplift"]),
        (
            {"starts_at": timezone.now() + timedelta(days=2)},
            ["Stop", *PROMOTION_EVALUATION, "Duplicate", "Archive", "Versions", "Uplift"],
        ),
        ({}, ["Stop", *PROMOTION_EVALUATION, "Duplicate", "Archive", "Versions", "Uplift"]),
        (
            {"ends_at": timezone.now() - timedelta(hours=1)},
            [*PROMOTION_EVALUATION, "Duplicate", "Archive", "Versions", "Uplift"],
        ),
        ({"archived": True}, ["Stop", *PROMOTION_EVALUATION, "Duplicate", "Bring back", "Versions", "Uplift"]),
    ],
)
def test_only_possible_steps_are_offered(office: Office, life: dict[str, Any], steps: list[str]) -> None:
    assert steps_offered(office, save_promotion(office.account, **life)) == steps


@pytest.mark.parametrize("step", ["stop", "duplicate", "archive", "bring_back"])
def test_opening_the_dialog_changes_nothing(office: Office, step: str) -> None:
    promotion = save_promotion(office.account)
    before = list(Promotion.objects.values())
    answer = office.page(f"loyalty_loyaltypromotion_{step}", promotion.pk, query="?_form_submitted=True")
    assert answer.status_code == 200
    assert list(Promotion.objects.values()) == before


def test_stopping_a_promotion_is_permanent(office: Office) -> None:
    promotion = save_promotion(office.account)
    office.post("loyalty_loyaltypromotion_stop", promotion.pk, **YES)
    assert status_of(promotion) == "stopped"
    answer = office.post("loyalty_loyaltypromotion_stop", promotion.pk, **YES)
    assert answer.status_code == 200
    assert "was stopped" in answer.content.decode()


def test_a_promotion_is_archived_and_brought_back(office: Office) -> None:
    promotion = save_promotion(office.account)
    office.post("loyalty_loyaltypromotion_archive", promotion.pk, **YES)
    assert Promotion.objects.get().archived
    assert "fifty" not in office.page("loyalty_loyaltypromotion_changelist").content.decode()
    office.post("loyalty_loyaltypromotion_bring_back", promotion.pk, **YES)
    assert not Promotion.objects.get().archived


COPY = {**YES, "code": "sixty", "name": "Sixty", "starts_at": "2030-06-01T09:00"}
"""What the dialog sends that asks about a copy."""


def test_a_copy_is_a_draft_with_its_own_code_and_dates(office: Office) -> None:
    promotion = save_promotion(office.account)
    question = office.page("loyalty_loyaltypromotion_duplicate", promotion.pk).content.decode()
    assert 'value="fifty-copy"' in question
    answer = office.post("loyalty_loyaltypromotion_duplicate", promotion.pk, **COPY, ends_at="2030-07-01T09:00")
    copy = Promotion.objects.get(code="sixty")
    assert (copy.draft, copy.outcome, copy.name) == (True, promotion.outcome, "Sixty")
    assert (copy.starts_at, copy.ends_at) == (datetime(2030, 6, 1, 8, tzinfo=UTC), datetime(2030, 7, 1, 8, tzinfo=UTC))
    assert copy.versions.get().definition["ends_at"] == "2030-07-01T08:00:00Z"
    assert answer["Location"] == f"/admin/loyalty/loyaltypromotion/{copy.pk}/change/"


def test_a_copy_of_what_has_ended_proposes_no_end(office: Office) -> None:
    now = timezone.now()
    ended = save_promotion(office.account, starts_at=now - timedelta(days=9), ends_at=now - timedelta(days=1))
    coming = save_promotion(
        office.account, code="next", starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=2)
    )
    proposed = []
    for promotion in (ended, coming):
        form = office.page("loyalty_loyaltypromotion_duplicate", promotion.pk).context["form"]
        proposed.append((form.initial["starts_at"] > promotion.starts_at, form.initial["ends_at"]))
        assert ("The original ended on" in form["ends_at"].help_text) == (promotion is ended)
    assert proposed == [(True, None), (False, coming.ends_at)]


@pytest.mark.parametrize(
    ("ends_at", "problem"),
    [
        ("2020-06-01T09:00", "This end is in the past. Choose a later one, or leave it blank."),
        ("2030-05-01T09:00", "The end must be after the start."),
    ],
)
def test_an_end_that_cannot_be_is_refused_at_the_date_of_the_copy(office: Office, ends_at: str, problem: str) -> None:
    promotion = save_promotion(office.account)
    answer = office.post("loyalty_loyaltypromotion_duplicate", promotion.pk, **COPY, ends_at=ends_at)
    assert answer.context["form"].errors == {"ends_at": [problem]}
    assert Promotion.objects.count() == 1


def test_a_duplicate_code_is_reported_in_the_dialog(office: Office) -> None:
    promotion = save_promotion(office.account)
    answer = office.post("loyalty_loyaltypromotion_duplicate", promotion.pk, **{**COPY, "code": "fifty"})
    assert "A promotion fifty exists already" in answer.content.decode()
    assert Promotion.objects.count() == 1


def test_a_step_in_a_dialog_redirects_the_whole_page(office: Office) -> None:
    promotion = save_promotion(office.account)
    answer = office.client.post(
        f"/admin/loyalty/loyaltypromotion/{promotion.pk}/stop/", YES, headers={"HX-Request": "true"}
    )
    assert answer["HX-Redirect"] == f"/admin/loyalty/loyaltypromotion/{promotion.pk}/change/"


def test_without_scripts_the_dialog_is_a_page(office: Office) -> None:
    promotion = save_promotion(office.account)
    page = office.page("loyalty_loyaltypromotion_stop", promotion.pk).content.decode()
    fragment = office.client.get(
        f"/admin/loyalty/loyaltypromotion/{promotion.pk}/stop/", headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" in page
    assert "<html" not in fragment


@pytest.mark.parametrize(("step", "life"), [("stop", {}), ("archive", {}), ("bring_back", {"archived": True})])
def test_the_reason_of_a_step_is_in_the_history(office: Office, step: str, life: dict[str, Any]) -> None:
    promotion = save_promotion(office.account, **life)
    office.post(f"loyalty_loyaltypromotion_{step}", promotion.pk, reason="The supplier asked for it", **YES)
    page = office.page("loyalty_loyaltypromotion_history", promotion.pk)
    step_entry, created = [entry for entry in page.context["entries"] if entry.who]
    assert (step_entry.who, step_entry.why) == (office.user.username, "The supplier asked for it")
    assert (created.who, created.why) == ("test", "")
    assert "The supplier asked for it" in page.content.decode()


def test_a_step_requires_no_reason_and_refuses_one_that_is_too_long(office: Office) -> None:
    promotion = save_promotion(office.account)
    answer = office.post("loyalty_loyaltypromotion_stop", promotion.pk, reason="x" * 101, **YES)
    assert "at most 100 characters" in answer.content.decode()
    assert status_of(promotion) == "active"


@pytest.mark.parametrize("step", ["stop", "duplicate", "archive", "bring_back"])
def test_a_viewer_takes_no_step(office: Office, step: str) -> None:
    promotion = save_promotion(office.account)
    viewer = office.login(StaffRole.VIEWER)
    assert steps_offered(viewer, promotion) == [*PROMOTION_EVALUATION, "Versions", "Uplift"]
    before = list(Promotion.objects.values())
    answer = viewer.post(f"loyalty_loyaltypromotion_{step}", promotion.pk, code="x", name="x", **YES)
    assert answer.status_code == 403
    assert list(Promotion.objects.values()) == before


def test_a_promotion_that_history_needs_is_not_deleted(office: Office) -> None:
    fill(office.account)
    promotion = Promotion.objects.get(code="acme-fixed-1")
    assert promotion.redemptions == 1
    assert "/delete/" not in office.page("loyalty_loyaltypromotion_change", promotion.pk).content.decode()
    answer = office.post("loyalty_loyaltypromotion_delete", promotion.pk, post="yes")
    assert answer.status_code in (200, 302)
    assert Promotion.objects.filter(pk=promotion.pk).exists()


def test_a_promotion_that_was_never_applied_is_deleted(office: Office) -> None:
    promotion = save_promotion(office.account)
    assert "/delete/" in office.page("loyalty_loyaltypromotion_change", promotion.pk).content.decode()
    assert office.page("loyalty_loyaltypromotion_delete", promotion.pk).status_code == 200
    office.post("loyalty_loyaltypromotion_delete", promotion.pk, post="yes")
    assert not Promotion.objects.exists()


def test_the_history_describes_changes_in_words(office: Office) -> None:
    promotion = save_promotion(office.account)
    save_promotion(office.account, outcome={"points": 60}, name="Sixty points", starts_at=promotion.starts_at)
    office.post("loyalty_loyaltypromotion_stop", promotion.pk, **YES)
    page = office.page("loyalty_loyaltypromotion_history", promotion.pk)
    stopped, edited, created = [entry for entry in page.context["entries"] if entry.who]
    assert created.kind == "Created"
    assert {(field.label, field.before, field.after) for field in edited.changes} >= {
        ("Name", "Fifty points", "Sixty points"),
        ("Points", "50", "60"),
    }
    assert stopped.who == office.user.username


def test_the_history_shows_when_time_changed_the_status(office: Office) -> None:
    start = timezone.now() - timedelta(days=3)
    promotion = save_promotion(office.account, starts_at=start, ends_at=start + timedelta(days=1))
    StatusEvent.objects.all().delete()
    Promotion.objects.update(status=Status.SCHEDULED)
    statuses_sync(at=timezone.now())
    page = office.page("loyalty_loyaltypromotion_history", promotion.pk)
    assert [(entry.kind, entry.at) for entry in page.context["entries"] if not entry.who] == [
        ("Became Ended", start + timedelta(days=1)),
        ("Became Active", start),
    ]
    assert "Became Ended" in page.content.decode()


# --- the overview ---------------------------------------------------------------------------------------------------


@pytest.fixture
def many(office: Office) -> Office:
    now = timezone.now()
    day = timedelta(days=1)
    save_promotion(office.account, code="running")
    save_promotion(office.account, code="euro", currency="EUR", eligibility={"always_apply": True})
    save_promotion(office.account, code="next", starts_at=now + 10 * day)
    save_promotion(office.account, code="past", starts_at=now - 20 * day, ends_at=now - 10 * day)
    save_promotion(office.account, code="draft", draft=True)
    save_promotion(office.account, code="away", archived=True)
    save_promotion(
        office.account, code="double", type="points_multiplier", outcome={"multiplier": "2"}, name="Double points"
    )
    return office


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", {"running", "euro", "next", "past", "draft", "double"}),
        ("status=active", {"running", "euro", "double"}),
        ("status=scheduled", {"next"}),
        ("status=ended", {"past"}),
        ("status=draft", {"draft"}),
        ("status=nonsense", {"running", "euro", "next", "past", "draft", "double"}),
        ("type=points_multiplier", {"double"}),
        ("currency=EUR", {"euro"}),
        ("always_apply=yes", {"euro"}),
        ("archived=yes", {"away"}),
        ("q=double", {"double"}),
        ("status=active&currency=GBP&type=fixed_points", {"running"}),
        ("live_on=nonsense", {"running", "euro", "next", "past", "draft", "double"}),
        ("live_on=2026-13-45", {"running", "euro", "next", "past", "draft", "double"}),
    ],
)
def test_the_overview_is_filtered(many: Office, query: str, codes: set[str]) -> None:
    page = many.page("loyalty_loyaltypromotion_changelist", query=f"?{query}")
    assert {promotion.code for promotion in page.context["cl"].result_list} == codes


@pytest.mark.parametrize(
    ("days", "codes"),
    [(0, {"running", "euro", "double"}), (-15, {"past"}), (12, {"running", "euro", "double", "next"})],
)
def test_the_overview_shows_promotions_that_are_live_on_a_day(many: Office, days: int, codes: set[str]) -> None:
    day = timezone.localdate() + timedelta(days=days)
    page = many.page("loyalty_loyaltypromotion_changelist", query=f"?live_on={day}")
    assert {promotion.code for promotion in page.context["cl"].result_list} == codes


def test_the_status_shown_follows_the_clock_and_not_the_stored_copy(office: Office) -> None:
    promotion = save_promotion(office.account)
    Promotion.objects.filter(pk=promotion.pk).update(status="scheduled")
    page = office.page("loyalty_loyaltypromotion_changelist", query="?status=active").content.decode()
    assert "Fifty points" in page
    assert "Active" in page


def test_an_empty_overview_explains_how_to_start(office: Office) -> None:
    page = office.page("loyalty_loyaltypromotion_changelist").content.decode()
    assert "No loyalty promotions yet" in page
    assert "Add promotion" in page


def test_redemptions_are_shown_with_their_limit(office: Office) -> None:
    save_promotion(office.account, eligibility={"total_redemption_limit": 1000})
    assert "0 of 1,000" in office.page("loyalty_loyaltypromotion_changelist").content.decode()
