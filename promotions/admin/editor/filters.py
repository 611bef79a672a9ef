"""Filters of the list of promotions."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, TextChoices
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from consumers.admin.framework.fields import DateInput
from consumers.admin.framework.filters import ArchivedFilter, ChoiceFilter, choice_filter
from consumers.admin.framework.pages import account_of
from consumers.models import Site
from consumers.types import Rows
from promotions.admin.visibility import SEE_CAMPAIGNS
from promotions.choices import Status
from promotions.models import Promotion
from promotions.selectors.campaign import campaigns_of
from promotions.selectors.life import promotions_between, promotions_with_status
from promotions.selectors.promotion import promotions_at_site

NO_CAMPAIGN = "/"
"""The value of the filter that means none: no code has a slash at its ends."""


class LiveOnForm(forms.Form):
    """A form with one day."""

    def __init__(self, *, name: str, label: str, data: Any) -> None:
        super().__init__(data)
        self.fields[name] = forms.DateField(label=label, required=False, widget=DateInput())


class LiveOnFilter(admin.SimpleListFilter):
    """Promotions that are in force at some time of a day, in the account's time zone."""

    title = "live on"
    parameter_name = "live_on"
    template = "unfold/filters/filters_field.html"

    def lookups(self, request: HttpRequest, model_admin: object) -> tuple[()]:
        return ()

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        try:
            day = parse_date(self.value() or "")
        except ValueError:
            day = None
        # At the ends of the calendar a day has no moments in every time zone.
        if day is None or not date.min < day < date.max - timedelta(days=2):
            return queryset
        start = timezone.make_aware(datetime.combine(day, time.min))
        end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        return promotions_between(queryset.filter(draft=False), start=start, end=end)

    def choices(self, changelist: object) -> Iterator[Any]:
        data = {self.parameter_name: self.value()}
        yield {"form": LiveOnForm(name=self.parameter_name, label="Live on", data=data)}


def _by_status(request: HttpRequest, promotions: Rows, status: str) -> Rows:
    return promotions_with_status(promotions, statuses=[status], at=timezone.now())


class CurrencyFilter(ChoiceFilter):
    """Promotions in a currency."""

    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        promotions = model_admin.get_queryset(request)
        codes = promotions.order_by("currency").values_list("currency", flat=True).distinct()
        return [(code, code) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class CampaignFilter(ChoiceFilter):
    """Members of a campaign, for staff who may see campaigns."""

    title = "campaign"
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        if not request.user.has_perm(SEE_CAMPAIGNS):
            return []
        campaigns = campaigns_of(account_id=account_of(request).pk).filter(archived=False)
        return [(NO_CAMPAIGN, "No campaign"), *((campaign.code, str(campaign)) for campaign in campaigns)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        code = self.value()
        if not code:
            return queryset
        return queryset.filter(campaign=None) if code == NO_CAMPAIGN else queryset.filter(campaign__code=code)


class SiteFilter(ChoiceFilter):
    """Promotions whose site rules admit a site."""

    title = "site"
    parameter_name = "site"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        self.sites = {site.number: site for site in Site.objects.filter(account=account_of(request), archived=False)}
        return [(number, str(site)) for number, site in self.sites.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        site = self.sites.get(self.value() or "")
        return promotions_at_site(queryset, site=site) if site is not None else queryset


def filters_of(types: type[TextChoices]) -> tuple[type[admin.SimpleListFilter], ...]:
    """Return the filters for the promotions of a family with these types."""
    return (
        choice_filter("status", "status", Status.choices, _by_status),
        choice_filter("type", "type", types.choices, lambda _, rows, value: rows.filter(type=value)),
        CurrencyFilter,
        CampaignFilter,
        SiteFilter,
        LiveOnFilter,
        choice_filter(
            "always apply",
            "always_apply",
            [("yes", "Always apply"), ("no", "Compete")],
            lambda _, rows, value: rows.filter(always_apply=value == "yes"),
        ),
        ArchivedFilter,
    )
