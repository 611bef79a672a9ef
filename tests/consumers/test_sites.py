"""Sites."""

from typing import Any

import pytest

from consumers.models import Account, Site
from tests.consumers.builders import Shop, attrs_of, errors_of

LEEDS = {
    "name": "Leeds Briggate",
    "address_line_1": "1 Briggate",
    "town": "Leeds",
    "county": "West Yorkshire",
    "postcode": "LS1 6HD",
    "time_zone": "Europe/London",
    "archived": False,
}


def test_a_site_has_an_address_and_a_zone(shop: Shop) -> None:
    assert shop.manager.put("sites/001", LEEDS).json() == {"number": "001", **LEEDS}


def test_a_blank_zone_is_the_accounts(shop: Shop) -> None:
    shop.manager.put("sites/001", {})
    shop.manager.put("sites/900", {"time_zone": "America/New_York"})
    zones = {site.number: site.zone_in(site.account).key for site in Site.objects.select_related("account")}
    assert zones == {"001": "Europe/London", "900": "America/New_York"}


@pytest.mark.parametrize("zone", ["Mars", "europe/london", "/etc/passwd", "../UTC", "Europe/London\n\n", 5, None])
def test_a_zone_is_an_iana_name(shop: Shop, zone: Any) -> None:
    answer = shop.manager.put("sites/001", {"time_zone": zone})
    if zone == "Europe/London\n\n":
        assert answer.json()["time_zone"] == "Europe/London"
    else:
        assert attrs_of(answer) == ["time_zone"]


def test_filters_compare_whole_values(shop: Shop) -> None:
    shop.manager.put("sites/1", LEEDS)
    shop.manager.put("sites/2", {"town": "York"})
    assert [row["number"] for row in shop.manager.get("sites?town=York").json()["results"]] == ["2"]
    assert [row["number"] for row in shop.manager.get("sites?postcode=LS1+6HD").json()["results"]] == ["1"]


def test_a_home_site_of_a_consumer_cannot_be_deleted(shop: Shop) -> None:
    shop.manager.put("sites/1", {})
    shop.manager.put("consumers/c", {"home_site": "1"})
    answer = shop.manager.delete("sites/1")
    assert answer.status_code == 409
    assert errors_of(answer) == {("in_use", None)}
    assert "archived" in answer.json()["errors"][0]["detail"]
    assert shop.manager.patch("sites/1", {"archived": True}).json()["archived"] is True


def test_a_change_of_sites_increases_the_rulebook_version(shop: Shop) -> None:
    versions = [Account.objects.get().rulebook_version]
    for call in (("PUT", {}), ("PATCH", {"town": "x"}), ("DELETE", None)):
        shop.manager.call(call[0], "sites/1", call[1])
        versions.append(Account.objects.get().rulebook_version)
    assert versions == sorted(set(versions))
