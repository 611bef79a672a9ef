"""``consumers/{consumer_id}/points-adjustments``."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.fields import MomentField, ReferenceField, TextField, WholeField
from consumers.api.framework.parsers import KIBIBYTE
from consumers.api.framework.serializers import Input, Output
from consumers.api.v1.consumers import ConsumerView
from consumers.lengths import MAX_REASON_LENGTH, MAX_REFERENCE_LENGTH
from loyalty.models import LedgerEntry
from loyalty.selectors.points import adjustments_of
from loyalty.services.points.adjustment import MAX_ADJUSTMENT_POINTS, points_adjust


class SignedPoints(WholeField):
    """A number of points to add, or to take away below zero."""

    default_error_messages = {"zero": "An adjustment by nothing is none."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-MAX_ADJUSTMENT_POINTS, max_value=MAX_ADJUSTMENT_POINTS, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        points = super().to_internal_value(data)
        if not points:
            self.fail("zero")
        return points


class AdjustmentInput(Input):
    """A correction of a balance."""

    reference = ReferenceField(
        max_length=MAX_REFERENCE_LENGTH, help_text="Unique for the consumer: repeating it has no effect."
    )
    points = SignedPoints()
    description = TextField(max_length=MAX_REASON_LENGTH, allow_blank=True, default="")


class AdjustmentOutput(Output):
    """A correction of a balance."""

    reference = serializers.CharField()
    points = serializers.IntegerField()
    description = serializers.CharField()
    at = MomentField()


class AdjustmentAnswer(AdjustmentOutput):
    """A correction of a balance, with the balance now."""

    balance = serializers.IntegerField()


class PointsAdjustments(ConsumerView):
    """Corrections of one consumer's balance."""

    input_class = AdjustmentInput
    output_class = AdjustmentOutput
    max_body_bytes = 64 * KIBIBYTE
    conflict_codes = {"POST": ("reference_reused",)}
    search_fields = ("reference", "description")
    ordering_fields = ("at",)
    default_ordering = "-at"
    is_list = True
    queryset = LedgerEntry.objects.none()

    def get(self, request: Request, consumer_id: str) -> Response:
        """What people added to the balance or took away, newest first."""
        return self.page(adjustments_of(consumer=self.consumer()))

    @extend_schema(responses={200: AdjustmentAnswer, 201: AdjustmentAnswer})
    def post(self, request: Request, consumer_id: str) -> Response:
        """Add a signed number of points (201); the same reference again changes nothing (200)."""
        made = points_adjust(
            account=self.account, consumer_id=consumer_id, at=timezone.now(), **self.document(AdjustmentInput)
        )
        answer = {**AdjustmentOutput(made.entry).data, "balance": made.balance}
        return Response(answer, status=status.HTTP_201_CREATED if made.created else status.HTTP_200_OK)
