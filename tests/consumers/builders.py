"""Builders of accounts with API keys, and an API client."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from rest_framework.test import APIClient

from consumers.choices import StaffRole
from consumers.error_codes import error_codes_registered
from consumers.models import Account, Role, StaffMembership
from consumers.services.account import account_create
from consumers.services.staff import staff_member_add

MEMBER = {"enrolled_on": "2025-01-01"}
PASSWORD = "correct-horse-battery"


def with_known_codes(answer: Any) -> Any:
    """Return an answer, whose error codes are all registered with the status that it has."""
    if answer.status_code >= 400 and "json" in answer.headers.get("Content-Type", ""):
        registered = error_codes_registered()
        for error in answer.json()["errors"]:
            code = registered.get(error["code"])
            assert code is not None, f"{error['code']}: register this code in the error_codes.py of its package"
            assert code.status == answer.status_code, (error, answer.status_code)
    return answer


def make_role(account: Account, *grants: str, title: str = "Own", **values: Any) -> Role:
    """Make a role of an account out of grants such as ``Sites.see``, whoever could give them."""
    return Role.objects.create(account=account, name=f"role {uuid4()}", title=title, grants=list(grants), **values)


def take_away(membership: StaffMembership, *functionalities: str) -> Role:
    """Give a member a role like theirs without some functionalities, or without some grants; return it."""
    grants = [
        grant
        for grant in membership.role.held_grants
        if grant not in functionalities and grant.partition(".")[0] not in functionalities
    ]
    membership.role = make_role(membership.account, *grants, title=f"Less {uuid4()}")
    membership.save()
    return membership.role


class Api:
    """A client of ``/api/v1/`` with one key."""

    def __init__(self, key: str = "") -> None:
        self.client = APIClient(raise_request_exception=True)
        if key:
            self.client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        address = path if path.startswith("http") else f"/api/v1/{path}"
        if body is not None:
            kwargs |= {"data": body, "format": "json"}
        return with_known_codes(getattr(self.client, method.lower())(address, **kwargs))

    def raw(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> Any:
        answer = self.client.generic(method, f"/api/v1/{path}", body, content_type)  # type: ignore[arg-type]
        return with_known_codes(answer)

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """An account with API clients: manager, till, and one without a key."""

    account: Account
    manager: Api
    till: Api
    nobody: Api
    manager_key: str
    till_key: str


def make_shop(code: str = "shop", *, currency: str = "GBP", time_zone: str = "Europe/London") -> Shop:
    created = account_create(code=code, currency=currency, time_zone=time_zone)
    return Shop(
        account=created.account,
        manager=Api(created.manager_key),
        till=Api(created.till_key),
        nobody=Api(),
        manager_key=created.manager_key,
        till_key=created.till_key,
    )


def make_staff(account: Account, username: str = "sam", role: StaffRole = StaffRole.MARKETER) -> StaffMembership:
    return staff_member_add(account_id=account.pk, username=username, role=role, password=PASSWORD)


def quoted(key: str) -> str:
    return quote(key, safe="")


def errors_of(answer: Any) -> set[tuple[str, str | None]]:
    """Return the (code, attr) pairs of a refusal."""
    return {(error["code"], error["attr"]) for error in answer.json()["errors"]}


def attrs_of(answer: Any) -> list[str | None]:
    return [error["attr"] for error in answer.json()["errors"]]
