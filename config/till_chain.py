"""The way of a till's call to its view and back: one middleware that does what the pages' middlewares would do for it.

A till sends a key and no cookie, and gets JSON. Sessions, forms, messages, log-ins and static files are nothing to it,
but each of their middlewares takes its turn in every call. ``TillChain`` stands before all of them and sends tills'
calls past them; what a caller, the log and the metrics see is the same (decision 45, tests/config/test_till_chain.py).

An exception becomes an answer where it would among the pages' middlewares, since an answer is given only the headers of
the steps outside of that place: that of a wrong host, say, has those of security and not that of frames.
"""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from django.urls import get_resolver
from django_prometheus.middleware import PrometheusAfterMiddleware
from django_prometheus.utils import Time, TimeSince
from structlog.contextvars import bind_contextvars, clear_contextvars

from config.errors import UnavailableMiddleware
from config.requests import REQUEST_ID, RequestLogMiddleware, request_identify, response_identify
from consumers.normal_form import query_normalize

Answering = Callable[[HttpRequest], HttpResponse]

_FIRST_LOGGED_STATUS: Final = 300
"""Successes are only logged at the level DEBUG."""
_request_log = logging.getLogger("django_structlog.middlewares.request")


@lru_cache(maxsize=1024)
def _labelled(metric: Any, *labels: str) -> Any:
    """Return the child of a metric for these labels, looked up once; bounded, as callers choose the method."""
    return metric.labels(*labels)


def _answered(step: Any) -> Answering:
    """Return a step that always answers: an exception becomes the answer that Django has for it."""
    return convert_exception_to_response(step)  # type: ignore[return-value]


class TillChain:
    """Sends tills' calls past the middlewares of pages. Place it before all others.

    A call with a cookie comes from a browser, and goes the way of pages.
    """

    def __init__(self, get_response: Answering) -> None:
        self.pages = get_response
        self.till = _answered(TillMiddleware())
        self.till_paths = tuple(settings.TILL_PATHS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(self.till_paths) and not request.META.get("HTTP_COOKIE"):
            return self.till(request)
        return self.pages(request)


class TillMiddleware:
    """Answers a till's call: every method is a step that calls the next one, from the outermost to the view."""

    def __init__(self) -> None:
        self.counted_view = _answered(self._counted_view)
        self.view = _answered(self._view)
        # Redirects to HTTPS, and gives answers the headers of security.
        self.secured = _answered(SecurityMiddleware(_answered(self._host_checked)))
        self.log = RequestLogMiddleware(self.counted_view)
        self.outages = UnavailableMiddleware(self.view)
        self.prometheus = PrometheusAfterMiddleware(self.view)
        self.metrics = self.prometheus.metrics
        self.frame_options = settings.X_FRAME_OPTIONS.upper()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Give the call an id, and measure all of it."""
        request_identify(request)
        metrics = self.metrics
        metrics.requests_total.inc()
        started = Time()
        response = self.secured(request)
        metrics.responses_total.inc()
        metrics.requests_latency_before.observe(TimeSince(started))
        response_identify(request, response)
        return response

    def _host_checked(self, request: HttpRequest) -> HttpResponse:
        """Refuse a host that is not ours, as Django's ``CommonMiddleware`` does, and name the length of the answer."""
        request.get_host()
        query_normalize(request)
        response = self._logged(request)
        if not response.streaming and not response.has_header("Content-Length"):
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _logged(self, request: HttpRequest) -> HttpResponse:
        """Bind what every line of the log names, and log an answer that is no success."""
        request.user = AnonymousUser()  # there is no user behind a key
        bind_contextvars(request_id=request.META[REQUEST_ID], user_id=None)
        response = self.counted_view(request)
        response.headers.setdefault("X-Frame-Options", self.frame_options)
        if response.status_code >= _FIRST_LOGGED_STATUS or _request_log.isEnabledFor(logging.DEBUG):
            self.log.handle_response(request, response)
        else:
            clear_contextvars()
        return response

    def _counted_view(self, request: HttpRequest) -> HttpResponse:
        """Count call and answer in django-prometheus's metrics, as its ``PrometheusAfterMiddleware`` does."""
        metrics, meta = self.metrics, request.META
        method = self.prometheus._method(request)  # noqa: SLF001 - the name that its labels give the method
        _labelled(metrics.requests_by_method, method).inc()
        _labelled(metrics.requests_by_transport, str(request.scheme)).inc()
        if meta.get("HTTP_X_REQUESTED_WITH") == "XMLHttpRequest":
            metrics.requests_ajax.inc()
        metrics.requests_body_bytes.observe(int(meta.get("CONTENT_LENGTH") or 0))
        request.prometheus_after_middleware_event = started = Time()  # type: ignore[attr-defined]
        response = self.view(request)
        view, status = self.prometheus._get_view_name(request), str(response.status_code)  # noqa: SLF001
        _labelled(metrics.responses_by_status, status).inc()
        _labelled(metrics.responses_by_status_view_method, status, view, method).inc()
        _labelled(metrics.responses_by_charset, str(response.charset)).inc()
        metrics.responses_body_bytes.observe(len(response.content))
        _labelled(metrics.requests_latency_by_view_method, view, str(request.method)).observe(TimeSince(started))
        return response

    def _view(self, request: HttpRequest) -> HttpResponse:
        """Call the view, render its answer, and turn an outage into the page that says so."""
        match = request.resolver_match = get_resolver().resolve(request.path_info)
        metrics, method = self.metrics, self.prometheus._method(request)  # noqa: SLF001
        view = match.view_name or "<unnamed view>"
        _labelled(metrics.requests_by_view_transport_method, view, str(request.scheme), method).inc()
        try:
            response: Any = match.func(request, *match.args, **match.kwargs)
            if callable(getattr(response, "render", None)):
                _labelled(metrics.responses_by_templatename, str(response.template_name)).inc()
                response = response.render()
        except Exception as error:
            self.prometheus.process_exception(request, error)
            outage = self.outages.process_exception(request, error)
            if outage is None:
                raise
            return outage
        return response  # type: ignore[no-any-return]
