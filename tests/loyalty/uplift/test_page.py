"""The page says what to do, in the words of a marketer."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from loyalty.admin.uplift import PROGRAMME, headline_of, report_context
from loyalty.choices import UpliftMetric
from loyalty.models import UpliftPopulation
from loyalty.selectors.uplift_report import MetricUplift, UpliftReport
from loyalty.uplift.statistics import ArmSums, SampleRatio, sample_ratio
from loyalty.uplift.verdict import Estimate, days_more, estimate_arms, verdict_of
from tests.consumers.admin.office import make_office, measure_programme, save_promotion


def sums(*, n: int, mean: float, deviation: float) -> ArmSums:
    return ArmSums(n=n, x=n * mean, xx=(n - 1) * deviation**2 + n * mean**2)


def estimate(*, treated: float, control: float, n: int = 1_000) -> Estimate:
    arms = [sums(n=size, mean=mean, deviation=1) for size, mean in ((9 * n, treated), (n, control))]
    return estimate_arms(treated=arms[0], control=arms[1], planned=10 * n, is_planned_end=False)


def report(*, contribution: float, sales: float, n: int = 1_000, ratio: SampleRatio | None = None) -> UpliftReport:
    ratio = ratio or sample_ratio(treated=9 * n, control=n, control_share=0.1)
    metrics = {}
    for metric, treated in ((UpliftMetric.CONTRIBUTION, contribution), (UpliftMetric.SALES, sales)):
        assigned = estimate(treated=treated, control=10, n=n)
        metrics[metric] = MetricUplift(
            metric=metric,
            assigned=assigned,
            triggered=assigned,
            verdict=verdict_of(assigned, ratio),
            days_more=days_more(assigned, days_so_far=10),
        )
    return UpliftReport(
        population=UpliftPopulation(percentage=10),
        ratio=ratio,
        metrics=metrics,
        is_over=False,
        uncosted_share=0,
        is_changed=False,
    )


@pytest.mark.parametrize(
    ("contribution", "sales", "headline"),
    [
        (9.79, 10.56, "Sales +5.6%, contribution -0.21 GBP per member: stop."),
        (10.5, 10.5, "Sales +5.0%, contribution +0.50 GBP per member: keep it."),
        (10.05, 10.5, "Sales +5.0%, contribution +0.05 GBP per member: not known yet."),
    ],
)
def test_the_verdict_is_a_sentence_to_act_on(contribution: float, sales: float, headline: str) -> None:
    assert headline_of(report(contribution=contribution, sales=sales), currency="GBP") == headline


def test_a_wrong_sample_ratio_hides_the_verdict() -> None:
    wrong = report(contribution=9, sales=11, ratio=SampleRatio(chi_square=50, p=1e-12))
    assert headline_of(wrong, currency="GBP").startswith("No verdict")


def test_too_few_members_say_so() -> None:
    few = report(contribution=9, sales=11, n=10)
    assert headline_of(few, currency="GBP") == "Not known yet: too few customers have been measured."


@pytest.mark.parametrize(("is_over", "measured_to"), [(False, ""), (True, "2 Jan 2027, 00:00 GMT")])
def test_the_end_of_what_is_measured_is_told_once_it_is_over(is_over: bool, measured_to: str) -> None:
    begun, end = datetime(2026, 9, 2, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
    population = UpliftPopulation(percentage=Decimal(10), measured_from=begun, frozen_at=begun, measured_to=end)
    running = replace(report(contribution=9, sales=11), population=population, is_over=is_over)
    with timezone.override("Europe/London"):
        assert report_context(running, subject=PROGRAMME, currency="GBP")["measured_to"] == measured_to


@pytest.mark.django_db
def test_a_page_with_nothing_to_compare_leads_to_where_that_is_changed() -> None:
    office = make_office()
    promotion = save_promotion(office.account)
    pages = {
        f"uplift/?promotion={promotion.pk}": f"/admin/loyalty/loyaltypromotion/{promotion.pk}/change/#eligibility",
        "programme-uplift/": "/admin/consumers/account/",
    }
    for address, leads_to in pages.items():
        (content,) = re.findall(
            "<h2>Nothing to compare.*?</div>", office.client.get(f"/admin/{address}").content.decode()
        )
        assert f'href="{leads_to}"' in content
    measure_programme(office.account)
    assert "have joined" not in office.client.get("/admin/programme-uplift/").content.decode()
