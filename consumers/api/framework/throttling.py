"""How often a key may call."""

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from consumers.circuit_breaker import CircuitOpen, redis_breaker
from consumers.models import ApiKey

WINDOW = 60


class Rate(NamedTuple):
    """What a key has called in a minute of the clock, and when that ends."""

    limit: int
    calls: int
    ends_at: float

    def headers(self) -> Iterator[tuple[str, str]]:
        """Yield the header fields of the IETF's draft on rate limits."""
        yield "RateLimit-Policy", f"{self.limit};w={WINDOW}"
        yield "RateLimit-Limit", str(self.limit)
        yield "RateLimit-Remaining", str(max(self.limit - self.calls, 0))
        yield "RateLimit-Reset", str(max(math.ceil(self.ends_at - time.time()), 0))


class KeyThrottle(BaseThrottle):
    """At most ``API_REQUESTS_PER_MINUTE`` calls of one key in one minute of the clock; 0 means no limit.

    One counter per key and minute: DRF's own throttle keeps a list of moments, which costs more than many calls do. A
    list counts each of its rows. It is taken as long as the key has a call left, whatever its rows: what they count
    beyond the limit only keeps the key's other calls out for the rest of the minute.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        limit: int = settings.API_REQUESTS_PER_MINUTE
        if not limit or not isinstance(request.auth, ApiKey):
            return True
        view.rate = rate_counted(request.auth, calls=1)
        return view.rate is None or view.rate.calls <= limit

    def wait(self) -> float:
        return WINDOW - time.time() % WINDOW


def rate_counted(key: ApiKey, *, calls: int) -> Rate | None:
    """Count ``calls`` of a key in this minute; return what it has called, or None while the cache is away."""
    minute = int(time.time()) // WINDOW
    counter = f"api-calls:{key.prefix}:{minute}"
    try:
        counted = redis_breaker.call(_counted, counter, calls)
    # A till must be able to sell while the cache is away, does not answer, or was just emptied.
    except (CircuitOpen, RedisError, ValueError):
        return None
    return Rate(limit=settings.API_REQUESTS_PER_MINUTE, calls=counted, ends_at=(minute + 1) * WINDOW)


def _counted(counter: str, calls: int) -> int:
    """Count more calls, and say how many there are now. All but the first of a minute ask the cache once."""
    try:
        return cache.incr(counter, calls)
    except ValueError:
        # Closes the race of two first calls: one makes the counter, the other counts on.
        return calls if cache.add(counter, calls, timeout=2 * WINDOW) else cache.incr(counter, calls)
