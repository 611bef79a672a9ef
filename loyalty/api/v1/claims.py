"""``consumers/{consumer_id}/claims``."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.fields import ReferenceField, TextField
from consumers.api.framework.parsers import KIBIBYTE
from consumers.api.framework.serializers import Input, Output
from consumers.api.v1.consumers import ConsumerView
from consumers.lengths import MAX_KEY_LENGTH, MAX_REFERENCE_LENGTH
from loyalty.api.v1.vouchers import VoucherOutput
from loyalty.selectors.rewards import vouchers_of
from loyalty.services.rewards.claim import offer_claim


class ClaimInput(Input):
    """A claim of a tiered offer."""

    reference = ReferenceField(
        max_length=MAX_REFERENCE_LENGTH, help_text="Unique for the consumer: repeating it has no further effect."
    )
    offer = TextField(max_length=MAX_KEY_LENGTH, trim_whitespace=False)


class ClaimOutput(Output):
    """What was claimed."""

    reference = serializers.CharField()
    offer = serializers.CharField()
    points = serializers.IntegerField(help_text="The points that it cost.")
    balance = serializers.IntegerField(help_text="The consumer's points after it.")
    voucher = VoucherOutput()


class Claims(ConsumerView):
    """Claims of tiered offers for points."""

    input_class = ClaimInput
    output_class = ClaimOutput
    max_body_bytes = 64 * KIBIBYTE
    conflict_codes = {"POST": ("insufficient_points", "offer_unavailable", "reference_reused")}

    @extend_schema(responses={200: ClaimOutput, 201: ClaimOutput})
    def post(self, request: Request, consumer_id: str) -> Response:
        """Claim an offer for points and issue its voucher (201); the same reference again changes nothing (200)."""
        claim, now = self.document(), timezone.now()
        made = offer_claim(
            account=self.account,
            consumer_id=consumer_id,
            reference=claim["reference"],
            offer_code=claim["offer"],
            at=now,
        )
        voucher = vouchers_of(account_id=self.account.pk, at=now).get(pk=made.voucher.pk)
        answer = {
            "reference": claim["reference"],
            "offer": claim["offer"],
            "points": made.points,
            "balance": made.balance,
            "voucher": VoucherOutput(voucher).data,
        }
        return Response(answer, status=status.HTTP_201_CREATED if made.created else status.HTTP_200_OK)
