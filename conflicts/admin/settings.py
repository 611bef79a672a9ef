"""Conflict management: one page for the account."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminRadioSelectWidget

from conflicts.models import ConflictSettings
from conflicts.selectors import conflict_settings
from conflicts.services.settings import ConflictValues, conflict_settings_save
from consumers.admin.base import OnePageAdmin, ServiceForm
from consumers.models import Account


class ConflictSettingsForm(ServiceForm):
    """The settings, as their service takes them."""

    class Meta:
        model = ConflictSettings
        fields = ("promotion_bias", "promotions_per_type", "promotion_age", "discounts_per_transaction")
        labels = {
            "promotion_bias": "Promotion bias",
            "promotions_per_type": "Number of promotions of the same type and subtype that can be applied to a single "
            "transaction",
            "promotion_age": "Promotion age selection",
            "discounts_per_transaction": "Discounts per transaction",
        }
        help_texts = {
            "promotion_bias": "Which promotions win when several compete: those that give the consumer the most, or "
            "the least.",
            "promotions_per_type": "Of fixed points, say, the best so many apply. Always-apply ones take no place.",
            "promotion_age": "Which wins when two give the same.",
            "discounts_per_transaction": "Empty: no limit. Discounts compete for units, not for the transaction.",
        }
        widgets = {
            "promotion_bias": UnfoldAdminRadioSelectWidget(),
            "promotion_age": UnfoldAdminRadioSelectWidget(),
        }


@admin.register(ConflictSettings)
class ConflictSettingsAdmin(OnePageAdmin):
    """Conflict management."""

    form = ConflictSettingsForm
    fieldsets = (("Conflict management", {"fields": ConflictSettingsForm.Meta.fields}),)

    def row_of(self, account: Account) -> Model:
        return conflict_settings(account_id=account.pk)

    def save_row(self, request: HttpRequest, obj: ConflictSettings, form: Any, *, change: bool) -> Model:
        values = ConflictValues(**{name: form.cleaned_data[name] for name in ConflictSettingsForm.Meta.fields})
        return conflict_settings_save(account_id=obj.account_id, values=values)
