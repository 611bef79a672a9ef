"""Visit every page and send every action: whoever may gets what the table says, and all others change nothing.

``pages`` says which roles may, ``needs`` which grants it takes; the two are compared. Each page is then tried with what
it needs and nothing else, and with everything but one grant that it needs. As a grant never takes a page away, this
holds for each functionality alone, and for all roles between. The four roles visit where their answers differ.

Two refusals are inferred: a list that ignores an action is shown again and writes nothing, and a page that lacks a
grant is asked for without its template and the middleware, which the roles' visits go through.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import pytest
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import Http404
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from consumers.choices import StaffRole
from consumers.functionalities import capabilities, template_grants
from consumers.models import Job, Role, StaffMembership, User
from consumers.services.staff import staff_member_add
from tests.config.admin.needs import Alternatives, needs_of, with_needs
from tests.config.admin.pages import (
    FILTERED_LIST,
    OUTSIDE,
    PAGES,
    A,
    C,
    M,
    P,
    Page,
    S,
    V,
    address_of,
    addresses_of,
    arguments_of,
    page_actions,
    routes,
)
from tests.config.admin.scene import PASSWORD, TAKEN_AWAY, Scene, belongings, make_scene
from tests.config.admin.sending import recorded_writes
from tests.consumers.builders import make_role
from tests.database import module_transaction

pytestmark = pytest.mark.django_db

REFUSED = {403, 404, 405}
TEMPLATES = {
    A: StaffRole.ADMINISTRATOR,
    M: StaffRole.MARKETER,
    C: StaffRole.CUSTOMER_SERVICE,
    V: StaffRole.VIEWER,
}


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    """Make one account for this module; each test rolls back its changes."""
    with django_db_blocker.unblock(), module_transaction():
        yield make_scene()


@pytest.fixture(scope="module")
def other_scene(scene: Scene) -> Scene:
    """Make a second account."""
    return make_scene("penguin")


@pytest.fixture(scope="module")
def scene_rows(scene: Scene, other_scene: Scene) -> set[str]:
    """Return every row of the first account."""
    return belongings(scene.account)


@pytest.fixture(scope="module")
def forms(scene: Scene) -> dict[str, dict[str, Any]]:
    """Cache what the form of each page sends, by the page's key."""
    return {}


def form_sent(scene: Scene, forms: dict[str, dict[str, Any]], page: Page) -> dict[str, Any]:
    """Return what the form of a page sends; the confirmation of an import is read again each time."""
    if page.name.endswith("_process_import"):
        return scene.sent(page)
    if page.key not in forms:
        forms[page.key] = scene.sent(page)
    return forms[page.key]


def rewind(sent: dict[str, Any] | None) -> None:
    """Reset the files that are sent to their beginning."""
    for value in (sent or {}).values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)


def each_page(*without: str) -> pytest.MarkDecorator:
    """Parametrize a test with the pages of the table."""
    pages = [page for page in PAGES if page.name not in without]
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.key)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A visit to a page: the answer, the statements that wrote, and whether any row changed."""

    answer: Any
    statements: list[str]
    changed: bool


@cache
def rows_before(scene: Scene, role: str) -> set[str]:
    """Return every row of the account as a role finds it: the same for each visit, as all are rolled back."""
    return belongings(scene.account)


def visit_page(scene: Scene, role: str, page: Page, sent: dict[str, Any] | None = None) -> Visit:
    """Open a page or send its form, and roll back what that changed."""
    client = scene.browser(role)
    with transaction.atomic():
        scene.visited_by(role)
        address = address_of(page, scene.account)
        rewind(sent)
        # An import preview writes and rolls back by itself: there the rows are compared, not the statements.
        before = None
        if page.name.endswith("_process_import"):
            # The preview that this confirms left rows of its own.
            before = belongings(scene.account)
        elif page.name.endswith("_import"):
            before = rows_before(scene, role)
        with recorded_writes() as statements:
            answer = client.get(address) if sent is None else client.post(address, sent)
        changed = bool(statements) if before is None else belongings(scene.account) != before
        transaction.set_rollback(True)
    return Visit(answer=answer, statements=statements, changed=changed)


def errors_of(answer: Any) -> Any:
    """Return the form errors of an answer, to be shown when a test fails."""
    context = context_of(answer)
    form = context["adminform"].form if "adminform" in context else context.get("form")
    return getattr(form, "errors", None)


# --- the table is whole -----------------------------------------------------------------------------------------------


def test_the_table_names_every_page_and_no_other() -> None:
    assert {page.name for page in PAGES} == {route.name for route in routes() if route.name}
    assert len({page.key for page in PAGES}) == len(PAGES)


def test_the_table_names_every_action_and_no_other() -> None:
    listed: dict[str, set[str]] = {}
    for page in PAGES:
        if page.action:
            listed.setdefault(page.name, set()).add(page.action)
    # The buttons of this page are known to its template alone.
    assert listed.pop("try_basket") == {"_keep", "_forget"}
    assert listed == page_actions()


def test_pages_without_a_name_redirect_or_are_not_found(scene: Scene) -> None:
    unnamed = [route.path for route in routes() if not route.name]
    assert {path.rpartition("/<")[2] for path in unnamed} == {"path:object_id>/", "admin/(?P<url>.*)$"}
    assert scene.browser(V).get("/admin/nowhere/").status_code == 404
    answer = scene.browser(V).get("/admin/consumers/apikey/1/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/consumers/apikey/1/change/")


# --- who may look, who may send ---------------------------------------------------------------------------------------


@each_page("login", "logout", *OUTSIDE)
def test_an_anonymous_visitor_is_sent_to_the_log_in(scene: Scene, page: Page) -> None:
    for sent in (None, {"name": "Changed", "post": "yes", "_form_submitted": "True"}):
        visit = visit_page(scene, "", page, sent)
        assert (visit.answer.status_code, visit.statements) == (302, [])
        assert "/admin/login/" in visit.answer["Location"]


STAFF = (A, P, M, C, V)
"""The roles of an account, those with more first."""


def grants_of(role: str) -> frozenset[str]:
    """Return the grants of a role by its letter."""
    grants = template_grants(TEMPLATES[A if role == P else role])
    return frozenset(grant for grant in grants if role != P or not grant.startswith(TAKEN_AWAY))


def visitors(allowed: frozenset[str]) -> list[str]:
    """Return the roles whose visits tell: the superuser, the last role that is admitted and the first that is not.

    The grants of a page decide about the others.
    """
    admitted = [role for role in STAFF if role in allowed]
    refused = [role for role in STAFF if role not in allowed]
    return [S, *admitted[-1:], *refused[:1]]


def test_the_table_of_roles_says_what_the_grants_of_a_page_say() -> None:
    wrong = [
        (page.key, sorted(allowed ^ by_grants))
        for page in PAGES
        for allowed, needs in zip((page.look, page.send), needs_of(page), strict=True)
        if (by_grants := {S, *(role for role in STAFF if any(need <= grants_of(role) for need in needs))}) != allowed
        and allowed
    ]
    assert wrong == []


@each_page()
def test_a_role_sees_a_page_as_the_table_says(scene: Scene, page: Page) -> None:
    wrong: dict[str, Any] = {}
    for role in visitors(page.look):
        visit = visit_page(scene, role, page)
        answer, expected = visit.answer, {200, 302} if role in page.look else REFUSED
        if answer.status_code not in expected or "/login/" in answer.get("Location", "") or visit.statements:
            wrong[role] = (answer.status_code, visit.statements)
    assert wrong == {}


@each_page()
def test_a_role_sends_a_form_as_the_table_says(scene: Scene, forms: dict[str, dict[str, Any]], page: Page) -> None:
    wrong: dict[str, Any] = {}
    sent = form_sent(scene, forms, page)
    for role in visitors(page.send):
        if page.name.endswith("_process_import"):
            # A file is imported once.
            sent = scene.sent(page, role)
        visit = visit_page(scene, role, page, sent)
        status = visit.answer.status_code
        if role in page.send:
            fine = status in (200, 302) and visit.changed != page.reads
        else:
            # The changelist ignores an action that it does not offer.
            passed_over = bool(page.action) and status in (200, 302)
            fine = (status in REFUSED or passed_over) and not visit.statements
        if not fine:
            wrong[role] = (status, visit.statements[:2], errors_of(visit.answer))
    assert wrong == {}


# --- each functionality alone -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A member of staff whose grants a test sets, visiting pages without their templates, which differ in nothing."""

    membership: StaffMembership

    def hold(self, grants: frozenset[str]) -> None:
        """Give the holder these grants and no others."""
        self.membership.role.grants = sorted(grants)
        Role.objects.filter(pk=self.membership.role_id).update(grants=sorted(grants))

    def is_refused(self, page: Page, address: str, sent: dict[str, Any] | None) -> bool:
        """Return whether a page refuses the holder, or the form what they send."""
        rewind(sent)
        request = RequestFactory().get(address) if sent is None else RequestFactory().post(address, sent)
        request.user = User.objects.get(pk=self.membership.user_id)
        request.user.current_membership = self.membership
        request.session = SessionStore()
        request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        request.resolver_match = resolve(address.partition("?")[0])
        try:
            answer = request.resolver_match.func(request, *request.resolver_match.args, **request.resolver_match.kwargs)
        except (PermissionDenied, Http404):
            return True
        if answer.status_code in REFUSED:
            return True
        # Django leads to the overview where there is no such row.
        is_led_away = answer.status_code == 302 and answer["Location"] == reverse("admin:index")
        # The form says who may not give a role, and what a role may not get.
        gives = {"staff_role", "grants"} & set(errors_of(answer) or ())
        return is_led_away or (sent is not None and (bool(gives) or is_passed_over(page, answer)))


def is_passed_over(page: Page, answer: Any) -> bool:
    """Return whether a list may have ignored an action that it does not offer: it is shown again."""
    return bool(page.action) and (answer.status_code == 302 or "cl" in context_of(answer))


def context_of(answer: Any) -> Any:
    """Return the context of an answer, whether it is rendered or not; empty without a template."""
    return getattr(answer, "context", None) or getattr(answer, "context_data", None) or {}


@pytest.fixture(scope="module")
def holder(scene: Scene) -> Holder:
    """Make a member of staff with a role of no grants."""
    role = make_role(scene.account, title="Holder")
    membership = staff_member_add(account_id=scene.account.pk, username="holder", role=role.title, password=PASSWORD)
    membership.user.current_membership = membership
    return Holder(membership=membership)


WITH_NEEDS = {grant: with_needs([grant]) for grant in capabilities()}


def too_few(needs: Alternatives) -> list[frozenset[str]]:
    """Return the largest sets of grants that do not suffice: all but one that each alternative needs.

    A role with more grants is refused nothing that one with fewer may do: what these sets do not open, none of their
    grants opens alone, nor with others.
    """
    largest: list[frozenset[str]] = []
    sets = {
        frozenset(grant for grant, held in WITH_NEEDS.items() if held.isdisjoint(lacking))
        for lacking in product(*needs)
    }
    for grants in sorted(sets, key=len, reverse=True):
        if not any(grants <= larger for larger in largest):
            largest.append(grants)
    return largest


@each_page("login", "logout", *OUTSIDE)
def test_without_one_grant_that_it_needs_a_page_is_refused(
    scene: Scene, holder: Holder, forms: dict[str, dict[str, Any]], page: Page
) -> None:
    wrong: list[Any] = []
    sent = form_sent(scene, forms, page) if not page.name.endswith("_process_import") else {}
    address = address_of(page, scene.account)
    Job.objects.filter(account=scene.account).update(asked_by=holder.membership.user)
    for way, needs, values in zip(("look", "send"), needs_of(page), (None, sent), strict=True):
        if not getattr(page, way):
            continue
        for held in too_few(needs):
            holder.hold(held)
            with transaction.atomic():
                with recorded_writes() as statements:
                    refused = holder.is_refused(page, address, values)
                transaction.set_rollback(True)
            if not refused or statements:
                wrong.append((way, sorted(WITH_NEEDS.keys() - held), statements[:2]))
    assert wrong == []


@each_page("login", "logout", *OUTSIDE)
def test_what_a_page_needs_is_enough(
    scene: Scene, holder: Holder, forms: dict[str, dict[str, Any]], page: Page
) -> None:
    wrong: list[Any] = []
    is_confirmed = page.name.endswith("_process_import")
    sent = form_sent(scene, forms, page) if not is_confirmed else {}
    address = address_of(page, scene.account)
    Job.objects.filter(account=scene.account).update(asked_by=holder.membership.user)
    client = Client(raise_request_exception=True)
    client.force_login(holder.membership.user, backend="consumers.access.MembershipBackend")
    for way, needs, values in zip(("look", "send"), needs_of(page), (None, sent), strict=True):
        if not getattr(page, way):
            continue
        for held in needs:
            holder.hold(held)
            rewind(values)
            with transaction.atomic():
                # Who confirms a file has previewed it.
                sends = scene.confirmation(page, client) if is_confirmed and values is not None else values
                with recorded_writes() as statements:
                    answer = client.get(address) if sends is None else client.post(address, sends)
                transaction.set_rollback(True)
            is_done = values is None or bool(statements) or (page.reads and not is_passed_over(page, answer))
            if answer.status_code not in (200, 302) or errors_of(answer) or not is_done:
                wrong.append((way, sorted(held), answer.status_code, errors_of(answer)))
    assert wrong == []


MEMBERS_DEEDS: dict[str, dict[str, Any]] = {
    "consumers_staffmembership_change": {"staff_role": "Spare role of ostrich"},
    "consumers_staffmembership_delete": {"post": "yes"},
    "consumers_staffmembership_password_link": {"_form_submitted": "True"},
}


@pytest.mark.parametrize("name", MEMBERS_DEEDS)
def test_a_member_who_may_do_more_is_left_alone(scene: Scene, name: str) -> None:
    """P has not all that a viewer sees; an administrator has."""
    viewer = scene.users[V].staff_memberships.get()
    address, sent = reverse(f"admin:{name}", args=[viewer.pk]), MEMBERS_DEEDS[name]
    answers = {}
    for role in (P, A):
        with transaction.atomic():
            with recorded_writes() as statements:
                answer = scene.browser(role).post(address, sent)
            transaction.set_rollback(True)
        answers[role] = (answer.status_code in REFUSED, bool(statements))
    assert answers == {P: (True, False), A: (False, True)}


def test_a_list_deletes_no_member_who_may_do_more(scene: Scene) -> None:
    sent = {"action": "delete_chosen", "_selected_action": [str(scene.users[V].staff_memberships.get().pk)]}
    address, memberships = reverse("admin:consumers_staffmembership_changelist"), scene.account.staff_memberships
    left = {}
    for role in (P, A):
        with transaction.atomic():
            scene.browser(role).post(address, {**sent, "confirmed": "yes"})
            left[role] = memberships.filter(user=scene.users[V]).exists()
            transaction.set_rollback(True)
    assert left == {P: True, A: False}


# --- what is of personalized promotions -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if P in page.look], ids=lambda page: page.key)
def test_without_the_permission_no_page_mentions_personalized_promotions(scene: Scene, page: Page) -> None:
    """Neither their existence, nor their names, nor their addresses."""
    code, client = scene.account.code, scene.browser(P)
    words = ("personalized promotion", "personalizedpromotion", "personalizedlist", f"{code}-pp", f"pick of {code}")
    scene.visited_by(P)
    for address in addresses_of(page, scene.account):
        answer = client.get(address)
        text = "" if answer.streaming else answer.content.decode().lower()
        assert [word for word in words if word in text] == [], address


# --- another account --------------------------------------------------------------------------------------------------


def words_with(code: str, text: str) -> set[str]:
    """Return the words of a text that begin with an account's code."""
    return set(re.findall(rf"{code}[\w-]*", text))


def sent_text(sent: dict[str, Any] | None) -> str:
    """Join everything that is sent into one text."""
    texts = []
    for value in (sent or {}).values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
            texts.append(value.read().decode())
            value.seek(0)
        else:
            texts.append(str(value))
    return " ".join(texts)


@each_page(*OUTSIDE)
def test_staff_of_another_account_see_and_change_nothing(
    scene: Scene, other_scene: Scene, scene_rows: set[str], forms: dict[str, dict[str, Any]], page: Page
) -> None:
    code, client = scene.account.code, other_scene.browser(A)
    address = address_of(page, scene.account)
    names_a_row = bool(set(arguments_of(page, scene.account)) - {page.action, "promotions", FILTERED_LIST})
    for sent in (None, form_sent(scene, forms, page)):
        rewind(sent)
        with transaction.atomic():
            with recorded_writes() as statements:
                answer = client.get(address) if sent is None else client.post(address, sent)
            changed = scene_rows ^ belongings(scene.account) if statements else set()
            transaction.set_rollback(True)
        # The answer may repeat what was sent.
        disclosed = words_with(code, "" if answer.streaming else answer.content.decode()) - words_with(
            code, sent_text(sent)
        )
        assert answer.status_code < 500
        assert (changed, disclosed) == (set(), set())
        assert not names_a_row or answer.status_code != 200
