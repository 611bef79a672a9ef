"""Two ordinary views in the same server, against which the till's calls are measured.

Both are plain Django REST framework. One takes a basket through nested serializers and answers it; the other also does
one SELECT and one INSERT by the ORM. Neither needs a key, and neither decides anything.
"""

from typing import Any
from uuid import uuid4

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from consumers.models import Consumer, ScheduledTask


class LineSerializer(serializers.Serializer[Any]):
    """One line."""

    line_id = serializers.CharField(max_length=100)
    sku = serializers.CharField(max_length=100)
    quantity = serializers.DecimalField(max_digits=12, decimal_places=3)
    unit_price_inc_tax = serializers.DecimalField(max_digits=18, decimal_places=4)
    unit_price_ex_tax = serializers.DecimalField(max_digits=18, decimal_places=4)
    category = serializers.CharField(max_length=200, allow_blank=True)
    brand = serializers.CharField(max_length=200, allow_blank=True)


class BasketSerializer(serializers.Serializer[Any]):
    """What a till sends."""

    reference = serializers.CharField(max_length=100, required=False)
    site = serializers.CharField(max_length=100)
    currency = serializers.CharField(max_length=3)
    consumer = serializers.CharField(max_length=100)
    channel = serializers.CharField(max_length=64, required=False)
    payment_card_type = serializers.CharField(max_length=64)
    occurred_at = serializers.DateTimeField(required=False)
    lines = LineSerializer(many=True)


class Nothing(APIView):
    """Reads a basket and answers it; does nothing."""

    permission_classes = ()

    def post(self, request: Request) -> Response:
        """Answer the basket as it was read."""
        basket = BasketSerializer(data=request.data)
        basket.is_valid(raise_exception=True)
        return Response(BasketSerializer(basket.validated_data).data)


class OneOfEach(APIView):
    """Reads a basket, SELECTs its consumer, INSERTs a row, and answers the basket."""

    permission_classes = ()

    def post(self, request: Request) -> Response:
        """Answer the basket as it was read."""
        basket = BasketSerializer(data=request.data)
        basket.is_valid(raise_exception=True)
        Consumer.objects.filter(consumer_id=basket.validated_data["consumer"]).first()
        # The smallest of the project's tables: a key, and nothing else that is filled in.
        ScheduledTask.objects.create(key=uuid4().hex)
        return Response(BasketSerializer(basket.validated_data).data, status=201)
