"""The account: output by a command, changed by its manager."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consumers.models import Account, ApiKey
from consumers.services.account import rulebook_version_advance, rulebook_version_bump
from tests.consumers.builders import Api, Shop, attrs_of, errors_of

FRESH = {
    "code": "shop",
    "name": "shop",
    "currency": "GBP",
    "time_zone": "Europe/London",
    "points_per_currency_unit": "1",
    "other_earn_rates": {},
    "point_value": "0.01",
    "catalogue_enabled": True,
    "late_transaction_days": 30,
    "arrival_grace_days": 14,
    "expected_redemption": "100",
    "universal_holdout": None,
}


def create(*args: str) -> None:
    call_command("account_create", *args)


@pytest.mark.django_db
def test_the_command_prints_one_object_with_working_keys(capsys: pytest.CaptureFixture[str]) -> None:
    create("acme", "--currency", "JPY", "--time-zone", "Asia/Tokyo", "--name", "Acme KK")
    output = json.loads(capsys.readouterr().out)
    assert set(output) == {"account", "manager_key", "till_key"}
    assert output["account"] == "acme"
    shown = Api(output["manager_key"]).get("account").json()
    assert (shown["name"], shown["currency"], shown["time_zone"]) == ("Acme KK", "JPY", "Asia/Tokyo")
    assert Api(output["till_key"]).get("account").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "currency", "zone", "named"),
    [
        ("acme", "QQQ", "UTC", "currency"),
        ("acme", "gbp", "UTC", "currency"),
        ("acme", "", "UTC", "currency"),
        ("acme", "GBP", "Europe/Atlantis", "time_zone"),
        ("acme", "GBP", "../etc/passwd", "time_zone"),
        ("a b", "GBP", "UTC", "code"),
        ("", "GBP", "UTC", "code"),
        ("x" * 65, "GBP", "UTC", "code"),
    ],
)
def test_the_command_refuses_invalid_values(code: str, currency: str, zone: str, named: str) -> None:
    with pytest.raises(CommandError, match=named):
        create(code, "--currency", currency, "--time-zone", zone)
    assert not Account.objects.exists()


@pytest.mark.django_db
def test_the_command_refuses_an_account_that_exists(shop: Shop) -> None:
    with pytest.raises(CommandError, match="already"):
        create("shop", "--currency", "EUR", "--time-zone", "UTC")
    assert Account.objects.get().currency == "GBP"
    assert ApiKey.objects.count() == 2


def test_a_fresh_account_has_the_defaults(shop: Shop) -> None:
    assert shop.manager.get("account").json() == FRESH


def test_a_patch_changes_what_it_names(shop: Shop) -> None:
    body = {"name": "Shop & Sons", "points_per_currency_unit": "2.5", "late_transaction_days": 3650}
    answer = shop.manager.patch("account", body)
    assert answer.status_code == 200
    assert answer.json() == FRESH | body == shop.manager.get("account").json()


def test_the_answer_of_get_can_be_sent_as_a_patch(shop: Shop) -> None:
    assert shop.manager.patch("account", FRESH).json() == FRESH


def test_other_earn_rates_are_merged_and_a_null_takes_one_away(shop: Shop) -> None:
    shop.manager.patch("account", {"other_earn_rates": {"EUR": "1.50"}})
    assert shop.manager.patch("account", {"other_earn_rates": {"USD": 2}}).json()["other_earn_rates"] == {
        "EUR": "1.5",
        "USD": "2",
    }
    assert shop.manager.patch("account", {"other_earn_rates": {"EUR": None}}).json()["other_earn_rates"] == {"USD": "2"}


def test_more_rates_than_there_are_currencies_are_one_problem(shop: Shop) -> None:
    rates = {f"A{number}": "1" for number in range(5_000)}
    answer = shop.manager.patch("account", {"other_earn_rates": rates})
    assert [(problem["code"], problem["attr"]) for problem in answer.json()["errors"]] == [
        ("max_length", "other_earn_rates")
    ]


def test_of_many_unknown_fields_the_first_thousand_are_told(shop: Shop) -> None:
    answer = shop.manager.patch("account", {f"f{number}": 1 for number in range(5_000)})
    assert len(answer.json()["errors"]) == 1_000


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"code": "other", "colour": 1}, "colour"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"currency": "QQQ"}, "currency"),
        ({"currency": ["GBP"]}, "currency"),
        ({"currency": ""}, "currency"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"points_per_currency_unit": "-1"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": 1.5}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "1.23456"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "NaN"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "Infinity"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "1e1000000"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "1e-1000000"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "1_000"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "1e2"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "٣"}, "points_per_currency_unit"),
        ({"points_per_currency_unit": ""}, "points_per_currency_unit"),
        ({"points_per_currency_unit": "9" * 41}, "points_per_currency_unit"),
        ({"points_per_currency_unit": True}, "points_per_currency_unit"),
        ({"points_per_currency_unit": 10**400}, "points_per_currency_unit"),
        ({"point_value": "0.0000001"}, "point_value"),
        ({"point_value": None}, "point_value"),
        ({"point_value": {}}, "point_value"),
        ({"catalogue_enabled": "yes"}, "catalogue_enabled"),
        ({"late_transaction_days": -1}, "late_transaction_days"),
        ({"arrival_grace_days": 3651}, "arrival_grace_days"),
        ({"arrival_grace_days": None}, "arrival_grace_days"),
        ({"expected_redemption": "100.01"}, "expected_redemption"),
        ({"expected_redemption": "-1"}, "expected_redemption"),
        ({"expected_redemption": "33.333"}, "expected_redemption"),
        ({"late_transaction_days": 36501}, "late_transaction_days"),
        ({"late_transaction_days": 10**30}, "late_transaction_days"),
        ({"late_transaction_days": "30"}, "late_transaction_days"),
        ({"late_transaction_days": 30.0}, "late_transaction_days"),
        ({"late_transaction_days": True}, "late_transaction_days"),
        ({"other_earn_rates": []}, "other_earn_rates"),
        ({"other_earn_rates": None}, "other_earn_rates"),
        ({"other_earn_rates": {"QQQ": "1"}}, "other_earn_rates.QQQ"),
        ({"other_earn_rates": {"EUR": "-1"}}, "other_earn_rates.EUR"),
        ({"other_earn_rates": {"EUR": 1.5}}, "other_earn_rates.EUR"),
        ({"other_earn_rates": {"EUR": []}}, "other_earn_rates.EUR"),
        ({"other_earn_rates": {"GBP": "1"}}, "other_earn_rates"),
    ],
)
def test_invalid_values_are_named_and_change_nothing(shop: Shop, body: dict[str, Any], attr: str) -> None:
    answer = shop.manager.patch("account", body)
    assert answer.status_code == 400
    assert attrs_of(answer) == [attr]
    assert shop.manager.get("account").json() == FRESH


def test_numbers_are_read_as_people_write_them(shop: Shop) -> None:
    for sent, shown in (("1.50", "1.5"), ("0", "0"), (3, "3"), ("0.0100", "0.01"), (" 2 ", "2"), ("-0", "0")):
        assert (
            shop.manager.patch("account", {"points_per_currency_unit": sent}).json()["points_per_currency_unit"]
            == shown
        )


def test_the_currency_is_fixed_once_there_are_amounts_in_it(shop: Shop) -> None:
    assert shop.manager.patch("account", {"currency": "EUR"}).json()["currency"] == "EUR"
    shop.manager.put("products/A", {"retail_price": "1.00"})
    answer = shop.manager.patch("account", {"currency": "JPY"})
    assert answer.status_code == 409
    assert errors_of(answer) == {("in_use", None)}
    assert shop.manager.patch("account", {"name": "x", "currency": "EUR"}).status_code == 200


def test_the_history_of_an_account_names_the_key_that_changed_it(shop: Shop) -> None:
    shop.manager.patch("account", {"point_value": "0.02"})
    newest = Account.history.first()
    assert newest.history_change_reason == "API key manager"
    assert str(newest.point_value) == "0.020000"


def test_each_change_increases_the_rulebook_version(shop: Shop) -> None:
    before = Account.objects.get().rulebook_version
    shop.manager.patch("account", {"point_value": "0.02"})
    assert Account.objects.get().rulebook_version == before + 1
    shop.manager.patch("account", {"point_value": "x"})
    assert Account.objects.get().rulebook_version == before + 1


def test_a_change_increases_the_rulebook_version_once(shop: Shop) -> None:
    before = Account.objects.get()
    assert rulebook_version_bump(account_id=before.pk) == before.rulebook_version + 1
    account = Account.objects.get()
    assert rulebook_version_advance(account=account) == before.rulebook_version + 2
    assert rulebook_version_advance(account=account, removed=True) == before.rulebook_version + 3
    after = Account.objects.get()
    assert (after.rulebook_version, after.rulebook_epoch) == (before.rulebook_version + 3, before.rulebook_epoch + 1)


def test_an_account_knows_its_zone(shop: Shop) -> None:
    assert datetime(2026, 7, 1, tzinfo=UTC).astimezone(shop.account.zone).hour == 1
