"""Lists stay in the order in which each member of staff put them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consumers.choices import StaffRole
from consumers.models import User
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db

SITES = "consumers_site_changelist"


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account, rows=3)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def shown(office: Office, query: str = "", page: str = SITES) -> list[str]:
    answer = office.page(page, query=query)
    assert answer.status_code == 200, answer.status_code
    return [str(row.number)[-1] for row in answer.context["cl"].result_list]


def test_an_order_is_remembered_until_it_is_changed_or_removed(office: Office) -> None:
    assert shown(office) == ["1", "2", "3"]
    assert shown(office, "?o=-1") == ["3", "2", "1"]
    assert shown(office) == ["3", "2", "1"]
    assert shown(office, "?q=Site") == ["3", "2", "1"]
    assert shown(office, "?o=1") == ["1", "2", "3"]
    assert shown(office) == ["1", "2", "3"]
    shown(office, "?o=-1")
    assert shown(office, "?o=") == ["1", "2", "3"]
    assert shown(office) == ["1", "2", "3"]
    assert User.objects.get(pk=office.user.pk).list_orders == {}


def test_orders_are_remembered_per_list_and_user(office: Office) -> None:
    shown(office, "?o=-1")
    office.page("consumers_consumer_changelist", query="?o=-2.1")
    office.user.refresh_from_db()
    assert office.user.list_orders == {"consumers.site": "-1", "consumers.consumer": "-2.1"}
    colleague = office.login(StaffRole.VIEWER, "colleague")
    assert shown(colleague) == ["1", "2", "3"]


@pytest.mark.parametrize("order", ["x", "1;drop", "-", "99999", "1." * 60, "\x00", "1.x"])
def test_an_invalid_order_is_not_remembered(office: Office, order: str) -> None:
    assert office.page(SITES, query=f"?o={order}").status_code in {200, 302}
    office.user.refresh_from_db()
    assert office.user.list_orders == {}


def test_an_order_by_a_removed_column_is_ignored(office: Office) -> None:
    User.objects.filter(pk=office.user.pk).update(list_orders={"consumers.site": "44"})
    assert sorted(shown(office)) == ["1", "2", "3"]


def test_opening_a_list_in_its_remembered_order_writes_nothing(office: Office) -> None:
    shown(office, "?o=-1")
    with CaptureQueriesContext(connection) as queries:
        shown(office, "?o=-1")
        shown(office)
    assert not [query for query in queries if query["sql"].startswith("UPDATE") and "list_orders" in query["sql"]]
