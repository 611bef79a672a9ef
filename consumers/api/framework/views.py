"""Base classes of every view below ``/api/v1/``: credentials, roles, parsing, paging, and the upsert collection.

A plain view::

    class Balances(ApiView):
        till_methods = frozenset({"GET"})     # what a till's key may do too; a manager's key may do everything
        output_class = BalanceOutput
        def get(self, request, consumer_id):
            return Response(BalanceOutput(balance_of(account_id=self.account.pk, ...)).data)

Query parameters beside a list's are declared by method: ``parameters = {"GET": (switch("explain", "…"),)}``; others
are refused. A view below a row says in ``check_path`` when its path names none.

``self.account`` and ``self.key`` are the caller's; ``self.document(PointsInput)`` is the body, checked and typed.
A service's ``Refused`` needs no handling: the exception handler renders it with its code and path.

An upsert collection::

    class Sites(Collection):
        key_name = "number"                   # of the path, and of the row in a bulk body
        input_class, output_class = SiteInput, SiteOutput        # ``Input`` and ``Output``; the input without its key
        search_fields, ordering_fields = ("number", "name"), ("number", "name")   # never nullable ones
        default_ordering = "number"
        filterset_class = SiteFilters
        def get_queryset(self): return sites_of(account_id=self.account.pk)
        def save(self, rows): return sites_save(account_id=self.account.pk, rows=[SiteValues(**row) for row in rows])
        def remove(self, row): site_delete(account_id=self.account.pk, number=row.number)

    urlpatterns = collection_paths("sites", Sites)

``save`` gets validated rows, each with its key, and writes all or none of them in one transaction; what it refuses
is named by row (``0.name``): ``Refused.under(index)`` helps where rows are written one by one. For a single PUT or
PATCH the base class removes the row number. GET renders what PUT takes, so that PATCH can merge into it; what the
output has beyond the input is read only and ignored when sent back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from django.db import transaction
from django.urls import path, register_converter
from django.urls.resolvers import URLPattern
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.filters import BaseFilterBackend, SearchFilter
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSetMixin

from consumers.api.framework.authentication import ApiKeyAuthentication
from consumers.api.framework.components import text
from consumers.api.framework.fields import KeyField
from consumers.api.framework.filters import filter_parameter
from consumers.api.framework.pagination import PAGE_PARAMETERS, KeysetPagination, ordering_parameter
from consumers.api.framework.parsers import MEBIBYTE, DocumentParser
from consumers.api.framework.permissions import RolePermission
from consumers.api.framework.query import SWITCH_VALUES, DeclaredParameters, Parameter
from consumers.api.framework.schema import ApiSchema
from consumers.api.framework.serializers import Input
from consumers.api.framework.throttling import KeyThrottle, Rate, rate_counted
from consumers.author import Author
from consumers.exceptions import MAX_PROBLEMS, Refused
from consumers.models import Account, ApiKey
from consumers.normal_form import normalized
from consumers.search_text import MAX_SEARCH_LENGTH, MAX_SEARCH_WORDS, search_problem
from consumers.selectors import Matching
from consumers.services.account import account_lock
from consumers.services.upsert import Saved
from consumers.types import JsonMapping, JsonObject, Rows

MAX_ROWS = 10_000


class KeyConverter:
    """A key in a path: anything, slashes and line breaks too, but no slash at its ends."""

    regex = r"[^/](?:[\s\S]*[^/])?"

    def to_python(self, value: str) -> str:
        return normalized(value)

    def to_url(self, value: str) -> str:
        return value


register_converter(KeyConverter, "key")


def merged(current: Any, patch: Any, *, replaced_whole: frozenset[str] = frozenset()) -> Any:
    """Return ``current`` with ``patch`` applied: objects are merged key by key, everything else is replaced.

    Rule trees (objects with a list of ``rules``) are replaced, as is every object under a name in ``replaced_whole``.
    """
    if not isinstance(current, Mapping) or not isinstance(patch, Mapping):
        return patch
    return {
        **current,
        **{
            name: value
            if name in replaced_whole or name.endswith("rules") or name not in current
            else merged(current[name], value, replaced_whole=replaced_whole)
            for name, value in patch.items()
        },
    }


def row_or_404(rows: Rows, **key: str) -> Any:
    """Return the row that a path names.

    Raises:
        NotFound: no such row in ``rows``, which the caller has scoped to the account.
    """
    if any("\x00" in value for value in key.values()):
        raise NotFound
    row = rows.filter(**key).first()
    if row is None:
        raise NotFound
    return row


class Search(SearchFilter):
    """``?search=``: by the view's ``search_fields``, or by its ``matching``."""

    def filter_queryset(self, request: Request, queryset: Rows, view: Any) -> Rows:
        search = request.query_params.get(self.search_param, "").strip()
        if problem := search_problem(search):
            raise ValidationError({self.search_param: [ErrorDetail(problem, code="too_long")]})
        if view.matching is None or not search:
            return super().filter_queryset(request, queryset, view)
        return queryset.filter(view.matching(account_id=view.account.pk, search=search))


def _list_parameters(view: type["ApiView"]) -> Iterator[Parameter]:
    """Yield the parameters of a list: those of its pages, its search, and its filters."""
    yield from PAGE_PARAMETERS
    if view.ordering_fields:
        yield ordering_parameter(view.ordering_fields)
    if view.search_fields or view.matching is not None:
        yield Parameter(
            name=Search.search_param,
            schema=text(min_length=1, max_length=MAX_SEARCH_LENGTH),
            description=f"At most {MAX_SEARCH_WORDS} words.",
        )
    row_filters = getattr(getattr(view, "filterset_class", None), "base_filters", {})
    for name, row_filter in row_filters.items():
        yield filter_parameter(name, row_filter)


class ApiView(DeclaredParameters, GenericAPIView[Any]):
    """A view for API keys; see the module for how to use it."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (RolePermission,)
    throttle_classes = (KeyThrottle,)
    parser_classes: Sequence[type[BaseParser]] = (DocumentParser,)
    renderer_classes: Sequence[type[BaseRenderer]] = (JSONRenderer,)
    pagination_class = KeysetPagination
    filter_backends: Sequence[type[BaseFilterBackend]] = (DjangoFilterBackend, Search)
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    schema = ApiSchema()

    rate: Rate | None = None
    """What the key has called in this minute, unless there is no limit or nothing to count with."""
    till_methods: ClassVar[frozenset[str]] = frozenset()
    input_class: ClassVar[type[Input] | None] = None
    output_class: ClassVar[type[Serializer[Any]] | None] = None
    search_fields: ClassVar[tuple[str, ...]] = ()
    matching: ClassVar[Matching | None] = None
    """Returns the condition of a search; replaces ``search_fields`` for tables of millions of rows."""
    max_body_bytes: int = MEBIBYTE
    """Bytes of a body: some times the largest that an honest client sends."""
    max_rows: int | None = None
    """Rows of a body that is a list, counted before it is decoded. It has at most ``API_MAX_BODY_BYTES``."""
    ordering_fields: ClassVar[tuple[str, ...]] = ()
    default_ordering: ClassVar[str] = "pk"
    is_list: ClassVar[bool] = False
    """Whether GET returns a page of rows; for the OpenAPI document."""
    is_body_optional: ClassVar[bool] = False
    """Whether a call may come without a body; for the OpenAPI document."""
    answers_created: ClassVar[bool] = False
    """Whether POST answers 201; for the OpenAPI document."""
    conflict_codes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By HTTP method, the codes of refusals with the status 409; for the OpenAPI document."""

    @property
    def key(self) -> ApiKey:
        """Return the API key of the call."""
        key = self.request.auth
        assert isinstance(key, ApiKey)  # noqa: S101 - the permission class refuses other callers
        return key

    @property
    def account(self) -> Account:
        """Return the key's account; every query is scoped to it."""
        if getattr(self, "swagger_fake_view", False):
            return Account()
        return self.key.account

    @property
    def author(self) -> Author:
        """Return the key as the author of the changes."""
        return Author(label=f"API key {self.key.name}")

    def open_to_tills(self, request: Request) -> bool:
        """Return whether a till's key may make this call."""
        return request.method in self.till_methods

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        # Before the role is asked: a call that is refused counts too, and says how many are left.
        super().check_throttles(request)

    def check_throttles(self, request: Request) -> None:
        """Do nothing: the call was counted when its key was known."""

    def count_rows(self, rows: int) -> None:
        """Count a list as so many calls of the key; the call itself is counted already."""
        if rows > 1 and self.rate is not None:
            self.rate = rate_counted(self.key, calls=rows - 1)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.rate is not None:
            for name, value in self.rate.headers():
                answer.headers[name] = value
        return answer

    def check_permissions(self, request: Request) -> None:
        # A path that lacks the method lacks it for every role.
        if request.auth is not None:
            name = str(request.method).lower()
            if name not in self.http_method_names or not hasattr(self, name):
                self.http_method_not_allowed(request)
        super().check_permissions(request)

    @property
    def answers_list(self) -> bool:
        """Return whether this call answers a page of rows."""
        if self.request.method not in ("GET", "HEAD"):
            return False
        return self.is_list or getattr(self, "action", None) == "list"

    @classmethod
    def declared_parameters(cls, method: str, *, is_list: bool) -> Sequence[Parameter]:
        declared = super().declared_parameters(method, is_list=is_list)
        return (*declared, *_list_parameters(cls)) if is_list else declared

    def document(self, input_class: type[Input] | None = None) -> JsonObject:
        """Return the body, validated by ``input_class`` (default: the view's).

        Raises:
            ValidationError: each problem under its path.
        """
        serializer_class = input_class or self.input_class
        assert serializer_class is not None  # noqa: S101 - a fault of the view, not of the caller
        return checked(serializer_class(), self.body())

    def body(self) -> JsonMapping:
        """Return the body, which must be a JSON object; its fields are not validated yet."""
        data = self.request.data if self.request.stream is not None else None
        if not isinstance(data, Mapping):
            raise ValidationError({"": [ErrorDetail("Must be a JSON object.", code="invalid")]})
        return data

    def documents(self, serializer: Input, *, key: str | tuple[str, ...]) -> list[JsonObject]:
        """Return the rows of the body, at most ``max_rows``, each validated by ``serializer`` and with its own ``key``.

        A key may be several fields; a problem with it is one of the last.

        Raises:
            ValidationError: each problem under its row and path, up to ``MAX_PROBLEMS`` rows of them.
        """
        data = self.request.data if self.request.stream is not None else None
        if not isinstance(data, list):
            raise ValidationError({"": [ErrorDetail("Must be a list of objects.", code="invalid")]})
        self.count_rows(len(data))
        rows: list[JsonObject] = []
        problems: JsonObject = {}
        names = (key,) if isinstance(key, str) else key
        first_index: dict[tuple[Any, ...], int] = {}
        for index, item in enumerate(data):
            try:
                row = checked(serializer, item)
            except ValidationError as error:
                problems[str(index)] = error.detail
            else:
                rows.append(row)
                if first_index.setdefault(tuple(row[name] for name in names), index) != index:
                    problems[str(index)] = {
                        names[-1]: [ErrorDetail("Another row of this call has this key.", code="duplicate")]
                    }
            if len(problems) == MAX_PROBLEMS:
                break
        if problems:
            raise ValidationError(problems)
        return rows

    def flag(self, name: str) -> bool:
        """Return whether the query string sets the switch ``name``, which the view declares in ``parameters``."""
        return SWITCH_VALUES[self.request.query_params.get(name, "false")]

    def page(self, rows: Rows, output_class: type[Serializer[Any]] | None = None) -> Response:
        """Return a page of ``rows``, filtered and ordered by the query string."""
        serializer_class = output_class or self.output_class
        assert serializer_class is not None  # noqa: S101 - a fault of the view, not of the caller
        page_rows = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(
            serializer_class(page_rows, many=True, context=self.get_serializer_context()).data
        )

    def rendered(self, row: Any) -> JsonMapping:
        """Return a row in the view's output format."""
        assert self.output_class is not None  # noqa: S101 - a fault of the view, not of the caller
        data: JsonMapping = self.output_class(row, context=self.get_serializer_context()).data
        return data


def checked(serializer: Input, data: Any) -> JsonObject:
    """Return ``data`` as the typed values of ``serializer``, with defaults for fields that are left out.

    Raises:
        ValidationError: each problem under its path.
    """
    values: JsonObject = serializer.run_validation(data)
    return values


@contextmanager
def _single_row() -> Iterator[None]:
    """Report problems of a single row without its index: ``name`` instead of ``0.name``."""
    try:
        yield
    except Refused as refused:
        raise refused.without("0") from refused.__cause__


class Collection(ViewSetMixin, ApiView):
    """Rows of one kind, each under its key; see the module for how to make one."""

    key_name: ClassVar[str]
    key_field: ClassVar[KeyField | None] = None
    whole_names: ClassVar[frozenset[str]] = frozenset()
    """Objects that PATCH replaces instead of merging, beside rule trees."""
    bulk_path: bool = False
    max_bulk_rows = MAX_ROWS
    conflict_codes: ClassVar[Mapping[str, tuple[str, ...]]] = {"DELETE": ("in_use",)}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if self.action == "bulk":
            self.max_rows = self.max_bulk_rows
        super().initial(request, *args, **kwargs)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        """Save all ``rows`` or none, in one transaction; each has its key under ``key_name``."""
        raise NotImplementedError

    def remove(self, row: Any) -> None:
        """Delete ``row``; refuse with ``in_use`` if history needs it."""
        raise NotImplementedError

    @classmethod
    @cache
    def row_class(cls) -> type[Input]:
        """Return the input class with the key as a field, as in a bulk body."""
        assert cls.input_class is not None  # noqa: S101 - a fault of the view, not of the caller
        input_names = frozenset(cls.input_class().fields) | {cls.key_name}
        output_names = frozenset(cls.output_class().fields) if cls.output_class else frozenset()
        row_class: type[Input] = type(
            cls.input_class.__name__.replace("Input", "Row"),
            (cls.input_class,),
            {
                "__doc__": cls.input_class.__doc__,
                cls.key_name: cls.key_field or KeyField(),
                "read_only_names": output_names - input_names,
            },
        )
        return row_class

    def check_path(self) -> None:
        if self.action in ("retrieve", "change", "destroy"):
            self.row()

    def list(self, request: Request) -> Response:
        """List the rows of the account, a page at a time."""
        return self.page(self.get_queryset())

    def retrieve(self, request: Request, **key: str) -> Response:
        """Read one row by its key."""
        return Response(self.rendered(self.row()))

    def replace(self, request: Request, **key: str) -> Response:
        """Create the row (201) or replace it (200); fields left out take their defaults."""
        values = self._checked_row(self.body())
        with _single_row():
            saved = self.save([values])
        created = status.HTTP_201_CREATED if saved.created else status.HTTP_200_OK
        return Response(self.rendered(self.row()), status=created)

    def change(self, request: Request, **key: str) -> Response:
        """Change the fields that are sent: objects key by key, lists and rule trees as a whole."""
        patch = self.body()
        # Race: two patches of one row. The account's lock admits one at a time, so neither undoes the other.
        with transaction.atomic():
            account_lock(account_id=self.account.pk)
            document = self.merged(self.rendered(self.row()), patch)
            with _single_row():
                self.save([self._checked_row(document)])
        return Response(self.rendered(self.row()))

    def destroy(self, request: Request, **key: str) -> Response:
        """Delete the row; 409 ``in_use`` where history needs it: archive it instead."""
        self.remove(self.row())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(description=f"Create or replace up to {MAX_ROWS:,} rows, each with its key: all of them or none.")
    def bulk(self, request: Request, **key: str) -> Response:
        """Create or replace up to 10,000 rows, each with its key: all of them or none."""
        rows = self.documents(self.row_class()(), key=self.key_name)
        saved = self.save(rows) if rows else Saved()
        return Response({"created": saved.created, "updated": saved.updated})

    def row(self) -> Any:
        """Return the row that the path names.

        Raises:
            NotFound: the account has no such row.
        """
        return row_or_404(self.get_queryset(), **{self.key_name: self.kwargs[self.key_name]})

    def merged(self, current: JsonMapping, patch: JsonMapping) -> JsonObject:
        """Return the document that results from a PATCH."""
        document: JsonObject = merged(current, patch, replaced_whole=self.whole_names)
        return document

    def _checked_row(self, document: JsonMapping) -> JsonObject:
        key = self.kwargs[self.key_name]
        if document.get(self.key_name, key) != key:
            raise ValidationError(
                {self.key_name: [ErrorDetail("The key differs from the one in the path.", code="invalid")]}
            )
        if "\x00" in key:
            raise ValidationError({self.key_name: [ErrorDetail("NUL characters are not allowed.", code="invalid")]})
        return checked(self.row_class()(), {**document, self.key_name: key})


# No method of the view may be named like an HTTP verb: every path of the collection would handle that verb.
_ROW: dict[str, str | Any] = {"get": "retrieve", "put": "replace", "patch": "change", "delete": "destroy"}


def collection_paths(name: str, view: type[Collection]) -> list[URLPattern]:
    """Return the paths of a collection: the list, the bulk call, and the row.

    Put paths below a row (``<name>/<key:…>/more``) before these: a key may hold slashes.
    """
    key = view.key_name
    return [
        path(name, view.as_view({"get": "list"}), name=name),
        path(
            f"{name}/bulk",
            view.as_view({"post": "bulk", **_ROW}, bulk_path=True),
            kwargs={key: "bulk"},
            name=f"{name}-bulk",
        ),
        path(f"{name}/<key:{key}>", view.as_view(_ROW), name=f"{name}-row"),
    ]
