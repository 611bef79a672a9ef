"""Conflict management: one page for the account."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminRadioSelectWidget

from conflicts.analysis.settings_example import BASKET, ExampleRow, example_rows
from conflicts.models import ConflictSettings
from conflicts.resolver import Policy
from conflicts.selectors import conflict_policy, conflict_settings
from conflicts.services.settings import ConflictValues, conflict_settings_save
from consumers.admin.framework.pages import OnePageAdmin, ServiceForm, account_of, author_of
from consumers.models import Account
from consumers.types import Context


class ConflictSettingsForm(ServiceForm):
    """The settings, as their service takes them."""

    class Meta:
        model = ConflictSettings
        fields = (
            "promotion_bias",
            "promotions_per_type",
            "promotion_age",
            "discounts_per_transaction",
            "discount_combination",
        )
        labels = {
            "promotion_bias": "Promotion bias",
            "promotions_per_type": "Number of promotions of the same type and subtype that can be applied to a single "
            "transaction",
            "promotion_age": "Promotion age selection",
            "discounts_per_transaction": "Discounts per transaction",
            "discount_combination": "Discount combination",
        }
        help_texts = {
            "promotion_bias": "When several promotions compete, the one that saves the customer the most (or the "
            "least) wins. Points count at their value, vouchers at their perceived value.",
            "promotions_per_type": "At most this many promotions of one type apply per basket. Promotions that always "
            "apply do not count.",
            "promotion_age": "When promotions save the same, the newest (or the oldest) wins, by start date. If they "
            "started together, the one whose code comes first in the alphabet wins.",
            "discounts_per_transaction": "At most this many discounts apply per basket. Discounts on different "
            "products can apply together. Leave blank for no limit.",
            "discount_combination": "Ranked: the discount that saves the most applies first. It may block two others "
            "that together save more. Best total: the combination with the highest total saving applies (the lowest "
            "for Min-customer saving). Tills take slightly longer.",
        }
        widgets = {
            "promotion_bias": UnfoldAdminRadioSelectWidget(),
            "promotion_age": UnfoldAdminRadioSelectWidget(),
            "discount_combination": UnfoldAdminRadioSelectWidget(),
        }


@admin.register(ConflictSettings)
class ConflictSettingsAdmin(OnePageAdmin):
    """Conflict management."""

    page_name = "Conflict management"
    form = ConflictSettingsForm
    fieldsets = (("Conflict management", {"fields": ConflictSettingsForm.Meta.fields}),)
    tab_templates: ClassVar[dict[str, str]] = {"Conflict management": "admin/conflicts/example.html"}

    def get_urls(self) -> list[Any]:
        example = self.admin_site.admin_view(require_POST(self.example_view))
        return [path("example/", example, name="conflicts_conflictsettings_example"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        extra_context = _context(example_rows(conflict_policy(account_id=account_of(request).pk)))
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def example_view(self, request: HttpRequest) -> HttpResponse:
        """Show the example under the settings in the form; nothing is saved."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        form = ConflictSettingsForm(request.POST, instance=conflict_settings(account_id=account_of(request).pk))
        rows = example_rows(Policy(**form.cleaned_data)) if form.is_valid() else []
        return TemplateResponse(request, "admin/conflicts/example_rows.html", _context(rows))

    def row_of(self, account: Account) -> Model:
        return conflict_settings(account_id=account.pk)

    def save_row(self, request: HttpRequest, obj: ConflictSettings, form: Any, *, change: bool) -> Model:
        values = ConflictValues(**{name: form.cleaned_data[name] for name in ConflictSettingsForm.Meta.fields})
        return conflict_settings_save(account_id=obj.account_id, values=values, author=author_of(request))


def _context(rows: list[ExampleRow]) -> dict[str, object]:
    return {"basket": BASKET, "rows": rows}
