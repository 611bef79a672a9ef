"""Who may import and export what: docs/permissions.md says it in a sentence."""

import pytest
from django.contrib import admin

from consumers.admin.files.pages import ImportExportMixin
from consumers.choices import StaffRole
from consumers.functionalities import permissions_of, template_grants
from loyalty.models import LedgerEntry
from promotions.models import PersonalizedList
from tests.consumers.admin.files.builders import preview
from tests.consumers.admin.office import make_office

pytestmark = pytest.mark.django_db


def pages() -> list[ImportExportMixin]:
    return [page for page in admin.site._registry.values() if isinstance(page, ImportExportMixin)]


def test_these_pages_have_import_and_export() -> None:
    assert sorted(page.opts.label_lower for page in pages()) == [
        "consumers.consumer",
        "consumers.consumergroup",
        "consumers.site",
        "loyalty.ledgerentry",
        "loyalty.loyaltypromotion",
        "loyalty.offer",
        "promotions.campaign",
        "promotions.discount",
        "promotions.personalizedlist",
        "promotions.personalizedpromotion",
        "promotions.product",
    ]


@pytest.mark.parametrize("role", StaffRole)
def test_viewers_export_and_editors_import(role: StaffRole) -> None:
    person = make_office(role=role)
    for page in pages():
        name = f"{page.opts.app_label}_{page.opts.model_name}"
        granted, app, model = permissions_of(template_grants(role)), page.opts.app_label, page.opts.model_name
        looks = f"{app}.view_{model}" in granted
        writes = {f"{app}.add_{model}", f"{app}.change_{model}"} <= granted
        if page.model is PersonalizedList:
            looks, writes = (f"promotions.{action}_personalized_list" in granted for action in ("view", "change"))
        if page.model is LedgerEntry:
            # A file adds adjustments; the ledger is not exported.
            looks, writes = False, "loyalty.add_ledgerentry" in granted
        assert person.page(f"{name}_export").status_code == (200 if looks else 403), name
        assert person.page(f"{name}_import").status_code == (200 if writes else 403), name
        assert preview(person, name, "x\n1\n").status_code == (200 if writes else 403), name
        assert person.post(f"{name}_process_import").status_code == (302 if writes else 403), name
        page_text = person.page(f"{name}_changelist").content.decode()
        assert (f"/{page.opts.model_name}/import/" in page_text) is writes, name
