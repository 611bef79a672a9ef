"""What a list costs does not grow with its rows."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consumers.admin.framework.pages import OnePageAdmin
from promotions.models import Campaign, Promotion
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

# Session, user, membership with account and role, accounts to switch to; then the page's own.
FRAME = 4
QUERIES = {
    "consumers.ApiKey": 2,
    "consumers.Consumer": 6,
    "consumers.ConsumerGroup": 2,
    "consumers.Job": 2,
    "consumers.Site": 5,
    "consumers.Role": 2,
    "consumers.StaffMembership": 3,
    "loyalty.LedgerEntry": 2,
    "loyalty.LoyaltyPromotion": 5,
    "loyalty.Offer": 5,
    "loyalty.RedemptionMessage": 3,
    "loyalty.Transaction": 3,
    "loyalty.Voucher": 3,
    "promotions.Campaign": 4,
    "promotions.Discount": 5,
    "promotions.PersonalizedList": 3,
    "promotions.PersonalizedPromotion": 4,
    "promotions.Product": 2,
    "promotions.PromotionVersion": 2,
}


SAVED_FILTERS = {
    model._meta.label: 1 for model, page in admin.site._registry.items() if getattr(page, "list_filter", ())
}
"""Every list that has filters reads those saved, in one statement."""


def queries_of_lists(office: Office) -> dict[str, int]:
    counted = {}
    for model, page in admin.site._registry.items():
        if not isinstance(page, OnePageAdmin):
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            with CaptureQueriesContext(connection) as queries:
                assert office.client.get(address).status_code == 200
            counted[model._meta.label] = len(queries)
    return counted


def test_lists_run_the_same_queries_whatever_their_rows() -> None:
    few, many = make_office("few"), make_office("many")
    fill(few.account, rows=2)
    fill(many.account, rows=7)
    counted = queries_of_lists(many)
    assert counted == queries_of_lists(few)
    assert counted == {label: FRAME + SAVED_FILTERS.get(label, 0) + own for label, own in QUERIES.items()}


def test_the_overview_runs_the_same_queries_whatever_its_rows() -> None:
    few, many = make_office("few"), make_office("many")
    for office, rows in ((few, 1), (many, 7)):
        fill(office.account, rows=rows)
        Promotion.objects.filter(account=office.account).update(budget_amount=100)
        Promotion.objects.filter(account=office.account).update(
            campaign=Campaign.objects.filter(account=office.account).first()
        )
        Campaign.objects.filter(account=office.account).update(budget_amount=100)
    counted = []
    for office in (few, many):
        with CaptureQueriesContext(connection) as queries:
            office.page("index")
        counted.append(len(queries))
    assert counted == [FRAME + 13, FRAME + 13]
