"""Log-ins are throttled."""

import pytest
from django.test import Client

from consumers.models import User


def log_in(client: Client, password: str) -> int:
    return client.post("/admin/login/", {"username": "mary", "password": password}).status_code


@pytest.mark.django_db
def test_after_five_wrong_passwords_even_the_right_one_is_refused(client: Client) -> None:
    User.objects.create_user("mary", password="right", is_staff=True)
    assert [log_in(client, "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert log_in(client, "right") == 429


@pytest.mark.django_db
def test_the_right_password_resets_the_count_of_wrong_ones(client: Client) -> None:
    User.objects.create_user("mary", password="right", is_staff=True)
    for _ in range(3):
        assert [log_in(client, "wrong") for _ in range(4)] == [200] * 4
        assert log_in(client, "right") == 302
        client.logout()
