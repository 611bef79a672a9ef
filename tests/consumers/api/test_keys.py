"""Who may call, and how often."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from consumers.choices import KeyRole
from consumers.models import ApiKey
from consumers.services.account import api_key_create, api_key_revoke
from tests.consumers.builders import Api, Shop


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Api-Key",
        "Api-Key ",
        "Api-Key nonsense",
        "Api-Key a.b.c",
        "Api-Key ........",
        "Api-Key \x00.\x00",
        "Api-Key é.ü",
        "Bearer {manager}",
        "Basic {manager}",
        "{manager}",
        "Api-Key {prefix}",
        "Api-Key {prefix}.wrong",
        "Api-Key {manager}x",
        "Api-Key x{manager}",
    ],
)
def test_no_key_and_a_bad_key_are_a_401(shop: Shop, header: str | None) -> None:
    prefix = shop.manager_key.partition(".")[0]
    if header is not None:
        shop.nobody.client.credentials(HTTP_AUTHORIZATION=header.format(manager=shop.manager_key, prefix=prefix))
    answer = shop.nobody.get("sites")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Api-Key"
    assert answer.json()["type"] == "client_error"


def test_the_scheme_is_read_without_regard_to_case(shop: Shop) -> None:
    assert shop.nobody.client.get("/api/v1/sites", HTTP_AUTHORIZATION=f"api-key {shop.manager_key}").status_code == 200


def test_a_revoked_key_is_refused(shop: Shop) -> None:
    api_key_revoke(account_id=shop.account.pk, prefix=shop.manager_key.partition(".")[0])
    assert shop.manager.get("sites").status_code == 401
    assert shop.till.get("consumers?loyalty_card=x").status_code == 200


def test_an_expired_key_is_refused(shop: Shop) -> None:
    ApiKey.objects.filter(account=shop.account).update(expiry_date=timezone.now() - timedelta(seconds=1))
    assert shop.manager.get("sites").status_code == 401


def test_a_key_works_until_it_expires(shop: Shop) -> None:
    ApiKey.objects.filter(account=shop.account).update(expiry_date=timezone.now() + timedelta(hours=1))
    assert shop.manager.get("sites").status_code == 200


def test_keys_are_stored_hashed(shop: Shop) -> None:
    secret = shop.manager_key.partition(".")[2]
    stored = [value for row in ApiKey.objects.values() for value in row.values()]
    assert not any(secret in str(value) for value in stored)


def test_a_key_costs_one_statement(shop: Shop, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert shop.manager.get("account").status_code == 200


def test_a_key_over_its_rate_limit_learns_when_to_retry(shop: Shop, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    answers = [shop.manager.get("account") for _ in range(5)]
    assert 429 in [answer.status_code for answer in answers]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["errors"][0]["code"] == "throttled"
    assert shop.till.get("consumers?loyalty_card=x").status_code == 200


def test_calls_are_not_counted_where_no_limit_is_set(shop: Shop, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0
    assert {shop.manager.get("account").status_code for _ in range(5)} == {200}


def test_one_account_may_have_many_keys(shop: Shop) -> None:
    _, secret = api_key_create(account_id=shop.account.pk, name="warehouse", role=KeyRole.MANAGER)
    assert Api(secret).put("sites/9", {}).status_code == 201
    assert shop.manager.get("sites/9").status_code == 200
