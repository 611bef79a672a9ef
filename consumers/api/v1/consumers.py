"""``consumers``, and the Loyalty tab of one."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.components import TEXT, answer_object, array, component, described
from consumers.api.framework.fields import (
    BoundedListField,
    ChoiceText,
    DayField,
    FlagField,
    KeyField,
    MomentField,
    ReferenceField,
    TextField,
)
from consumers.api.framework.filters import ArchiveFilters, FlagFilter, KeyFilter
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import ApiView, Collection, row_or_404
from consumers.choices import ConsumerKind, MembershipStatus
from consumers.lengths import MAX_CONSUMER_ID_LENGTH
from consumers.loyalty_sections import loyalty_sections_answered, loyalty_tab
from consumers.models import Consumer
from consumers.selectors import consumers_condition, consumers_of
from consumers.services.consumer import (
    CardValues,
    ConsumerValues,
    LoyaltyValues,
    consumer_delete,
    consumers_save,
)
from consumers.services.upsert import Saved
from consumers.types import JsonMapping, JsonObject

MAX_CARDS = 50
MAX_GROUPS = 200


class CardInput(Input):
    """A loyalty card; its number names one consumer of the account."""

    number = ReferenceField(max_length=64)
    type = TextField(max_length=64, allow_blank=True, default="")


class LoyaltyInput(Input):
    """Membership of the loyalty programme."""

    enrolled_on = DayField()
    status = ChoiceText(choices=MembershipStatus.choices, default=MembershipStatus.ACTIVE)
    cards = BoundedListField(child=CardInput(), max_length=MAX_CARDS, default=list)


class ConsumerInput(Input):
    """A customer or employee. The home site is named by its number, groups by their codes."""

    kind = ChoiceText(choices=ConsumerKind.choices, default=ConsumerKind.CUSTOMER)
    first_name = TextField(max_length=100, allow_blank=True, default="")
    last_name = TextField(max_length=100, allow_blank=True, default="")
    email = TextField(max_length=254, allow_blank=True, default="")
    phone = TextField(max_length=40, allow_blank=True, default="")
    date_of_birth = DayField(allow_null=True, default=None)
    birthday = TextField(
        max_length=5,
        allow_null=True,
        allow_blank=True,
        default=None,
        help_text="The month and day, such as 03-31, if the year is unknown; otherwise it follows the date of birth.",
    )
    home_site = TextField(max_length=64, allow_blank=True, allow_null=True, trim_whitespace=False, default=None)
    groups = BoundedListField(
        child=TextField(max_length=64, trim_whitespace=False), max_length=MAX_GROUPS, default=list
    )
    loyalty = LoyaltyInput(allow_null=True, default=None)
    archived = FlagField(default=False, help_text="Whether it is hidden from lists.")


class CardOutput(Output):
    """A loyalty card."""

    number = serializers.CharField()
    type = serializers.CharField()


class LoyaltyOutput(Output):
    """Membership of the loyalty programme."""

    enrolled_on = serializers.DateField()
    status = serializers.ChoiceField(choices=MembershipStatus.choices)
    cards = CardOutput(many=True)


@extend_schema_field(array(TEXT))
class GroupCodes(serializers.Field[Any, Any, list[str], Any]):
    """The codes of a consumer's groups, in order."""

    def to_representation(self, value: Any) -> list[str]:
        return sorted(group.code for group in value.all())


class ConsumerOutput(Output):
    """A customer or employee."""

    consumer_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=ConsumerKind.choices)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    date_of_birth = serializers.DateField(allow_null=True)
    birthday = serializers.CharField(allow_null=True, help_text="The month and day, such as 03-31.")
    home_site = serializers.CharField(source="home_site.number", default=None, allow_null=True)
    groups = GroupCodes(help_text="The codes of the consumer's groups.")
    loyalty = LoyaltyOutput(source="membership", default=None, allow_null=True)
    archived = serializers.BooleanField()
    points_balance = serializers.IntegerField()
    created_at = MomentField()
    updated_at = MomentField()


class ConsumerFilters(ArchiveFilters):
    """Filters of the list."""

    loyalty_card = filters.CharFilter(field_name="membership__cards__number")
    loyalty_status = filters.ChoiceFilter(field_name="membership__status", choices=MembershipStatus.choices)
    is_member = FlagFilter(field_name="membership", lookup_expr="isnull", exclude=True)
    group = KeyFilter(field_name="groups__code")
    home_site = KeyFilter(field_name="home_site__number")

    class Meta:
        model = Consumer
        fields = ("kind", "email", "phone")


class Consumers(Collection):
    """Consumers by id. A till may look one up by card: ``?loyalty_card=``."""

    key_name = "consumer_id"
    key_field = KeyField(max_length=MAX_CONSUMER_ID_LENGTH)
    input_class = ConsumerInput
    output_class = ConsumerOutput
    filterset_class = ConsumerFilters
    matching = staticmethod(consumers_condition)
    ordering_fields = ("consumer_id", "last_name", "created_at", "updated_at")
    default_ordering = "consumer_id"
    conflict_codes = dict.fromkeys(("PUT", "PATCH", "POST", "DELETE"), ("in_use",))

    def open_to_tills(self, request: Request) -> bool:
        """A till looks up one card at a time; it does not read the list."""
        # The filter drops blanks at the ends: of a blank nothing would be left, and every consumer be listed.
        return self.action == "list" and bool(request.query_params.get("loyalty_card", "").strip())

    def get_queryset(self) -> QuerySet[Consumer]:
        return consumers_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        return consumers_save(account_id=self.account.pk, rows=[_values(row) for row in rows])

    def merged(self, current: JsonMapping, patch: JsonMapping) -> JsonObject:
        # A birthday that is not sent follows the date of birth that is.
        if "date_of_birth" in patch:
            current = {**current, "birthday": None}
        return super().merged(current, patch)

    def remove(self, row: Consumer) -> None:
        consumer_delete(account_id=self.account.pk, consumer_id=row.consumer_id)


def _values(row: JsonObject) -> ConsumerValues:
    loyalty = row["loyalty"]
    return ConsumerValues(
        **{
            **row,
            "groups": tuple(dict.fromkeys(row["groups"])),
            "loyalty": loyalty
            and LoyaltyValues(
                enrolled_on=loyalty["enrolled_on"],
                status=loyalty["status"],
                cards=tuple(CardValues(**card) for card in loyalty["cards"]),
            ),
        }
    )


class ConsumerView(ApiView):
    """A path below one consumer."""

    def consumer(self) -> Consumer:
        """Return the consumer of the path.

        Raises:
            NotFound: the account has none.
        """
        consumer: Consumer = row_or_404(
            consumers_of(account_id=self.account.pk), consumer_id=self.kwargs["consumer_id"]
        )
        return consumer

    def check_path(self) -> None:
        self.consumer()


class LoyaltyTab(ConsumerView):
    """What the Loyalty tab shows of a consumer."""

    till_methods = frozenset({"GET"})

    def output_schema(self) -> JsonObject:
        """What the OpenAPI document says of the answer: the sections that are registered."""
        sections = {section.key: dict(section.schema) for section in loyalty_sections_answered()}
        schema = answer_object({"consumer_id": TEXT, **sections})
        return component("LoyaltyTab", described(schema, "What the Loyalty tab shows of a consumer."))

    def get(self, request: Request, consumer_id: str) -> Response:
        """Read the Loyalty tab: membership, balance, activity, vouchers, personalized promotions, redemptions."""
        consumer = self.consumer()
        return Response({"consumer_id": consumer.consumer_id, **loyalty_tab(consumer, at=timezone.now())})
