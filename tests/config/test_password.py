"""Set a forgotten password: by a link in a mail, or by one that an administrator makes."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client
from django.utils import timezone

from config.logs import hide_link_tokens
from consumers.choices import StaffRole
from consumers.exceptions import NotFound, PasswordLinkDenied
from consumers.models import StaffMembership, User
from consumers.services.password import MAX_MAILS_OF_AN_HOUR, password_link_make
from consumers.services.staff import staff_member_add, staff_member_remove, staff_role_set
from tests.consumers.admin.office import Office, make_office
from tests.consumers.builders import take_away

pytestmark = pytest.mark.django_db

FORGOTTEN = "/admin/password/"
NEW = "green-lantern-8"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Send mail before the answer, where the test sees it."""

    def work_now(work: Callable[[], object]) -> None:
        work()

    monkeypatch.setattr("consumers.admin.password.in_background", work_now)
    # A window of the clock would end in the middle of a test.
    with time_machine.travel(timezone.now().replace(minute=1), tick=True):
        yield


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    return make_office()


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


@pytest.fixture
def sam(office: Office) -> User:
    """A marketer of the office, with an address."""
    return staff_member_add(
        account_id=office.account.pk,
        username="sam",
        email="sam@shop.example",
        role=StaffRole.MARKETER,
        password="correct-horse-7",
    ).user


def ask(entered: str, client: Client | None = None) -> Any:
    return (client or Client()).post(FORGOTTEN, {"entered": entered}, follow=True)


def mailed_link() -> str:
    return str(re.findall(r"http://testserver(/\S+)", str(mail.outbox[-1].body))[0])


def open_link(link: str, client: Client | None = None) -> tuple[Client, Any]:
    """Open a link; return the browser and the page that it leads to."""
    client = client or Client()
    return client, client.get(link, follow=True)


def set_password(link: str, password: str = NEW) -> Any:
    client, answer = open_link(link)
    if not answer.redirect_chain:
        return answer
    return client.post(answer.redirect_chain[-1][0], {"new_password1": password, "new_password2": password})


def has_password(user: User, password: str) -> bool:
    user.refresh_from_db()
    return user.check_password(password)


# --- by mail ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entered", ["sam", "SAM", "sam@shop.example", "Sam@Shop.Example"])
def test_who_forgot_a_password_gets_a_link_and_sets_a_new_one(sam: User, entered: str) -> None:
    ask(entered)
    assert mail.outbox[-1].to == ["sam@shop.example"]
    assert set_password(mailed_link()).status_code == 302
    assert has_password(sam, NEW)


def test_the_answer_does_not_tell_whether_there_is_such_a_person(sam: User) -> None:
    known, unknown = ask("sam"), ask("nobody-here")
    assert len(mail.outbox) == 1
    assert known.status_code == unknown.status_code == 200

    def text(answer: Any) -> str:
        return re.sub(r'(nonce|value|content)="[^"]*"', "", answer.content.decode())

    assert text(known) == text(unknown)


def test_a_link_is_used_once(sam: User) -> None:
    ask("sam")
    link = mailed_link()
    set_password(link)
    answer = set_password(link, "another-lantern-9")
    assert "has expired or was already used" in answer.content.decode()
    assert has_password(sam, NEW)


def test_a_link_ends_within_the_hour(sam: User) -> None:
    ask("sam")
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert "has expired or was already used" in set_password(mailed_link()).content.decode()
    assert not has_password(sam, NEW)


def test_a_link_ends_when_the_person_may_do_something_else(sam: User, office: Office) -> None:
    ask("sam")
    staff_role_set(account_id=office.account.pk, username="sam", role=StaffRole.ADMINISTRATOR)
    assert "has expired or was already used" in set_password(mailed_link()).content.decode()


def test_a_new_password_ends_every_session(sam: User, office: Office) -> None:
    before = Client()
    before.force_login(sam, backend="consumers.access.MembershipBackend")
    assert before.get("/admin/").status_code == 200
    ask("sam")
    set_password(mailed_link())
    assert before.get("/admin/").status_code == 302


def test_a_weak_password_is_refused_with_the_reason(sam: User) -> None:
    ask("sam")
    answer = set_password(mailed_link(), "12345678")
    assert answer.status_code == 200
    assert "entirely numeric" in answer.content.decode()
    assert not has_password(sam, "12345678")


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}, {"email": ""}])
def test_who_cannot_log_in_or_has_no_address_gets_no_mail(sam: User, change: dict[str, Any]) -> None:
    User.objects.filter(pk=sam.pk).update(**change)
    assert ask("sam").status_code == 200
    assert mail.outbox == []


def test_one_person_gets_few_mails_however_many_ask(sam: User) -> None:
    for n in range(10):
        ask("sam", Client(REMOTE_ADDR=f"192.0.2.{n}"))
    assert len(mail.outbox) == MAX_MAILS_OF_AN_HOUR


def test_an_address_that_asks_for_many_is_refused(sam: User) -> None:
    answers = [ask(f"person-{n}") for n in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert "Too many requests for a link" in answers[-1].content.decode()


def test_a_link_leads_back_in_from_an_address_that_is_locked_out(sam: User) -> None:
    for n in range(6):
        Client().post("/admin/login/", {"username": "sam", "password": f"wrong-{n}"})
    ask("sam")
    client, answer = open_link(mailed_link())
    client.post(answer.redirect_chain[-1][0], {"new_password1": NEW, "new_password2": NEW})
    assert client.post("/admin/login/", {"username": "sam", "password": NEW}).status_code == 302


def test_without_mail_the_page_names_the_other_way(sam: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = Client().get(FORGOTTEN).content.decode()
    assert "Ask an administrator" in page
    assert 'name="entered"' not in page


def test_the_log_in_leads_there() -> None:
    assert f'href="{FORGOTTEN}"' in Client().get("/admin/login/").content.decode()


def test_a_link_is_not_written_to_the_log(sam: User, capfd: pytest.CaptureFixture[str]) -> None:
    ask("sam")
    link = mailed_link()
    open_link(link)
    open_link(link + "x/")
    token = link.rstrip("/").rpartition("/")[2]
    assert "/admin/password/set/…" in hidden(link)
    assert token not in capfd.readouterr().err


def hidden(link: str) -> str:
    return str(hide_link_tokens(None, "info", {"request": f"GET {link}", "code": 302})["request"])


def test_a_link_with_nonsense_in_it_is_a_link_that_is_not_valid() -> None:
    for link in (f"{FORGOTTEN}set/x/y/", f"{FORGOTTEN}set/MQ/set-password/", f"{FORGOTTEN}set/%00/%F0%9F%92%A9/"):
        assert "has expired or was already used" in Client().get(link).content.decode()


# --- by an administrator ----------------------------------------------------------------------------------------------


def make_link(office: Office, member: User) -> Any:
    membership = StaffMembership.objects.get(account=office.account, user=member)
    return office.client.post(
        f"/admin/consumers/staffmembership/{membership.pk}/password_link/", {"_form_submitted": "True"}, follow=True
    )


def test_an_administrator_makes_a_link_that_is_shown_once(office: Office, sam: User) -> None:
    page = make_link(office, sam).content.decode()
    link = re.findall(r"http://testserver(/\S+?/)<", page)[0]
    assert link not in office.page("consumers_staffmembership_changelist").content.decode()
    assert set_password(link).status_code == 302
    assert has_password(sam, NEW)


def test_who_has_no_password_yet_sets_one_by_an_administrators_link(office: Office) -> None:
    new = staff_member_add(account_id=office.account.pk, username="new", role=StaffRole.VIEWER).user
    page = make_link(office, new).content.decode()
    set_password(re.findall(r"http://testserver(/\S+?/)<", page)[0])
    assert has_password(new, NEW)


def test_who_made_a_link_is_recorded(office: Office, sam: User) -> None:
    make_link(office, sam)
    membership = StaffMembership.objects.get(user=sam)
    entry = LogEntry.objects.get(object_id=str(membership.pk))
    assert (entry.user, entry.get_change_message()) == (office.user, "The link for a new password is ready.")


def test_nobody_makes_a_link_for_a_member_of_another_account_too(office: Office, sam: User) -> None:
    elsewhere = make_office("elsewhere")
    staff_member_add(account_id=elsewhere.account.pk, username="sam", role=StaffRole.VIEWER)
    answer = make_link(office, sam).content.decode()
    assert "also works for an account whose staff" in answer
    assert "testserver" not in answer
    staff_member_add(account_id=elsewhere.account.pk, username=office.user.username, role=StaffRole.ADMINISTRATOR)
    assert "Copy the link" in make_link(office, sam).content.decode()


def test_nobody_makes_a_link_for_somebody_who_may_do_more(office: Office, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    assert "is an administrator of the whole installation" in make_link(office, sam).content.decode()
    User.objects.filter(pk=sam.pk).update(is_superuser=False)
    staff_role_set(account_id=office.account.pk, username="sam", role=StaffRole.ADMINISTRATOR)
    limited = office.login(StaffRole.ADMINISTRATOR, "limited")
    take_away(limited.user.staff_memberships.get(), "Sites.delete")
    with pytest.raises(PasswordLinkDenied, match="has more permissions than you"):
        password_link_make(account_id=office.account.pk, username="sam", asked_by=limited.user)


def test_nobody_makes_a_link_for_themselves_nor_for_somebody_inactive(office: Office, sam: User) -> None:
    assert "Change your own password" in make_link(office, office.user).content.decode()
    User.objects.filter(pk=sam.pk).update(is_active=False)
    assert "is not active" in make_link(office, sam).content.decode()


def test_a_superuser_makes_a_link_for_anybody(office: Office, sam: User) -> None:
    elsewhere = make_office("elsewhere")
    staff_member_add(account_id=elsewhere.account.pk, username="sam", role=StaffRole.VIEWER)
    root = User.objects.create_superuser("root", password="correct-horse-7")
    assert password_link_make(account_id=office.account.pk, username="SAM", asked_by=root).token


def test_somebody_who_left_is_no_member(office: Office, sam: User) -> None:
    staff_member_remove(account_id=office.account.pk, username="sam")
    with pytest.raises(NotFound):
        password_link_make(account_id=office.account.pk, username="sam", asked_by=office.user)


def test_a_member_of_another_account_is_not_found(office: Office, sam: User) -> None:
    stranger = make_office("elsewhere")
    assert make_link_of(stranger, StaffMembership.objects.get(user=sam)).status_code == 404


def make_link_of(office: Office, membership: StaffMembership) -> Any:
    return office.client.post(
        f"/admin/consumers/staffmembership/{membership.pk}/password_link/", {"_form_submitted": "True"}
    )
