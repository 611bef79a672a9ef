"""``vouchers``: read only."""

from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.fields import DayField, MomentField
from consumers.api.framework.filters import KeyFilter, MomentFilter
from consumers.api.framework.serializers import Output
from consumers.api.framework.views import ApiView, row_or_404
from consumers.types import Rows
from loyalty.choices import VoucherStatus
from loyalty.models import Voucher
from loyalty.selectors.rewards import vouchers_of
from loyalty.selectors.search import vouchers_matching
from promotions.engine.benefits.vouchers import voucher_key


class VoucherOutput(Output):
    """One coded instance of an offer in a consumer's hands."""

    code = serializers.CharField()
    offer = serializers.CharField(source="offer.code")
    consumer = serializers.CharField(source="consumer.consumer_id")
    status = serializers.ChoiceField(source="shown_status", choices=VoucherStatus.choices)
    issued_at = MomentField()
    expires_at = MomentField(allow_null=True)
    last_day = DayField(
        allow_null=True, help_text="The last day on which it can be used, in the time zone of the account."
    )
    redeemed_at = MomentField(allow_null=True)


class VoucherFilters(filters.FilterSet):
    """Filters of the list."""

    offer = KeyFilter(field_name="offer__code")
    consumer = KeyFilter(field_name="consumer__consumer_id")
    status = filters.ChoiceFilter(field_name="shown_status", choices=VoucherStatus.choices)
    issued_from = MomentFilter(field_name="issued_at", lookup_expr="gte")
    issued_before = MomentFilter(field_name="issued_at", lookup_expr="lt")

    class Meta:
        model = Voucher
        fields: tuple[str, ...] = ()


class VoucherView(ApiView):
    """Vouchers as they are now."""

    output_class = VoucherOutput

    def get_queryset(self) -> Rows:
        return vouchers_of(account_id=self.account.pk, at=timezone.now())


class VoucherList(VoucherView):
    """The account's vouchers."""

    filterset_class = VoucherFilters
    matching = staticmethod(vouchers_matching)
    ordering_fields = ("issued_at", "code")
    default_ordering = "-issued_at"
    is_list = True

    def get(self, request: Request) -> Response:
        """List vouchers, a page at a time."""
        return self.page(self.get_queryset())


class VoucherDetail(VoucherView):
    """One voucher."""

    def get(self, request: Request, code: str) -> Response:
        """Read a voucher by its code."""
        return Response(self.rendered(self.voucher()))

    def check_path(self) -> None:
        self.voucher()

    def voucher(self) -> Voucher:
        """Return the voucher of the path.

        Raises:
            NotFound: the account has none.
        """
        voucher: Voucher = row_or_404(self.get_queryset(), code=voucher_key(self.kwargs["code"]))
        return voucher
