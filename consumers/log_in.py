"""How often passwords may be tried, counted by who tries: a browser that logged in before, or an address.

- A name from one address: five failures in a quarter of an hour.
- All names from one address: fifty.
- A name from a browser in which that person has logged in before, or set a password by a link: five of its own. So
  nobody keeps somebody else out, not even from behind the same proxy: whoever is locked out in a new browser asks for a
  link.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse

from consumers.circuit_breaker import redis_breaker
from consumers.models import User
from consumers.types import JsonMapping

FAILURES_OF_A_NAME = 5
FAILURES_OF_AN_ADDRESS = 50

COOKIE = "known_browser"
COOKIE_SECONDS = 180 * 24 * 3600
MAX_USERS_OF_A_BROWSER = 10

KNOWN_BROWSER_ADDRESS = "::"
"""The address under which the failures of known browsers are counted; nothing is ever sent from it."""


# --- addresses --------------------------------------------------------------------------------------------------------


def client_address(request: HttpRequest) -> str:
    """Return the address that a request came from, as far as it can be believed.

    ``X-Forwarded-For`` is what anybody wrote and then one entry of each proxy. Only the entries of our own proxies, of
    which ``TRUSTED_PROXIES`` is the number, are believed. An IPv6 address stands for its network of 64 bits, which one
    person has to themselves.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = [entry.strip() for entry in request.headers.get("X-Forwarded-For", "").split(",")]
    chain = [*filter(None, forwarded), peer]
    # A request with fewer entries than there are proxies has not come through all of them.
    text = chain[-1 - settings.TRUSTED_PROXIES] if len(chain) > settings.TRUSTED_PROXIES else peer
    try:
        address = ip_address(text)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Network((int(address), 64), strict=False).network_address)
    return str(address)


# --- known browsers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class KnownBrowser:
    """A browser in which people have logged in before, as its signed cookie says."""

    number: str
    usernames: tuple[str, ...]


def known_browser(request: HttpRequest) -> KnownBrowser | None:
    """Return what the browser's cookie says; None without one that is ours."""
    try:
        number, usernames = signing.loads(request.COOKIES.get(COOKIE, ""), salt=COOKIE, max_age=COOKIE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return KnownBrowser(number=str(number), usernames=tuple(usernames))


def browser_remember(sender: object, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """Note that the response makes this browser known for a user: a receiver of ``user_logged_in``."""
    if request is not None:
        request.browser_known_for = user.get_username()  # type: ignore[attr-defined]


class KnownBrowserMiddleware:
    """Gives a browser its cookie once somebody has logged in, or set a password by a link."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        username = getattr(request, "browser_known_for", None)
        if username is not None:
            before = known_browser(request)
            others = tuple(name for name in before.usernames if name != username) if before else ()
            # A new number at each log-in: failures that were counted for the old one are over.
            content = (secrets.token_urlsafe(12), (username, *others)[:MAX_USERS_OF_A_BROWSER])
            response.set_cookie(
                COOKIE,
                signing.dumps(content, salt=COOKIE),
                max_age=COOKIE_SECONDS,
                path="/admin/",
                httponly=True,
                secure=settings.SESSION_COOKIE_SECURE,
                samesite="Lax",
            )
        return response


# --- the limits, for django-axes --------------------------------------------------------------------------------------


def attempted_username(request: HttpRequest, credentials: JsonMapping | None = None) -> str:
    """Return the name that somebody tries to log in with, as it is stored."""
    given = credentials.get("username") if credentials else request.POST.get("username")
    return User.normalize_username(str(given or ""))[:255].replace("\x00", "")


def lockout_parameters(attempt: Any, credentials: JsonMapping | None = None) -> list[str | list[str]]:
    """Return what failures are counted by; ``attempt`` is a request or a stored attempt."""
    address = getattr(attempt, "axes_ip_address", None) or getattr(attempt, "ip_address", None)
    if address == KNOWN_BROWSER_ADDRESS:
        return [["username", "ip_address", "user_agent"]]
    return [["username", "ip_address"], "ip_address"]


class LogInHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts failures of known browsers apart from those of addresses, and has a limit for each."""

    def is_allowed(self, request: Any, credentials: JsonMapping | None = None) -> bool:
        browser = known_browser(request)
        if browser is not None and attempted_username(request, credentials) in browser.usernames:
            request.axes_ip_address = KNOWN_BROWSER_ADDRESS
            request.axes_user_agent = browser.number
        return bool(super().is_allowed(request, credentials))

    def get_failures(self, request: HttpRequest, credentials: JsonMapping | None = None) -> int:
        """Return the failures of the name; those of its address count a tenth."""
        of_name, *of_address = map(_failures, self.get_user_attempts(request, credentials))
        shares = [failures * FAILURES_OF_A_NAME // FAILURES_OF_AN_ADDRESS for failures in of_address]
        return max(of_name, *shares, 0)

    def reset_user_attempts(self, request: HttpRequest, credentials: JsonMapping | None = None) -> int:
        """Forget the failures of the name. Those of its address stay: anybody with a log-in could try on for ever."""
        of_name, *_ = self.filter_user_attempts(request, credentials)
        deleted, _ = of_name.delete()
        return int(deleted)


def _failures(attempts: QuerySet[Any]) -> int:
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0


# --- other limits -----------------------------------------------------------------------------------------------------


def count_within(key: str, *, seconds: int) -> int:
    """Count one use of ``key`` more; return how many there were in this window of the clock.

    Raises:
        RedisError, CircuitOpen: the cache does not answer.
    """
    return redis_breaker.call(_count_within, key, seconds)


def _count_within(key: str, seconds: int) -> int:
    # What people enter may be of any length and hold any character.
    digest = hashlib.sha256(key.encode()).hexdigest()
    counter = f"count:{digest}:{int(time.time()) // seconds}"
    # Closes the race of two first uses: only one makes the counter, and both count.
    cache.add(counter, 0, timeout=2 * seconds)
    return cache.incr(counter)
