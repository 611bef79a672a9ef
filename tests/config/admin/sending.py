"""Read the values that a browser would send from a page's form, and record the statements that write."""

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from django.db import connection

_NOT_SENT = {"submit", "button", "image", "reset", "file"}
_READS = ("SELECT", "WITH", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "SET", "PRAGMA")
_OF_EVERY_REQUEST = ('"django_session"', '"axes_')


class _Forms(HTMLParser):
    """A parser of the forms that post, each with its address and values."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, Any]]] = []
        self._in_form = False
        self._in_template = 0
        self._select: tuple[str, bool] | None = None
        self._first_option: str | None = None
        self._chosen: list[str] = []
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "template":
            self._in_template += 1
        elif tag == "form":
            self._in_form = (attributes.get("method") or "").lower() == "post"
            if self._in_form:
                self.forms.append((attributes.get("action") or "", {}))
        if not self._in_form or self._in_template or "disabled" in attributes:
            return
        name, value = attributes.get("name") or "", attributes.get("value") or ""
        if tag == "input" and name:
            self._input(name, attributes)
        elif tag == "select" and name:
            self._select, self._first_option, self._chosen = (name, "multiple" in attributes), None, []
        elif tag == "option" and self._select is not None:
            if self._first_option is None:
                self._first_option = value
            if "selected" in attributes:
                self._chosen.append(value)
        elif tag == "textarea" and name:
            self._area = name
            self._add(name, "")

    def _input(self, name: str, attributes: dict[str, str | None]) -> None:
        kind = attributes.get("type") or "text"
        if kind in ("checkbox", "radio"):
            if "checked" in attributes:
                self._add(name, attributes.get("value") or "on")
        elif kind not in _NOT_SENT:
            self._add(name, attributes.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._in_template -= 1
        elif tag == "form":
            self._in_form = False
        elif tag == "select" and self._select is not None:
            name, several = self._select
            chosen = self._chosen or ([] if several or self._first_option is None else [self._first_option])
            for value in chosen:
                self._add(name, value)
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._in_form:
            # A browser drops a line break directly after the tag.
            self.forms[-1][1][self._area] = (self.forms[-1][1][self._area] + data).removeprefix("\n")

    def _add(self, name: str, value: str) -> None:
        sent = self.forms[-1][1]
        if name in sent:
            sent[name] = [*(sent[name] if isinstance(sent[name], list) else [sent[name]]), value]
        else:
            sent[name] = value


def form_values(html: str) -> dict[str, Any]:
    """Return the values that the page's own form would send unchanged; empty where it has no form."""
    parser = _Forms()
    parser.feed(html)
    own = [sent for action, sent in parser.forms if not action.endswith(("/logout/", "/switch-account/"))]
    sent = max(own, key=len, default={})
    return {name: value for name, value in sent.items() if name != "csrfmiddlewaretoken"}


@contextmanager
def recorded_writes() -> Iterator[list[str]]:
    """Collect the statements that write to the database, without those of the session and log-ins."""
    statements: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().startswith(_READS) and not any(table in sql for table in _OF_EVERY_REQUEST):
            statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield statements
