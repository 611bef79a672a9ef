"""``conflict-settings``."""

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from conflicts.choices import DiscountCombination, PromotionAge, PromotionBias
from conflicts.selectors import conflict_settings
from conflicts.services.settings import ConflictValues, conflict_settings_save
from consumers.api.framework.fields import ChoiceText, WholeField
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import ApiView, checked, merged
from consumers.services.account import account_lock


class ConflictInput(Input):
    """Which promotions win when several compete for one transaction."""

    promotion_bias = ChoiceText(choices=PromotionBias.choices)
    promotions_per_type = WholeField(min_value=1)
    promotion_age = ChoiceText(choices=PromotionAge.choices)
    discounts_per_transaction = WholeField(
        min_value=1, allow_null=True, help_text="The most discounts in one transaction; null: no limit."
    )
    discount_combination = ChoiceText(
        choices=DiscountCombination.choices,
        help_text="ranked: discounts apply in the order of what each saves alone; best_total: in the order in which "
        "all together save the most (or the least, as promotion_bias says).",
    )


class ConflictOutput(Output):
    """Which promotions win when several compete for one transaction."""

    promotion_bias = serializers.ChoiceField(choices=PromotionBias.choices)
    promotions_per_type = serializers.IntegerField()
    promotion_age = serializers.ChoiceField(choices=PromotionAge.choices)
    discounts_per_transaction = serializers.IntegerField(allow_null=True)
    discount_combination = serializers.ChoiceField(choices=DiscountCombination.choices)


class ConflictSettingsView(ApiView):
    """The account's conflict settings."""

    input_class = ConflictInput
    output_class = ConflictOutput

    def get(self, request: Request) -> Response:
        """Read the conflict settings; what was never set has its default."""
        return Response(self.rendered(conflict_settings(account_id=self.account.pk)))

    def patch(self, request: Request) -> Response:
        """Change the conflict settings that are sent; the others stay as they were."""
        patch = self.body()
        # One transaction under the account's lock, so that of two patches neither undoes what the other wrote.
        with transaction.atomic():
            account_lock(account_id=self.account.pk)
            document = merged(self.rendered(conflict_settings(account_id=self.account.pk)), patch)
            stored = conflict_settings_save(
                account_id=self.account.pk,
                values=ConflictValues(**checked(ConflictInput(), document)),
                author=self.author,
            )
        return Response(self.rendered(stored))
