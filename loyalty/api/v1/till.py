"""The till's calls. Bytes in, bytes out: bodies are decoded to types once, answers are encoded once."""

from collections.abc import Callable
from datetime import datetime
from typing import IO, Any, TypeVar

import msgspec
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from structlog.contextvars import bind_contextvars

from consumers.api.framework.filters import KeyFilter, MomentFilter
from consumers.api.framework.parsers import KIBIBYTE, MEBIBYTE, body_read
from consumers.api.framework.query import Parameter, switch
from consumers.api.framework.serializers import Output
from consumers.api.framework.views import ApiView, row_or_404
from consumers.exceptions import Refused
from consumers.models import Account, Consumer
from consumers.types import JsonMapping
from loyalty.api.v1.till_bodies import NotJson, batch_decoded, return_decoded, sale_decoded, void_decoded
from loyalty.api.v1.till_schema import (
    BATCH_ANSWER,
    BATCH_SCHEMA,
    QUOTE_ANSWER,
    RETURN_ANSWER,
    RETURN_SCHEMA,
    SALE_SCHEMA,
    TRANSACTION_ANSWER,
    TRANSACTION_SCHEMA,
    VOID_SCHEMA,
)
from loyalty.choices import TransactionStatus
from loyalty.models import AppliedPromotion, Transaction
from loyalty.selectors.search import transactions_matching
from loyalty.selectors.transaction import transaction_answer, transactions_of
from loyalty.services.till.answer import Answer, answer_of, explanation_of
from loyalty.services.till.commit import transaction_commit
from loyalty.services.till.quote import quote
from loyalty.services.till.reversal import ReversalRequest, transaction_return_preview, transaction_reverse
from loyalty.services.till.sale import Sale
from promotions.models import Promotion

Decoded = TypeVar("Decoded")

MAX_BATCH_BASKETS = 500
MAX_SALE_BYTES = 4 * MEBIBYTE
"""Three times a basket of 500 lines whose texts are as long as they may be, in characters of four bytes."""

EXPLAIN = switch("explain", "Also explain why each of the other promotions did not apply.")
EXPLAIN_ONE = Parameter(name="promotion", description="With `explain`: only explain the promotion with this code.")
PREVIEW = switch("preview", "Only answer what would happen; nothing is recorded.")


class BytesParser(BaseParser):
    """The body as it came, of at most ``API_MAX_BODY_BYTES``."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: JsonMapping | None = None) -> Any:
        return body_read(stream, parser_context)


class BytesRenderer(BaseRenderer):
    """JSON text as it is, and anything else encoded."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: object, accepted_media_type: str | None = None, renderer_context: JsonMapping | None = None
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else msgspec.json.encode(data)


class TillView(ApiView):
    """A call of the till's path."""

    parser_classes = (BytesParser,)
    renderer_classes = (BytesRenderer,)
    till_methods = frozenset({"GET", "POST"})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "\x00" in kwargs.get("reference", ""):
            raise NotFound
        if "reference" in kwargs:
            bind_contextvars(transaction=kwargs["reference"])

    def check_path(self) -> None:
        if "reference" in self.kwargs:
            self.transaction(self.kwargs["reference"])

    def transaction(self, reference: str) -> Transaction:
        """Return a transaction of the account.

        Raises:
            NotFound: there is none of this reference.
        """
        row: Transaction = row_or_404(transactions_of(account_id=self.account.pk), reference=reference)
        return row

    def decoded(self, decode: Callable[[bytes], Decoded]) -> Decoded:
        """Return the body, decoded and checked."""
        data: object = self.request.data
        try:
            return decode(data if isinstance(data, bytes) else b"")
        except NotJson as error:
            raise ParseError(f"The body is not JSON: {error}"[:300]) from error

    def sale(self, *, commit: bool) -> Sale:
        """Return the body as a sale; its moment is now if it names none."""
        sale = self.decoded(lambda raw: sale_decoded(raw, now=timezone.now(), commit=commit))
        bind_contextvars(transaction=sale.reference)
        return sale

    @property
    def explain(self) -> bool:
        """Whether the caller asks why promotions did not apply."""
        return self.flag("explain")


class Evaluate(TillView):
    """``baskets/evaluate``."""

    till_methods = frozenset({"POST"})
    max_body_bytes = MAX_SALE_BYTES
    parameters = {"POST": (EXPLAIN, EXPLAIN_ONE)}

    @extend_schema(request=SALE_SCHEMA, responses={200: QUOTE_ANSWER})
    def post(self, request: Request) -> Response:
        """Evaluate a basket: what it would cost and earn. Writes nothing."""
        explain, only = self.explain, request.query_params.get("promotion")
        decided = quote(account=self.account, sale=self.sale(commit=False), explain=explain, only=only)
        answer = answer_of(
            decided.decision,
            reference=decided.sale.reference,
            status="quoted",
            balance=decided.balance,
            warnings=decided.warnings,
        )
        if explain:
            answer["not_applied"] = explanation_of(decided.decision, only=only)
        return Response(answer)


class TransactionFilters(filters.FilterSet):
    """Filters of the list of transactions."""

    consumer = KeyFilter(method="of_consumer")
    site = KeyFilter(field_name="site__number")
    promotion = KeyFilter(method="with_promotion")
    status = filters.ChoiceFilter(choices=TransactionStatus.choices)
    occurred_from = MomentFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = MomentFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Transaction
        fields = ("currency",)

    # The consumer or promotion is looked up first: for an id the database knows how many sales there are, and so
    # whether to start from these or from the newest of all.

    def of_consumer(self, rows: QuerySet[Transaction], _: str, consumer_id: str) -> QuerySet[Transaction]:
        """Keep the transactions of a consumer."""
        consumers = Consumer.objects.filter(account=self.request.auth.account, consumer_id=consumer_id)
        return rows.filter(consumer__in=list(consumers.values_list("pk", flat=True)))

    def with_promotion(self, rows: QuerySet[Transaction], _: str, code: str) -> QuerySet[Transaction]:
        """Keep the transactions to which the promotion or discount of a code applied."""
        promotions = Promotion.objects.filter(account=self.request.auth.account, code=code)
        applied = AppliedPromotion.objects.filter(
            transaction=OuterRef("pk"), promotion__in=list(promotions.values_list("pk", flat=True))
        )
        return rows.filter(Exists(applied))


class TransactionOutput(Output):
    """A transaction in a list: the till's answer, as it is now."""

    def to_representation(self, instance: Transaction) -> dict[str, object]:
        return transaction_answer(instance, explain=False)


class Transactions(TillView):
    """``transactions``."""

    filterset_class = TransactionFilters
    matching = staticmethod(transactions_matching)
    ordering_fields = ("occurred_at", "reference")
    default_ordering = "-occurred_at"
    output_class = TransactionOutput
    is_list = True
    max_body_bytes = MAX_SALE_BYTES
    parameters = {"POST": (EXPLAIN,)}
    conflict_codes = {"POST": ("reference_reused", "decision_changed", "selection_locked")}

    def get_queryset(self) -> QuerySet[Transaction]:
        return transactions_of(account_id=self.account.pk)

    @extend_schema(responses={200: TRANSACTION_ANSWER})
    def get(self, request: Request) -> Response:
        """List transactions, newest first."""
        return self.page(self.get_queryset().defer("explanation", "facts"))

    @extend_schema(request=TRANSACTION_SCHEMA, responses={201: TRANSACTION_ANSWER, 200: TRANSACTION_ANSWER})
    def post(self, request: Request) -> Response:
        """Commit a paid basket: 201, or 200 with the same answer where it was committed before."""
        committed = transaction_commit(account=self.account, sale=self.sale(commit=True), at=timezone.now())
        answer: bytes | Answer = committed.answer.encode()
        if self.explain:
            answer = {**msgspec.json.decode(committed.answer), "not_applied": committed.explanation}
        return Response(answer, status=status.HTTP_201_CREATED if committed.created else status.HTTP_200_OK)


class TransactionRow(TillView):
    """``transactions/{reference}``."""

    till_methods = frozenset({"GET"})
    output_class = TransactionOutput
    parameters = {"GET": (EXPLAIN,)}

    @extend_schema(responses={200: TRANSACTION_ANSWER})
    def get(self, request: Request, reference: str) -> Response:
        """Read a transaction as it is now; with ``explain``, also why other promotions did not apply to it."""
        return Response(transaction_answer(self.transaction(reference), explain=self.explain))


class TransactionBatch(TransactionRow):
    """``transactions/batch``; a transaction of that reference can still be read."""

    till_methods = frozenset({"GET", "POST"})
    max_rows = MAX_BATCH_BASKETS

    def check_path(self) -> None:
        if self.request.method == "GET":
            self.transaction("batch")

    @extend_schema(responses={200: TRANSACTION_ANSWER})
    def get(self, request: Request, reference: str = "batch") -> Response:
        """The transaction with the reference ``batch``."""
        return super().get(request, reference)

    @extend_schema(request=BATCH_SCHEMA, responses={200: BATCH_ANSWER})
    def post(self, request: Request) -> Response:
        """Commit up to 500 baskets of an offline till, the oldest first, each by itself.

        Each result has the status and the answer that the single call would have had.
        """
        now = timezone.now()
        bodies = self.decoded(lambda raw: batch_decoded(raw, now=now))
        self.count_rows(len(bodies))
        return Response({"results": [self._committed(reference, body, now) for reference, body in bodies]})

    def _committed(self, reference: str, body: bytes, now: datetime) -> Answer:
        try:
            sale = sale_decoded(body, now=now, commit=True)
            committed = transaction_commit(account=self.account, sale=sale, at=now)
        except Refused as error:
            answer = self.get_exception_handler()(error, self.get_exception_handler_context())
            return {"reference": reference or None, "status": answer.status_code, "answer": answer.data}
        code = status.HTTP_201_CREATED if committed.created else status.HTTP_200_OK
        return {"reference": sale.reference, "status": code, "answer": msgspec.Raw(committed.answer.encode())}


class TransactionReturns(TillView):
    """``transactions/{reference}/returns``."""

    till_methods = frozenset({"POST"})
    parameters = {"POST": (PREVIEW,)}
    conflict_codes = {"POST": ("reference_reused", "voided")}

    @extend_schema(
        request=RETURN_SCHEMA,
        responses={201: RETURN_ANSWER, 200: RETURN_ANSWER},
    )
    def post(self, request: Request, reference: str) -> Response:
        """Return a part of a transaction: 201, or 200 for a preview and for a return that was recorded before."""
        asked = self.decoded(lambda raw: return_decoded(raw, transaction=reference))
        if self.flag("preview"):
            answer = transaction_return_preview(account=self.account, request=asked, at=timezone.now())
            return Response(answer.encode())
        return _reverse(self.account, asked)


class TransactionVoid(TillView):
    """``transactions/{reference}/void``."""

    till_methods = frozenset({"POST"})
    max_body_bytes = 64 * KIBIBYTE
    conflict_codes = {"POST": ("reference_reused", "voided")}

    @extend_schema(request=VOID_SCHEMA, responses={201: RETURN_ANSWER, 200: RETURN_ANSWER})
    def post(self, request: Request, reference: str) -> Response:
        """Void a transaction, and unlock the choices that it made final: 201, or 200 if it was voided before."""
        return _reverse(self.account, self.decoded(lambda raw: void_decoded(raw, transaction=reference)))


def _reverse(account: Account, request: ReversalRequest) -> Response:
    reversal = transaction_reverse(account=account, request=request, at=timezone.now())
    code = status.HTTP_201_CREATED if reversal.created else status.HTTP_200_OK
    return Response(reversal.answer.encode(), status=code)
