"""Shapes, filters and views that the paths of every family of promotions share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.components import component, enum
from consumers.api.framework.fields import CurrencyField, FlagField, KeyField, MomentField, TextField
from consumers.api.framework.filters import ArchiveFilters, FlagFilter, KeyFilter
from consumers.api.framework.parsers import KIBIBYTE, MEBIBYTE
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import ApiView, Collection, row_or_404
from consumers.models import Site
from consumers.services.upsert import Saved
from promotions.api.v1.definitions import (
    BUDGET,
    BUDGET_BODY,
    BUDGET_USED,
    CONTENT,
    CONTENT_BODY,
    CUSTOMER_BUDGET,
    CUSTOMER_BUDGET_BODY,
    LOYALTY_DEFINITION,
)
from promotions.api.v1.fields import DocumentField, FundingField, LedgerClassField, UncheckedField
from promotions.choices import Status
from promotions.engine.definition.fields import BUDGETS
from promotions.models import Promotion, PromotionVersion
from promotions.selectors.budget import budget_used
from promotions.selectors.life import promotions_live, promotions_with_status
from promotions.selectors.promotion import promotion_versions, promotions_at_site
from promotions.services.promotion.life import promotion_delete, promotion_duplicate, promotion_rename, promotion_stop
from promotions.services.promotion.values import MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH


class TimedView(ApiView):
    """A view that reads the clock once: ``at`` is the moment of the call."""

    at: datetime

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        self.at = timezone.now()
        super().initial(request, *args, **kwargs)


class ContentField(DocumentField):
    """The content document."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=CONTENT_BODY, answer=CONTENT, **kwargs)


class BudgetField(UncheckedField):
    """What may be given in all; null: there is no budget."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=BUDGET_BODY, answer=BUDGET, **kwargs)


class CustomerBudgetField(UncheckedField):
    """What each customer may get; null: there is no budget."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(body=CUSTOMER_BUDGET_BODY, answer=CUSTOMER_BUDGET, **kwargs)


PROMOTION_STATUS = component("PromotionStatus", enum(*Status.values))


class CommonInput(Input):
    """The fields of a promotion that every family has."""

    name = TextField(max_length=MAX_NAME_LENGTH)
    description = TextField(max_length=MAX_DESCRIPTION_LENGTH, allow_blank=True, default="")
    currency = CurrencyField(
        allow_blank=True, default="", help_text="An ISO 4217 code; blank: the currency of the account."
    )
    starts_at = MomentField()
    ends_at = MomentField(
        allow_null=True, default=None, help_text="When it ends, with its offset from UTC; null: no end."
    )
    draft = FlagField(
        default=False, help_text="Whether it is a draft. A draft never applies; publishing cannot be undone."
    )
    archived = FlagField(default=False, help_text="Whether it is hidden from lists and never applies.")
    budget = BudgetField()
    customer_budget = CustomerBudgetField()
    campaign = KeyField(max_length=64, allow_null=True, default=None, help_text="The code of a campaign.")
    funding = FundingField()
    ledger_class = LedgerClassField()


class LifeOutput(Output):
    """What every family answers beside its definition: its campaign, who pays, and the read-only fields of its life."""

    campaign = serializers.CharField(source="campaign.code", default=None, allow_null=True)
    funding = FundingField()
    ledger_class = serializers.CharField()
    status = serializers.SerializerMethodField()
    version = serializers.IntegerField()
    redemptions = serializers.IntegerField()
    budget = BudgetField()
    customer_budget = CustomerBudgetField()
    budget_used = serializers.SerializerMethodField()
    created_at = MomentField()
    updated_at = MomentField()

    @extend_schema_field(PROMOTION_STATUS)
    def get_status(self, promotion: Promotion) -> str:
        """The status at the moment of the call."""
        return promotion.status_at(self.context["view"].at)

    @extend_schema_field(BUDGET_USED)
    def get_budget_used(self, promotion: Promotion) -> str | int:
        """What was given so far: an amount in the currency, or points."""
        return budget_used(promotion)


class DuplicateInput(Input):
    """The code, the name and the dates of the copy."""

    code = KeyField(max_length=64)
    name = TextField(
        max_length=MAX_NAME_LENGTH,
        allow_blank=True,
        default="",
        help_text="The name of the copy; blank: the name with (copy) after it.",
    )
    starts_at = MomentField(required=False, help_text="When the copy starts; left out: when the original does.")
    ends_at = MomentField(
        required=False, allow_null=True, help_text="When the copy ends; left out: when the original does; null: no end."
    )


class NothingInput(Input):
    """An object without fields."""


class VersionOutput(Output):
    """One immutable version of a promotion."""

    version = serializers.IntegerField(source="number")
    definition = serializers.SerializerMethodField()
    created_at = MomentField()
    created_by = serializers.SerializerMethodField()

    @extend_schema_field(LOYALTY_DEFINITION)
    def get_definition(self, version: PromotionVersion) -> dict[str, Any]:
        """The definition of this version."""
        # Versions of before there were budgets have none.
        return {**dict.fromkeys(BUDGETS), **version.definition}

    def get_created_by(self, version: PromotionVersion) -> str:
        """The person, or the key or import, that created it."""
        return version.created_by.get_username() if version.created_by is not None else version.created_with


class PromotionFilters(ArchiveFilters):
    """Filters of the list. Those that may be repeated find promotions of any of the values."""

    status = filters.MultipleChoiceFilter(
        choices=Status.choices, method="filter_status", help_text="The status now, which follows the dates."
    )
    currency = filters.CharFilter(lookup_expr="iexact")
    site = KeyFilter(
        method="filter_site", help_text="The number of a site: promotions that apply there by their site rules."
    )
    live_at = filters.CharFilter(
        method="filter_live_at", help_text="A date and time with its offset from UTC: promotions that apply then."
    )
    always_apply = FlagFilter()
    campaign = KeyFilter(field_name="campaign__code", help_text="A campaign's code: its members.")

    def filter_status(self, rows: QuerySet[Promotion], name: str, value: Sequence[str]) -> QuerySet[Promotion]:
        return promotions_with_status(rows, statuses=value, at=self.view.at) if value else rows

    def filter_site(self, rows: QuerySet[Promotion], name: str, value: str) -> QuerySet[Promotion]:
        site = Site.objects.filter(account_id=self.view.account.pk, number=value).first()
        if site is None:
            raise ValidationError({name: [ErrorDetail("This site does not exist.", code="unknown_reference")]})
        return promotions_at_site(rows, site=site)

    def filter_live_at(self, rows: QuerySet[Promotion], name: str, value: str) -> QuerySet[Promotion]:
        try:
            moment = MomentField().run_validation(value)
        except ValidationError as error:
            raise ValidationError({name: error.detail}) from error
        return promotions_live(rows, at=moment)

    @property
    def view(self) -> Any:
        """Return the view that filters."""
        return self.request.parser_context["view"]


_CHANGE_CONFLICTS = ("already_published", "stopped")


class PromotionCollection(TimedView, Collection):
    """The promotions of one family under their codes."""

    till_methods = frozenset({"GET"})
    # Ten sets of 1,000 products, or trees of 200 conditions with long lists.
    max_body_bytes = 8 * MEBIBYTE
    conflict_codes = {
        "PUT": _CHANGE_CONFLICTS,
        "PATCH": _CHANGE_CONFLICTS,
        "POST": _CHANGE_CONFLICTS,
        "DELETE": ("in_use",),
    }
    key_name = "code"
    key_field = KeyField(max_length=64)
    filterset_class = PromotionFilters
    search_fields = ("code", "name", "description")
    ordering_fields = ("code", "name", "starts_at", "redemptions", "created_at", "updated_at")
    default_ordering = "-starts_at"

    def write(self, rows: Sequence[dict[str, object]]) -> list[tuple[Promotion, bool]]:
        """Save all checked rows or none; return each promotion with whether it is new."""
        raise NotImplementedError

    def save(self, rows: Sequence[dict[str, object]]) -> Saved:
        saved = self.write(rows)
        created = sum(is_new for _, is_new in saved)
        return Saved(created=created, updated=len(saved) - created)

    def remove(self, row: Promotion) -> None:
        promotion_delete(promotion=row, author=self.author)

    def change(self, request: Request, **key: str) -> Response:
        """Change the fields that are sent: objects key by key, lists and rule trees as a whole. A draft's code too."""
        code = self.body().get("code")
        if not isinstance(code, str) or code == self.kwargs["code"]:
            return super().change(request, **key)
        # One transaction: the new code and the other changes, or neither.
        with transaction.atomic():
            promotion_rename(promotion=self.row(), code=code, author=self.author, at=self.at)
            self.kwargs["code"] = code
            return super().change(request, **key)


class PromotionView(TimedView):
    """A path below one promotion of a family."""

    input_class: ClassVar[type[Input] | None] = NothingInput
    max_body_bytes = 64 * KIBIBYTE
    key_name = "code"

    def promotion(self) -> Promotion:
        """Return the promotion of the path.

        Raises:
            NotFound: the account has none.
        """
        promotion: Promotion = row_or_404(self.get_queryset(), code=self.kwargs["code"])
        return promotion

    def check_path(self) -> None:
        self.promotion()


class StopView(PromotionView):
    """``<code>/stop``."""

    is_body_optional = True
    conflict_codes = {"POST": ("not_published", "stopped")}

    def post(self, request: Request, code: str) -> Response:
        """Stop it now and for good; sales that happened before still get it."""
        if request.stream is not None:
            self.document()
        stopped = promotion_stop(promotion=self.promotion(), author=self.author, at=self.at)
        return Response(self.rendered(stopped))


class DuplicateView(PromotionView):
    """``<code>/duplicate``."""

    input_class = DuplicateInput
    answers_created = True

    def post(self, request: Request, code: str) -> Response:
        """Duplicate it as a draft under another code."""
        duplicate = promotion_duplicate(promotion=self.promotion(), **self.document(), author=self.author, at=self.at)
        return Response(self.rendered(duplicate), status=status.HTTP_201_CREATED)


class VersionsView(PromotionView):
    """``<code>/versions``."""

    input_class = None
    output_class = VersionOutput
    search_fields = ("created_with", "created_by__username")
    ordering_fields = ("number",)
    default_ordering = "-number"
    is_list = True

    def get(self, request: Request, code: str) -> Response:
        """List its versions with who made them and when, newest first."""
        return self.page(promotion_versions(promotion=self.promotion()))
