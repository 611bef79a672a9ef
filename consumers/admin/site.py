"""Shops and web shops."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.files.resource import AccountResource
from consumers.admin.framework.fields import zone_field
from consumers.admin.framework.filters import ArchivedFilter, values_filter
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of
from consumers.author import Author
from consumers.models import Site
from consumers.services.site import SiteValues, site_delete, sites_save


class SiteForm(ServiceForm):
    """A site, as its service takes it."""

    time_zone = zone_field(
        blank="The account's time zone",
        required=False,
        label="Time zone",
        help_text="Promotions use this time zone for days and times at the site.",
    )

    key_field = "number"

    class Meta:
        model = Site
        fields = (
            "number",
            "name",
            "address_line_1",
            "town",
            "county",
            "postcode",
            "time_zone",
            "archived",
        )
        labels = {"number": "Site number", "name": "Site name"}
        help_texts = {
            "number": "Number used by tills. You cannot change it later.",
            "archived": "Hides the site from lists and keeps its transactions.",
        }


class SiteResource(AccountResource):
    """Sites by number."""

    class Meta(AccountResource.Meta):
        model = Site
        import_id_fields = ("number",)
        fields = ("number", "name", "address_line_1", "town", "county", "postcode", "time_zone", "archived")

    def save_rows(self, rows: Sequence[Site]) -> None:
        values = [SiteValues(**{name: getattr(row, name) for name in self.Meta.fields}) for row in rows]
        sites_save(account_id=self.account.pk, rows=values)


@admin.register(Site)
class SiteAdmin(ImportExportMixin, KeyedAdmin):
    """Sites."""

    key = "number"
    reference_kind = "site"
    resource_classes = (SiteResource,)
    form = SiteForm
    add_label = "Add site"
    empty_text = "Sites are your shops and web shops."
    list_display = ("number", "name", "town", "county", "postcode", "time_zone")
    list_display_links = ("number", "name")
    list_filter = (
        values_filter("town", "town"),
        values_filter("county", "county"),
        values_filter("time zone", "time_zone", blank="The account's time zone"),
        ArchivedFilter,
    )
    search_fields = ("number", "name", "address_line_1", "town", "county", "postcode")
    search_help_text = "Number, name or address"
    fieldsets = (
        ("Site", {"fields": (("number", "name"), "time_zone")}),
        ("Address", {"fields": ("address_line_1", ("town", "county"), "postcode")}),
        ("Archive", {"fields": ("archived",)}),
    )

    def save_values(self, *, account_id: int, author: Author, obj: Site, form: Any) -> None:
        values = SiteValues(**{name: getattr(obj, name) for name in SiteForm.Meta.fields})
        sites_save(account_id=account_id, rows=[values])

    def delete_row(self, request: HttpRequest, obj: Site) -> None:
        site_delete(account_id=account_of(request).pk, number=obj.number)
