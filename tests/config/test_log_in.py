"""How often passwords may be tried, and by whom; what a user name is."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.migrations import RunPython
from django.test import Client, RequestFactory
from django.utils import timezone

from consumers.log_in import COOKIE, FAILURES_OF_A_NAME, FAILURES_OF_AN_ADDRESS, client_address
from consumers.models import User

STRANGER, OFFICE = "203.0.113.9", "198.51.100.7"


class Person:
    """Somebody with a browser of their own, at an address."""

    def __init__(self, address: str = OFFICE, **headers: str) -> None:
        self.client = Client(REMOTE_ADDR=address, headers=headers)

    def log_in(self, password: str, username: str = "mary") -> int:
        return self.client.post("/admin/login/", {"username": username, "password": password}).status_code

    def log_out(self) -> None:
        # Django's own method of the client would drop the other cookies, too.
        self.client.post("/admin/logout/")

    def try_passwords(self, number: int, username: str = "mary") -> list[int]:
        return [self.log_in(f"wrong-{n}", username) for n in range(number)]


@pytest.fixture
def mary(db: None) -> User:
    return User.objects.create_user("mary", password="right", is_staff=True)


# --- a name from an address -------------------------------------------------------------------------------------------


def test_after_five_wrong_passwords_even_the_right_one_is_refused(mary: User) -> None:
    person = Person()
    assert person.try_passwords(5) == [200, 200, 200, 200, 429]
    assert person.log_in("right") == 429


def test_the_right_password_resets_the_count_of_wrong_ones(mary: User) -> None:
    person = Person()
    for _ in range(3):
        assert person.try_passwords(4) == [200] * 4
        assert person.log_in("right") == 302
        person.log_out()


def test_a_wrong_password_is_told_without_asking_for_other_letters_in_the_name(mary: User) -> None:
    page = Person().client.post("/admin/login/", {"username": "MARY", "password": "wrong"}).content.decode()
    assert "Wrong user name or password. Passwords are case-sensitive." in page


def test_a_name_in_other_letters_is_the_same_name(mary: User) -> None:
    person = Person()
    names = ["mary", "Mary", "MARY", "\uff4dary", "mAry"]
    assert [person.log_in("wrong", name) for name in names] == [200, 200, 200, 200, 429]


def test_a_quarter_of_an_hour_later_it_may_be_tried_again(mary: User) -> None:
    person = Person()
    person.try_passwords(5)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert person.log_in("right") == 302


# --- an address -------------------------------------------------------------------------------------------------------


def test_an_address_that_tries_many_names_is_refused(mary: User) -> None:
    for n in range(FAILURES_OF_AN_ADDRESS):
        Person(STRANGER).log_in("password1", f"person-{n}")
    assert Person(STRANGER).log_in("right") == 429
    assert Person(OFFICE).log_in("right") == 302


def test_a_log_in_of_ones_own_does_not_let_an_address_try_on(mary: User) -> None:
    User.objects.create_user("insider", password="known", is_staff=True)
    for n in range(FAILURES_OF_AN_ADDRESS - 1):
        Person(STRANGER).log_in("password1", f"person-{n}")
    assert Person(STRANGER).log_in("known", "insider") == 302
    assert [Person(STRANGER).log_in("password1", f"another-{n}") for n in range(2)] == [429, 429]


def test_a_network_of_one_person_is_one_address(mary: User) -> None:
    addresses = [f"2001:db8:1:2::{n:x}" for n in range(1, FAILURES_OF_A_NAME + 1)]
    assert [Person(address).log_in("wrong") for address in addresses][-1] == 429
    assert Person("2001:db8:1:3::1").log_in("right") == 302


# --- strangers behind the same proxy ----------------------------------------------------------------------------------


def test_a_stranger_behind_the_same_proxy_keeps_nobody_out_who_logged_in_before(mary: User) -> None:
    known = Person()
    assert known.log_in("right") == 302
    known.log_out()
    stranger = Person()
    assert stranger.try_passwords(20)[-1] == 429
    for n in range(FAILURES_OF_AN_ADDRESS):
        stranger.log_in("password1", f"person-{n}")
    assert known.log_in("right") == 302


def test_a_known_browser_may_not_try_for_ever_either(mary: User) -> None:
    known = Person()
    known.log_in("right")
    known.log_out()
    assert known.try_passwords(5) == [200, 200, 200, 200, 429]
    assert known.log_in("right") == 429


def test_a_browser_is_known_for_those_who_logged_in_there_and_nobody_else(mary: User) -> None:
    User.objects.create_user("sam", password="right-2", is_staff=True)
    insider = Person()
    assert insider.log_in("right-2", "sam") == 302
    insider.log_out()
    Person().try_passwords(5)
    assert insider.log_in("right") == 429
    assert insider.log_in("right-2", "sam") == 302


def test_several_people_share_a_known_browser(mary: User) -> None:
    User.objects.create_user("sam", password="right-2", is_staff=True)
    desk = Person()
    for password, name in (("right", "mary"), ("right-2", "sam")):
        assert desk.log_in(password, name) == 302
        desk.log_out()
    for name in ("mary", "sam"):
        Person().try_passwords(5, name)
    assert desk.log_in("right") == 302


def test_a_cookie_that_is_not_ours_knows_nobody(mary: User) -> None:
    forger = Person()
    forger.try_passwords(5)
    for value in ("", "nonsense", "WyJhIixbIm1hcnkiXV0:1tX:AAAA"):
        forger.client.cookies[COOKIE] = value
        assert forger.log_in("right") == 429


def test_the_cookie_is_for_the_admin_alone_and_for_no_script(mary: User) -> None:
    person = Person()
    person.log_in("right")
    cookie = person.client.cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/admin/", True, "Lax")
    assert "right" not in cookie.value


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", "10.0.0.1"),
        (0, "203.0.113.9", "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        (2, "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, "203.0.113.9, ' OR 1=1", "10.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_only_the_entries_of_our_own_proxies_are_believed(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().post("/admin/login/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == address


def test_a_made_up_address_does_not_give_more_attempts(mary: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    statuses = [
        Person("10.0.0.1", X_Forwarded_For=f"192.0.2.{n}, {STRANGER}").log_in("wrong")
        for n in range(FAILURES_OF_A_NAME)
    ]
    assert statuses[-1] == 429
    assert Person("10.0.0.1", X_Forwarded_For=OFFICE).log_in("right") == 302


# --- user names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["mary", "Mary", "MARY", "\uff4dary"])
def test_a_log_in_takes_the_name_however_it_is_written(mary: User, written: str) -> None:
    assert Person().log_in("right", written) == 302


@pytest.mark.django_db
@pytest.mark.parametrize(("written", "kept"), [("Mary", "mary"), ("ÄRGER", "ärger"), ("STRASSE", "strasse")])
def test_a_name_is_kept_in_small_letters(written: str, kept: str) -> None:
    assert User.objects.create_user(written, password="right").username == kept
    assert User.normalize_username(kept) == kept


def test_the_database_refuses_a_second_way_to_write_a_name(mary: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="Mary")


@pytest.fixture
def names_of_any_case(transactional_db: None) -> Iterator[None]:
    """Let user names have capital letters, as before the migration that writes them small."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            yield
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
        return
    held = next(each for each in User._meta.constraints if each.name == "user_name_in_small_letters")
    with connection.schema_editor() as editor:
        editor.remove_constraint(User, held)
    yield
    User.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(User, held)


def test_of_several_people_with_one_name_the_last_to_log_in_keeps_it(
    names_of_any_case: None, capsys: pytest.CaptureFixture[str]
) -> None:
    now = timezone.now()
    for username, days in (("Mary", 9), ("MARY", 1), ("mary", 5), ("mary-2", 3), ("Sam", None)):
        seen = None if days is None else now - timedelta(days=days)
        User.objects.create(username=username, last_login=seen, first_name=username)
    migration = import_module("consumers.migrations.0010_user_names_in_small_letters").Migration
    for operation in migration.operations:
        if isinstance(operation, RunPython):
            write_small: Any = operation.code
            write_small(apps, None)
    renamed = dict(User.objects.values_list("first_name", "username"))
    assert renamed == {"MARY": "mary", "mary": "mary-3", "Mary": "mary-4", "mary-2": "mary-2", "Sam": "sam"}
    assert "The log-in Mary is now mary-4" in capsys.readouterr().out
