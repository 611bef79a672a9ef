"""The title of a row's page."""

import pytest

from consumers.models import Consumer
from tests.consumers.admin.office import make_office

pytestmark = pytest.mark.django_db


def test_a_row_is_called_exactly_by_its_key() -> None:
    office = make_office()
    consumer = Consumer.objects.create(account=office.account, consumer_id="nb-1")
    page = office.page("consumers_consumer_change", consumer.pk).content.decode()
    [heading] = page.split("<h1")[1:]
    assert "nb-1" in heading.split("</h1>")[0]
