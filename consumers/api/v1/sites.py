"""``sites``."""

from collections.abc import Sequence

from django.db.models import QuerySet
from rest_framework import serializers

from consumers.api.framework.fields import FlagField, KeyField, TextField, TimeZoneField
from consumers.api.framework.filters import ArchiveFilters
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import Collection
from consumers.models import Site
from consumers.selectors import sites_of
from consumers.services.site import SiteValues, site_delete, sites_save
from consumers.services.upsert import Saved
from consumers.types import JsonObject


class SiteInput(Input):
    """A shop or web shop."""

    name = TextField(max_length=200, allow_blank=True, default="")
    address_line_1 = TextField(max_length=200, allow_blank=True, default="")
    town = TextField(max_length=200, allow_blank=True, default="")
    county = TextField(max_length=200, allow_blank=True, default="")
    postcode = TextField(max_length=32, allow_blank=True, default="")
    time_zone = TimeZoneField(
        allow_blank=True, default="", help_text="An IANA name, such as Europe/London; blank: that of the account."
    )
    archived = FlagField(default=False, help_text="Whether it is hidden from lists.")


class SiteOutput(Output):
    """A shop or web shop."""

    number = serializers.CharField()
    name = serializers.CharField()
    address_line_1 = serializers.CharField()
    town = serializers.CharField()
    county = serializers.CharField()
    postcode = serializers.CharField()
    time_zone = serializers.CharField()
    archived = serializers.BooleanField()


class SiteFilters(ArchiveFilters):
    """Filters of the list."""

    class Meta:
        model = Site
        fields = ("town", "county", "postcode", "time_zone")


class Sites(Collection):
    """Sites by number."""

    key_name = "number"
    key_field = KeyField(max_length=64)
    input_class = SiteInput
    output_class = SiteOutput
    filterset_class = SiteFilters
    search_fields = ("number", "name", "address_line_1", "town", "county", "postcode")
    ordering_fields = ("number", "name", "town")
    default_ordering = "number"

    def get_queryset(self) -> QuerySet[Site]:
        return sites_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        return sites_save(account_id=self.account.pk, rows=[SiteValues(**row) for row in rows])

    def remove(self, row: Site) -> None:
        site_delete(account_id=self.account.pk, number=row.number)
