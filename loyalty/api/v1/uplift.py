"""``promotions/{code}/uplift`` and ``programme/uplift``: what they changed, against those who were held out."""

import re
from collections.abc import Mapping

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.components import enum
from consumers.api.framework.fields import MomentField
from consumers.api.framework.query import Parameter
from consumers.api.framework.serializers import Output
from consumers.api.framework.views import ApiView
from loyalty.api.v1.promotions import LoyaltyPromotionView
from loyalty.choices import UpliftMetric
from loyalty.selectors.uplift_report import UpliftReport, programme_report, uplift_report
from loyalty.uplift.statistics import ArmSums
from loyalty.uplift.verdict import Compared, Estimate, Verdict
from promotions.api.v1.promotions import PromotionView

METRIC = Parameter(
    name="metric",
    schema=enum(*UpliftMetric.values),
    description="What is compared per consumer, net of returns; contribution where left out.",
)


YEAR = Parameter(
    name="year", schema={"type": "integer"}, description="The calendar year; the account's current one where left out."
)
_YEAR = re.compile(r"[1-9][0-9]{3}")


class ArmOutput(Output):
    """Consumers of an arm, and the mean of the metric over them; null without consumers."""

    consumers = serializers.IntegerField()
    mean = serializers.CharField(allow_null=True)


class IntervalOutput(Output):
    """A 95% interval: ``always_valid`` however often it is looked at, or ``fixed`` after the planned end."""

    low = serializers.CharField()
    high = serializers.CharField()
    kind = serializers.ChoiceField(choices=["always_valid", "fixed"])


class ComparedOutput(Output):
    """A difference of means per consumer. ``p`` is null before the planned end."""

    difference = serializers.CharField()
    standard_error = serializers.CharField()
    interval = IntervalOutput()
    p = serializers.FloatField(allow_null=True)
    smallest_effect = serializers.CharField(help_text="That consumers as many and as different show with 80% power.")


class EstimateOutput(Output):
    """Both arms and their difference; null with fewer than 50 consumers in an arm, or where all are alike."""

    treated = ArmOutput()
    control = ArmOutput()
    means = ComparedOutput(allow_null=True, help_text="The means without adjustment.")
    adjusted = ComparedOutput(
        allow_null=True, help_text="Taking account of the same metric of the 8 weeks before (CUPED)."
    )


class SampleRatioOutput(Output):
    """The arms against the percentage. Not plausible: p is below 0.001, and there is no verdict."""

    chi_square = serializers.FloatField()
    p = serializers.FloatField()
    plausible = serializers.BooleanField()


class _UpliftOutput(Output):
    metric = serializers.ChoiceField(choices=UpliftMetric.choices, help_text="What is measured for each consumer.")
    currency = serializers.CharField()
    percentage = serializers.CharField()
    frozen_at = MomentField(help_text="When those who are compared were listed.")
    measured_from = MomentField(help_text="The first moment measured.")
    measured_to = MomentField(allow_null=True, help_text="The moment up to which is measured; null: no end.")
    complete = serializers.BooleanField(help_text="Whether every member has been measured.")
    later_joiners = serializers.IntegerField(help_text="Consumers who joined since: not compared.")
    verdict = serializers.ChoiceField(
        choices=[verdict.value for verdict in Verdict], help_text="Better, worse, or not known yet."
    )
    days_more = serializers.IntegerField(
        allow_null=True, help_text="How long a verdict would take, if the difference stays the same."
    )
    sample_ratio = SampleRatioOutput(help_text="Whether the arms have the sizes that they should have.")
    assigned = EstimateOutput(help_text="All consumers, each in the arm that the hash assigned.")
    triggered = EstimateOutput(help_text="Treated with a redemption, and control with a ghost redemption.")


class UpliftOutput(_UpliftOutput):
    """The uplift of a promotion by one metric."""

    group = serializers.CharField()


class ProgrammeUpliftOutput(_UpliftOutput):
    """The uplift of a year of the account's programme by one metric."""

    year = serializers.IntegerField(help_text="The calendar year of the draw.")


class ProgrammeUplift(ApiView):
    """The uplift of all promotions together, against the account's universal holdout."""

    input_class = None
    output_class = ProgrammeUpliftOutput
    parameters = {"GET": (METRIC, YEAR)}
    conflict_codes = {"GET": ("no_universal_holdout", "not_measured_yet")}

    def get(self, request: Request) -> Response:
        """What the account's consumers brought more than those held out of all promotions, per consumer."""
        metric, at = _metric(request.query_params), timezone.now()
        year = _year(request.query_params) or at.astimezone(self.account.zone).year
        report = programme_report(account=self.account, year=year, at=at)
        answer = uplift_answer(report, metric=metric, currency=self.account.currency)
        return Response(ProgrammeUpliftOutput(answer).data)


def _year(query: Mapping[str, str]) -> int | None:
    text = query.get("year", "")
    if not text:
        return None
    if not _YEAR.fullmatch(text):
        raise ValidationError({"year": [ErrorDetail("Send a year, such as 2027.", code="invalid")]})
    return int(text)


class PromotionUplift(LoyaltyPromotionView, PromotionView):
    """The uplift of a promotion with a control group."""

    input_class = None
    output_class = UpliftOutput
    parameters = {"GET": (METRIC,)}
    conflict_codes = {"GET": ("no_control_group", "not_measured_yet")}

    def get(self, request: Request, code: str) -> Response:
        """What its consumers brought more than its control group, per consumer."""
        metric = _metric(request.query_params)
        report = uplift_report(promotion=self.promotion(), at=self.at)
        return Response(UpliftOutput(uplift_answer(report, metric=metric, currency=self.account.currency)).data)


def _metric(query: Mapping[str, str]) -> UpliftMetric:
    name = query.get("metric", UpliftMetric.CONTRIBUTION)
    if name not in UpliftMetric.values:
        detail = f"Send one of {', '.join(UpliftMetric.values)}."
        raise ValidationError({"metric": [ErrorDetail(detail, code="invalid_choice")]})
    return UpliftMetric(name)


def uplift_answer(report: UpliftReport, *, metric: UpliftMetric, currency: str) -> Mapping[str, object]:
    """Return the uplift of one metric as the API answers it."""
    population, uplift = report.population, report.metrics[metric]
    return {
        "metric": metric.value,
        "currency": currency,
        "group": population.group,
        "year": population.year,
        "percentage": f"{population.percentage.normalize():f}",
        "frozen_at": population.frozen_at,
        "measured_from": population.measured_from,
        "measured_to": population.measured_to,
        "complete": population.is_complete,
        "later_joiners": population.later_joiners,
        "verdict": uplift.verdict.value,
        "days_more": uplift.days_more,
        "sample_ratio": {
            "chi_square": report.ratio.chi_square,
            "p": report.ratio.p,
            "plausible": report.ratio.is_plausible,
        },
        "assigned": _estimate(uplift.assigned),
        "triggered": _estimate(uplift.triggered),
    }


def _estimate(estimate: Estimate) -> Mapping[str, object]:
    return {
        "treated": _arm(estimate.treated),
        "control": _arm(estimate.control),
        "means": _compared(estimate.plain, is_fixed=estimate.is_fixed),
        "adjusted": _compared(estimate.adjusted, is_fixed=estimate.is_fixed),
    }


def _arm(arm: ArmSums) -> Mapping[str, object]:
    return {"consumers": arm.n, "mean": _number(arm.mean) if arm.n else None}


def _compared(compared: Compared | None, *, is_fixed: bool) -> Mapping[str, object] | None:
    if compared is None:
        return None
    return {
        "difference": _number(compared.difference.value),
        "standard_error": _number(compared.difference.error),
        "interval": {
            "low": _number(compared.interval.low),
            "high": _number(compared.interval.high),
            "kind": "fixed" if is_fixed else "always_valid",
        },
        "p": compared.p,
        "smallest_effect": _number(compared.smallest_effect),
    }


def _number(value: float) -> str:
    """Return an estimate with four decimals, without a sign of minus before zero."""
    return f"{round(value, 4) + 0.0:.4f}"
