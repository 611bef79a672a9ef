"""The pages show a promotion's evaluation time, and warn before a slow one is published."""

from typing import Any

import pytest
from django.urls import reverse

from consumers.choices import StaffRole
from consumers.models import Account
from promotions.admin.editor import publish_warning as words
from promotions.admin.editor.evaluation_time import describe_evaluation_time, format_milliseconds, format_two_digits
from promotions.admin.editor.publishing import PublishQuestion
from promotions.models import Promotion
from promotions.selectors.profiling import EvaluationTime
from promotions.services.profiling import EvaluationSample, evaluation_samples_add
from tests.consumers.admin.office import Office, make_office, save_promotion
from tests.loyalty.admin.promotion_page import ASK_TO_PUBLISH, PUBLISH, add, change, errors_of
from tests.promotions.admin.discount import discount_page

pytestmark = pytest.mark.django_db

YES = {"_form_submitted": "True"}
DEAR = "It would take 5 ms for each basket."


@pytest.fixture
def office() -> Office:
    return make_office()


def measure(account: Account, **milliseconds_each: float) -> None:
    """Promotions that took so long on average, in ten sampled baskets."""
    rows = []
    for code, each in milliseconds_each.items():
        made = save_promotion(account, code=code, name=f"Promotion {code}")
        rows.append(
            EvaluationSample(promotion_id=made.pk, version=made.version, baskets=10, nanoseconds=int(each * 10_000_000))
        )
    evaluation_samples_add(samples=rows, at=account.created_at)


def spaced(text: str) -> str:
    """The text with plain spaces between numbers and their units."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def overview(office: Office, query: str = "") -> str:
    return spaced(office.page("loyalty_loyaltypromotion_changelist", query=query).content.decode())


def page(office: Office, code: str) -> str:
    promotion = Promotion.objects.get(account=office.account, code=code)
    return spaced(office.page("loyalty_loyaltypromotion_change", promotion.pk).content.decode())


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0512, "0.051"),
        (0.08, "0.08"),
        (0.2, "0.2"),
        (1, "1"),
        (1.24, "1.2"),
        (3.04, "3"),
        (14.6, "15"),
        (1234, "1,234"),
    ],
)
def test_numbers_have_two_digits_that_count(number: float, text: str) -> None:
    assert format_two_digits(number) == text


def test_durations_are_in_milliseconds() -> None:
    assert spaced(format_milliseconds(80_000)) == "0.08 ms"
    assert spaced(format_milliseconds(1_590_000)) == "1.6 ms"
    assert spaced(format_milliseconds(999)) == "under 0.001 ms"


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (None, "Not measured yet"),
        (
            EvaluationTime(nanoseconds=80_000, baskets=4120, median=26_500),
            "0.08 ms per basket, 3 × the account's median, from 4,120 sampled baskets",
        ),
        (EvaluationTime(nanoseconds=80_000, baskets=1), "0.08 ms per basket, from 1 sampled basket"),
    ],
)
def test_an_evaluation_time_is_described_in_words(cost: EvaluationTime | None, said: str) -> None:
    assert spaced(describe_evaluation_time(cost)) == said


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_promotions_page_shows_its_evaluation_time(office: Office) -> None:
    measure(office.account, a=0.02, b=0.02, c=0.06)
    assert "0.06 ms per basket, 3 × the account&#x27;s median, from 10 sampled baskets" in page(office, "c")


def test_a_promotion_without_a_measurement_says_so(office: Office) -> None:
    save_promotion(office.account, code="new")
    assert "Not measured yet" in page(office, "new")
    assert "Not measured yet" not in overview(office)


@pytest.mark.parametrize("role", [StaffRole.MARKETER, StaffRole.CUSTOMER_SERVICE, StaffRole.VIEWER])
def test_only_who_may_see_server_matters_sees_server_times(office: Office, role: StaffRole) -> None:
    measure(office.account, a=0.02, b=0.02, c=0.06)
    for person, seen in ((office, True), (office.login(role), False)):
        for address in ("?", "?o=7"):
            assert "Server time" not in overview(person, address)
        assert ("Technical" in page(person, "c")) == seen
        assert ("0.06 ms" in page(person, "c")) == seen


def test_a_promotion_edited_since_is_not_measured_yet(office: Office) -> None:
    measure(office.account, a=0.02)
    Promotion.objects.update(version=2)
    assert "Not measured yet" in page(office, "a")


def test_the_median_is_the_accounts_own(office: Office) -> None:
    measure(make_office("other").account, x=50, y=50, z=50)
    measure(office.account, a=0.02, b=0.02, c=0.06)
    seen = page(office, "c")
    assert "3 × the account&#x27;s median" in seen
    assert "50 ms" not in seen


@pytest.mark.parametrize("promotions", [4, 12])
def test_the_overviews_statements_do_not_grow(office: Office, promotions: int, django_assert_num_queries: Any) -> None:
    measure(office.account, **{f"p{n}": 0.01 * n for n in range(1, promotions + 1)})
    overview(office)
    with django_assert_num_queries(10):
        overview(office)


@pytest.mark.parametrize("promotions", [4, 12])
def test_a_pages_statements_do_not_grow(office: Office, promotions: int, django_assert_num_queries: Any) -> None:
    measure(office.account, **{f"p{n}": 0.01 * n for n in range(1, promotions + 1)})
    page(office, "p1")
    with django_assert_num_queries(12):
        page(office, "p1")


# --- before it goes live ----------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of promotions that were asked about; each is dear."""
    codes: list[str] = []

    def dear(_: Account, promotion: Promotion) -> str:
        codes.append(promotion.code)
        return DEAR

    monkeypatch.setattr(words, "_warnings", [dear])
    return codes


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_warnings", [lambda _, __: ""])


def is_draft(promotion: Promotion) -> bool:
    return Promotion.objects.get(pk=promotion.pk).draft


def question_of(answer: Any) -> PublishQuestion:
    """Return the question on the form that came back without an error."""
    assert errors_of(answer) == {}
    question = answer.context["publish_question"]
    assert isinstance(question, PublishQuestion)
    return question


def test_the_question_warns_of_a_dear_draft(office: Office, asked: list[str]) -> None:
    draft = save_promotion(office.account, draft=True)
    answer = change(office.client, draft, **ASK_TO_PUBLISH)
    assert question_of(answer).warnings == (DEAR,)
    assert DEAR in answer.content.decode()
    assert "Publish anyway" in answer.content.decode()
    assert asked == ["fifty"]
    assert is_draft(draft)


@pytest.mark.usefixtures("cheap")
def test_the_question_says_nothing_of_a_cheap_draft(office: Office) -> None:
    draft = save_promotion(office.account, draft=True)
    assert question_of(change(office.client, draft, **ASK_TO_PUBLISH)).answer == "Publish"
    assert is_draft(draft)
    assert change(office.client, draft, **PUBLISH).status_code == 302
    assert not is_draft(draft)


def test_a_dear_draft_is_published_once_that_is_confirmed(office: Office, asked: list[str]) -> None:
    draft = save_promotion(office.account, draft=True)
    assert change(office.client, draft, **PUBLISH).status_code == 302
    assert not is_draft(draft)
    assert not asked


def test_no_other_step_warns(office: Office, asked: list[str]) -> None:
    promotion = save_promotion(office.account)
    assert office.post("loyalty_loyaltypromotion_stop", promotion.pk, **YES).status_code == 302
    assert not asked


def test_publishing_a_new_promotion_asks_first(office: Office, asked: list[str]) -> None:
    answer = add(office.client, **ASK_TO_PUBLISH)
    assert question_of(answer).warnings == (DEAR,)
    assert not Promotion.objects.exists()
    assert asked == ["tea-time"]


def test_a_draft_is_saved_without_a_word(office: Office, asked: list[str]) -> None:
    assert add(office.client, button="_draft").status_code == 302
    assert Promotion.objects.get().draft
    assert not asked


def test_errors_show_before_the_question(office: Office, asked: list[str]) -> None:
    for values, fields in (({"name": ""}, {"name"}), ({"points": "0"}, {"points"})):
        answer = add(office.client, **ASK_TO_PUBLISH, **values)
        assert set(errors_of(answer)) == fields
        assert "publish_question" not in answer.context
    assert not asked


def test_a_discount_is_asked_about_too(office: Office, asked: list[str]) -> None:
    answer = discount_page.add(office.client, "percentage", value="10", **ASK_TO_PUBLISH)
    assert question_of(answer).title == "Publish this discount?"
    assert not Promotion.objects.exists()
    assert asked


def test_nothing_is_measured_for_a_user_who_may_not_add(office: Office, asked: list[str]) -> None:
    viewer = office.login(StaffRole.VIEWER)
    assert add(viewer.client, **ASK_TO_PUBLISH).status_code == 403
    assert viewer.client.get(reverse("admin:loyalty_loyaltypromotion_add")).status_code == 403
    assert not asked
