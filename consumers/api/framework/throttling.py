"""How often a key may call."""

import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from consumers.circuit_breaker import CircuitOpen, redis_breaker
from consumers.models import ApiKey

WINDOW = 60


class KeyThrottle(BaseThrottle):
    """At most ``API_REQUESTS_PER_MINUTE`` calls of one key in one minute of the clock; 0 means no limit.

    One counter per key and minute: DRF's own throttle keeps a list of moments, which costs more than many calls do.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        limit: int = settings.API_REQUESTS_PER_MINUTE
        if not limit or not isinstance(request.auth, ApiKey):
            return True
        counter = f"api-calls:{request.auth.prefix}:{int(time.time()) // WINDOW}"
        try:
            calls = redis_breaker.call(_counted, counter)
        # A till must be able to sell while the cache is away, does not answer, or was just emptied.
        except (CircuitOpen, RedisError, ValueError):
            return True
        return calls <= limit

    def wait(self) -> float:
        return WINDOW - time.time() % WINDOW


def _counted(counter: str) -> int:
    """Count one call more, and say how many there are now. All but the first of a minute ask the cache once."""
    try:
        return cache.incr(counter)
    except ValueError:
        # Closes the race of two first calls: one makes the counter, the other counts on.
        return 1 if cache.add(counter, 1, timeout=2 * WINDOW) else cache.incr(counter)
