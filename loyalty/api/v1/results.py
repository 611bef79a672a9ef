"""``results`` of promotions, discounts, and of all of them."""

from collections.abc import Collection
from datetime import date
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.components import AMOUNT, DATE, enum
from consumers.api.framework.fields import ChoiceText, DayField, MomentField
from consumers.api.framework.query import Parameter
from consumers.api.framework.serializers import Output
from consumers.api.framework.views import ApiView, row_or_404
from consumers.types import JsonObject
from loyalty.models.results import COUNTS
from loyalty.selectors.promotion import loyalty_promotions_of
from loyalty.selectors.results import (
    MONEY_NAMES,
    RankedPromotion,
    ResultFigures,
    ResultRow,
    ResultsBy,
    ResultsPeriod,
    amount_rounded,
    results_as_of,
    results_of,
    results_ranked,
)
from loyalty.selectors.results_funding import WhoPays, results_who_pays
from promotions.choices import Family
from promotions.models import Campaign, Promotion
from promotions.selectors.campaign import campaign_members, campaigns_of
from promotions.selectors.promotion import promotions_of

PERIOD_PARAMETERS = (
    Parameter(name="from", schema=DATE, description="The first local day at the sites; left out: the first sale's."),
    Parameter(name="to", schema=DATE, description="The last local day; left out: the last sale's."),
)
AS_OF = "Sales and returns up to this moment are counted; null before the first count."

CAMPAIGN_PARAMETER = Parameter(
    name="campaign", description="A campaign's code: its members alone are ranked.", may_be_blank=True
)

BY_PARAMETER = Parameter(
    name="by", schema=enum(*ResultsBy), description="What `rows` are by; left out, there are none."
)


class AmountText(serializers.CharField):
    """An amount of money in an answer."""

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        return dict(AMOUNT)


class FiguresOutput(Output):
    """Figures of sales. Amounts are in the promotion's currency, rounded half up once."""

    baskets = serializers.IntegerField(help_text="Sales to which the promotion applied.")
    redemptions = serializers.IntegerField(help_text="How often it was redeemed.")
    discount = AmountText(help_text="What it took off prices.")
    points = serializers.IntegerField(help_text="Points that it gave; those that expired are still included.")
    points_value = AmountText(help_text="The points by the point value of each sale.")
    vouchers_issued = serializers.IntegerField(help_text="Vouchers that it issued.")
    vouchers_paid = serializers.IntegerField(
        help_text="Of the vouchers that the promotion issued, on the day and at the site of the paying sale."
    )
    vouchers_discount = AmountText(help_text="What these took off.")
    promoted_sales = AmountText(
        help_text="Net value with tax of the units that the promotion took, those that only qualified too."
    )
    basket_sales = AmountText(help_text="Net value with tax of the whole baskets.")
    margin = AmountText(help_text="Of those units: net value without tax less cost prices.")
    margin_unknown_sales = AmountText(
        help_text="The part of `promoted_sales` without a cost price: it is not in `margin`."
    )
    cost = AmountText(
        help_text="Discount, points value by the expected redemption of the day, and what vouchers took off."
    )


class ResultOutput(FiguresOutput):
    """Figures as sold, with what came back of them since."""

    returned = FiguresOutput(
        help_text="What returns and voids took back; its `baskets` are those in which nothing of the promotion is left."
    )


class TotalsOutput(ResultOutput):
    """Figures in all, with how many different consumers redeemed."""

    consumers = serializers.IntegerField(help_text="How many different consumers redeemed.")


class FundedCostOutput(Output):
    """The part of the cost that a party pays, by the shares of the versions that were redeemed, and of offers."""

    party = serializers.CharField(allow_null=True, help_text="Who pays; null: the account, what nobody else does.")
    cost = AmountText(help_text="Its part of `cost`; the parts add up to it.")
    returned_cost = AmountText(help_text="Its part of the `cost` in `returned`.")


class BookedCostOutput(Output):
    """The part of the cost that is booked under a ledger class."""

    ledger_class = serializers.CharField(allow_null=True, help_text="The ledger class; null: what has none.")
    cost = AmountText(help_text="Its part of `cost`; the parts add up to it.")
    returned_cost = AmountText(help_text="Its part of the `cost` in `returned`.")


class ResultsTotalsOutput(TotalsOutput):
    """Figures in all, with who pays the cost and what it is booked under."""

    funding = FundedCostOutput(many=True, help_text="Who pays the cost: parties by name, then the account.")
    ledger_classes = BookedCostOutput(many=True, help_text="What the cost is booked under: classes, then without one.")


class ResultRowOutput(ResultOutput):
    """Figures of a day, a week, a site or a version."""

    key = serializers.CharField(
        help_text="The day, the week's Monday, the site's number or the version's; of campaigns, after the code."
    )
    consumers = serializers.IntegerField(
        allow_null=True, help_text="How many different consumers redeemed; null for sites and versions."
    )


class ResultsOutput(Output):
    """Results of a promotion, or of the members of a campaign together."""

    as_of = MomentField(allow_null=True, help_text=AS_OF)
    currency = serializers.CharField(help_text="The currency of the amounts.")
    totals = ResultsTotalsOutput(help_text="All of the period.")
    rows = ResultRowOutput(many=True, help_text="By what `by` names; empty without it.")


class RankedOutput(ResultOutput):
    """Results of one of all promotions."""

    key = serializers.CharField(help_text="The promotion's code.")
    family = ChoiceText(choices=Family.choices, help_text="Whether it is a loyalty promotion or a discount.")
    name = serializers.CharField(help_text="The name of the promotion.")
    currency = serializers.CharField(help_text="The currency of its amounts.")


class RankingOutput(Output):
    """Results of all promotions, those that cost most first."""

    as_of = MomentField(allow_null=True, help_text=AS_OF)
    totals = ResultOutput(help_text="Of promotions in the account's currency; a basket of two of them counts twice.")
    rows = RankedOutput(many=True, help_text="Promotions with results in the period.")


def figures_answer(figures: ResultFigures, currency: str) -> JsonObject:
    """Return figures in the contract's names, amounts with the currency's decimals."""
    answer: JsonObject = {name: getattr(figures, name) for name in COUNTS}
    for name in MONEY_NAMES:
        answer[name] = f"{amount_rounded(getattr(figures, name), currency):f}"
    return answer


def row_answer(row: ResultRow, currency: str) -> JsonObject:
    """Return a row's figures."""
    return {**figures_answer(row.sold, currency), "returned": figures_answer(row.returned, currency)}


class PeriodView(ApiView):
    """A view of a period."""

    def period(self) -> ResultsPeriod:
        """Return the period that the query string names.

        Raises:
            ValidationError: a day is none, or the first is after the last.
        """
        period = ResultsPeriod(first=self._day("from"), last=self._day("to"))
        if period.first is not None and period.last is not None and period.first > period.last:
            detail = "The first day is after the last."
            raise ValidationError({"from": [ErrorDetail(detail, code="from_after_to")]})
        return period

    def _day(self, name: str) -> date | None:
        value = self.request.query_params.get(name)
        if value is None:
            return None
        try:
            day: date = DayField().run_validation(value)
        except ValidationError as error:
            raise ValidationError({name: error.detail}) from error
        return day


class ResultsView(PeriodView):
    """The results of one promotion, or of several of one currency."""

    output_class = ResultsOutput
    parameters = {"GET": (*PERIOD_PARAMETERS, BY_PARAMETER)}

    def check_path(self) -> None:
        row_or_404(self.get_queryset(), code=self.kwargs["code"])

    def by(self) -> ResultsBy | None:
        """Return what the rows are by.

        Raises:
            ValidationError: nothing that results have.
        """
        value = self.request.query_params.get("by")
        try:
            return None if value is None else ResultsBy(value)
        except ValueError as error:
            detail = f"Not one of: {', '.join(ResultsBy)}."
            raise ValidationError({"by": [ErrorDetail(detail, code="invalid_choice")]}) from error

    def results_answer(
        self, *, promotion_ids: Collection[int], currency: str, versions_with_codes: bool = False
    ) -> JsonObject:
        """Return the results of promotions of one currency, added up."""
        period = self.period()
        results = results_of(
            promotion_ids=promotion_ids, period=period, by=self.by(), versions_with_codes=versions_with_codes
        )
        who_pays = results_who_pays(promotion_ids=promotion_ids, period=period, currency=currency)
        return {
            "as_of": moment(results.as_of),
            "currency": currency,
            "totals": {
                "consumers": results.totals.consumers,
                **row_answer(results.totals, currency),
                **who_pays_answer(who_pays),
            },
            "rows": [{"key": row.key, "consumers": row.consumers, **row_answer(row, currency)} for row in results.rows],
        }


def who_pays_answer(who_pays: WhoPays) -> JsonObject:
    """Return what each party pays, and what is booked under each ledger class."""
    return {
        "funding": [
            {"party": part.party, "cost": f"{part.cost:f}", "returned_cost": f"{part.returned_cost:f}"}
            for part in who_pays.parties
        ],
        "ledger_classes": [
            {"ledger_class": part.ledger_class, "cost": f"{part.cost:f}", "returned_cost": f"{part.returned_cost:f}"}
            for part in who_pays.ledger_classes
        ],
    }


def moment(at: Any) -> str | None:
    """Return a moment as answers have it."""
    return None if at is None else MomentField().to_representation(at)


class PromotionResults(ResultsView):
    """``promotions/{code}/results``."""

    def get_queryset(self) -> QuerySet[Promotion]:
        return loyalty_promotions_of(account_id=self.account.pk)

    def get(self, request: Request, code: str) -> Response:
        """Read what it gave and sold, and beside it what came back since."""
        promotion: Promotion = row_or_404(self.get_queryset(), code=code)
        return Response(self.results_answer(promotion_ids=[promotion.pk], currency=promotion.currency))


class DiscountResults(PromotionResults):
    """``discounts/{code}/results``."""

    def get_queryset(self) -> QuerySet[Promotion]:
        return promotions_of(account_id=self.account.pk, family=Family.DISCOUNT)


class CampaignResults(ResultsView):
    """``campaigns/{code}/results``."""

    def get_queryset(self) -> QuerySet[Campaign]:
        return campaigns_of(account_id=self.account.pk)

    def get(self, request: Request, code: str) -> Response:
        """Read what its members in the account's currency gave and sold; a basket of two of them counts twice."""
        campaign: Campaign = row_or_404(self.get_queryset(), code=code)
        currency = self.account.currency
        members = campaign_members(campaign=campaign, families=Family.values).filter(currency=currency)
        ids = list(members.values_list("pk", flat=True))
        return Response(self.results_answer(promotion_ids=ids, currency=currency, versions_with_codes=True))


class AllResults(PeriodView):
    """The results of all promotions."""

    output_class = RankingOutput
    parameters = {"GET": (*PERIOD_PARAMETERS, CAMPAIGN_PARAMETER)}

    def get(self, request: Request) -> Response:
        """List all promotions and discounts with results in a period, those that cost most first."""
        campaign = request.query_params.get("campaign", "")
        ranked = results_ranked(account_id=self.account.pk, period=self.period(), campaign=campaign)
        return Response(
            {
                "as_of": moment(results_as_of()),
                "totals": self._totals(ranked),
                "rows": [ranked_answer(row) for row in ranked],
            }
        )

    def _totals(self, ranked: list[RankedPromotion]) -> JsonObject:
        currency = self.account.currency
        own = [row.result for row in ranked if row.promotion.currency == currency]
        total = ResultRow(
            key="",
            sold=sum((row.sold for row in own), ResultFigures()),
            returned=sum((row.returned for row in own), ResultFigures()),
        )
        return row_answer(total, currency)


def ranked_answer(row: RankedPromotion) -> JsonObject:
    """Return a promotion of the ranking."""
    promotion = row.promotion
    return {
        "key": promotion.code,
        "family": promotion.family,
        "name": promotion.name,
        "currency": promotion.currency,
        **row_answer(row.result, promotion.currency),
    }
