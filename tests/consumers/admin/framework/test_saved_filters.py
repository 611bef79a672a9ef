"""Lists keep filters under names; what no longer fits a list is left out with a note."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from consumers.admin.framework.pages import AccountAdmin, OnePageAdmin
from consumers.choices import StaffRole
from consumers.models import SavedFilter, Site, User
from consumers.services.site import SiteValues, sites_save
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

SITES, LIST = "consumers_site_changelist", "consumers.site"


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    rows = [SiteValues(number=str(n), name=f"Shop {n}", town=town) for n, town in enumerate(("Leeds", "York", "Leeds"))]
    sites_save(account_id=office.account.pk, rows=rows)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def save(office: Office, name: str, query: str, list_name: str = LIST, **values: str) -> Any:
    address = f"{reverse('saved_filter_add', args=[list_name])}?{query}"
    sent = {"name": name, "_form_submitted": "True", **values}
    return office.client.post(address, sent)


def saved(name: str) -> SavedFilter:
    return SavedFilter.objects.get(name=name)


def opened(office: Office, name: str, page: str = SITES) -> Any:
    answer = office.page(page, query=f"?saved_filter={saved(name).pk}")
    assert answer.status_code == 200, answer.status_code
    return answer


def numbers(answer: Any) -> list[str]:
    return [row.number for row in answer.context["cl"].result_list]


def links(answer: Any) -> dict[str, bool]:
    return {link.name: link.is_current for link in answer.context["cl"].saved_filters.links}


def test_filters_search_and_order_are_kept_under_a_name(office: Office) -> None:
    answer = save(office, "Leeds", urlencode({"town": "=Leeds", "q": "Shop", "o": "-1"}))
    address = f"{reverse(f'admin:{SITES}')}?saved_filter={saved('Leeds').pk}"
    assert (answer.status_code, answer["Location"]) == (302, address)
    answer = opened(office, "Leeds")
    assert numbers(answer) == ["2", "0"]
    assert links(answer) == {"All": False, "Leeds": True}
    assert User.objects.get(pk=office.user.pk).list_orders == {}
    assert numbers(office.page(SITES)) == ["0", "1", "2"]


def test_only_parameters_of_the_list_are_kept(office: Office) -> None:
    pairs = [("town", "=Leeds"), ("p", "2"), ("o", "1;x"), ("county", " "), ("e", "1"), ("number", "1")]
    save(office, "Leeds", urlencode(pairs))
    assert saved("Leeds").query == "town=%3DLeeds"


@pytest.mark.parametrize("query", ["", "p=1", "next=//evil.example", "account__name=x", "town=%20", "town=%00"])
def test_a_query_without_filters_is_not_kept(office: Office, query: str) -> None:
    answer = save(office, "None", query)
    assert answer.status_code == 200
    assert "Set a filter, a search or an order first." in answer.content.decode()
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    "query", ["//evil.example", "http://evil.example?q=1", "q=1#//evil.example", "\\evil.example", "%0d%0aLocation:x"]
)
def test_a_stored_query_leads_nowhere_else(office: Office, query: str) -> None:
    save(office, "Leeds", "q=Shop")
    SavedFilter.objects.update(query=query, is_default=True)
    assert "evil" not in opened(office, "Leeds").get("Location", "")
    assert office.page(SITES).status_code == 200


def test_a_filter_whose_value_is_gone_opens_with_a_note(office: Office) -> None:
    save(office, "Leeds", urlencode({"town": "=Leeds", "q": "Shop"}))
    Site.objects.filter(town="Leeds").update(town="Hull")
    answer = opened(office, "Leeds")
    assert numbers(answer) == ["0", "1", "2"]
    note = "“Leeds” has filters that no longer exist. The list is shown without them: Town."
    assert note in answer.content.decode()


def test_a_related_row_that_is_gone_is_left_out_with_a_note(office: Office) -> None:
    fill(office.account)
    site = Site.objects.get(number="1")
    save(office, "York", f"site__id__exact={site.pk}", "loyalty.transaction")
    assert "no longer" not in opened(office, "York", "loyalty_transaction_changelist").content.decode()
    site.delete()
    answer = opened(office, "York", "loyalty_transaction_changelist")
    assert "no longer exist" in answer.content.decode()
    assert len(answer.context["cl"].result_list) > 0


@pytest.mark.parametrize(
    "query", ["flavour=vanilla&q=Shop", "number__in=x&account__code=other&q=Shop", "archived__x=1"]
)
def test_a_filter_that_the_list_no_longer_has_is_left_out_with_a_note(office: Office, query: str) -> None:
    save(office, "Old", "q=Shop")
    SavedFilter.objects.update(query=query)
    answer = opened(office, "Old")
    assert numbers(answer) == ["0", "1", "2"]
    assert "“Old” has filters that no longer exist." in answer.content.decode()


@pytest.mark.parametrize("pk", ["0", "x", "-1", "9" * 40, "１"])  # noqa: RUF001 - a wide digit
def test_a_saved_filter_that_is_gone_opens_the_list(office: Office, pk: str) -> None:
    answer = office.page(SITES, query=f"?saved_filter={pk}")
    assert numbers(answer) == ["0", "1", "2"]
    assert "This saved filter no longer exists" in answer.content.decode()


def test_the_default_view_opens_until_all_or_a_filter_is_asked_for(office: Office) -> None:
    save(office, "Leeds", "town=%3DLeeds", is_default="on")
    answer = office.page(SITES)
    assert (numbers(answer), links(answer)) == (["0", "2"], {"All": False, "Leeds": True})
    assert answer.context["cl"].clear_all_filters_qs == "?saved_filter="
    # No way to all rows leads back to the default view.
    assert 'href="?"' not in answer.content.decode()
    answer = office.page(SITES, query="?saved_filter=")
    assert (numbers(answer), links(answer)) == (["0", "1", "2"], {"All": True, "Leeds": False})
    assert 'href="?"' not in office.page(SITES, query="?q=nothing").content.decode()
    assert numbers(office.page(SITES, query="?q=Shop")) == ["0", "1", "2"]


def test_a_shared_filter_names_who_shared_it_and_nobody_else_changes_it(office: Office) -> None:
    save(office, "Leeds", "town=%3DLeeds", shared="on")
    save(office, "York", "town=%3DYork")
    colleague = office.login(StaffRole.VIEWER)
    answer = colleague.page(SITES)
    bar = answer.context["cl"].saved_filters
    assert [(link.name, link.owner) for link in bar.links] == [("All", ""), ("Leeds", office.user.username)]
    assert bar.manage_address == ""
    assert numbers(opened(colleague, "Leeds")) == ["0", "2"]
    assert numbers(opened(colleague, "York")) == ["0", "1", "2"]
    pk = saved("Leeds").pk
    colleague.client.post(reverse("saved_filters", args=[LIST]), {f"name_{pk}": "Mine", f"delete_{pk}": "on"})
    assert saved("Leeds").shared


def test_filters_are_renamed_shared_and_deleted_together(office: Office) -> None:
    save(office, "Leeds", "town=%3DLeeds")
    save(office, "York", "town=%3DYork")
    leeds, york = saved("Leeds").pk, saved("York").pk
    address = reverse("saved_filters", args=[LIST])
    refused = office.client.post(address, {f"name_{leeds}": "Leeds", f"name_{york}": "leeds"})
    assert "You already have a filter “leeds” in this list." in refused.content.decode()
    sent = {f"name_{leeds}": "In Leeds", f"shared_{leeds}": "on", f"name_{york}": "York", f"delete_{york}": "on"}
    answer = office.client.post(address, sent, follow=True)
    assert "1 filter changed and 1 filter deleted." in answer.content.decode()
    assert list(SavedFilter.objects.values_list("name", "shared")) == [("In Leeds", True)]


def test_a_filter_of_one_account_is_unknown_in_another(office: Office) -> None:
    save(office, "Leeds", "town=%3DLeeds", shared="on", is_default="on")
    other = make_office("other")
    sites_save(account_id=other.account.pk, rows=[SiteValues(number="9")])
    assert numbers(opened(other, "Leeds")) == ["9"]
    assert not links(other.page(SITES))


def test_who_may_not_see_a_list_saves_no_filters_of_it(office: Office) -> None:
    viewer = office.login(StaffRole.VIEWER)
    for name in ("saved_filters", "saved_filter_add"):
        assert viewer.client.get(reverse(name, args=["consumers.staffmembership"])).status_code == 403
        for unknown in (
            "consumers.account",
            "consumers.nothing",
            "nothing",
            "auth.group",
            "promotions.promotionversion",
        ):
            assert office.client.get(reverse(name, args=[unknown])).status_code == 404


def test_filters_are_saved_by_forms_of_this_site_alone(office: Office) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(office.user, backend="consumers.access.MembershipBackend")
    address = f"{reverse('saved_filter_add', args=[LIST])}?q=Shop"
    assert client.post(address, {"name": "x", "_form_submitted": "True"}).status_code == 403
    assert not SavedFilter.objects.exists()


def test_a_popup_shows_no_saved_filters(office: Office) -> None:
    save(office, "Leeds", "town=%3DLeeds", is_default="on")
    answer = office.page(SITES, query="?_popup=1")
    assert numbers(answer) == ["0", "1", "2"]
    assert "saved-filter" not in answer.content.decode()


def test_every_list_with_filters_keeps_them(office: Office) -> None:
    fill(office.account)
    for model, page in admin.site._registry.items():
        if isinstance(page, AccountAdmin) and not isinstance(page, OnePageAdmin) and page.list_filter:
            label = model._meta.label_lower
            assert save(office, f"Of {label}", "o=-1", label).status_code == 302
            answer = opened(office, f"Of {label}", f"{label.replace('.', '_')}_changelist")
            assert links(answer) == {"All": False, f"Of {label}": True}
