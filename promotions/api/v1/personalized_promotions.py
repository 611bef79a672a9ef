"""``personalized-promotions``, and the lists of consumers below them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.components import array, text
from consumers.api.framework.fields import FlagField, KeyField, MomentField, TextField, WholeField
from consumers.api.framework.filters import ArchiveFilters, FlagFilter
from consumers.api.framework.query import switch
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import MAX_ROWS, ApiView, Collection, collection_paths, row_or_404
from consumers.api.v1.consumers import ConsumerView
from consumers.lengths import MAX_CONSUMER_ID_LENGTH
from consumers.selectors import consumers_of
from consumers.services.upsert import Saved
from consumers.types import JsonObject
from promotions.engine.definition.fields import MAX_SKU_LENGTH
from promotions.models import PersonalizedList, PersonalizedPromotion
from promotions.models.personalized_promotion import MAX_LIST_PRODUCTS
from promotions.selectors.personalized_promotion import (
    personalized_list_of,
    personalized_lists_shown,
    personalized_promotions_of,
)
from promotions.services.personalized.assignments import ConsumerProducts, personalized_lists_assign
from promotions.services.personalized.lists import (
    personalized_list_add,
    personalized_list_clear,
    personalized_list_push,
    personalized_list_remove,
    personalized_list_select,
)
from promotions.services.personalized.promotion import (
    PersonalizedPromotionValues,
    personalized_promotion_delete,
    personalized_promotions_save,
)

MAX_SENT_PRODUCTS = 1_000
"""Products that one list may be sent with; a list with more is refused without a look at each."""


class PersonalizedPromotionInput(Input):
    """What gives each enlisted consumer their own list of products to choose from."""

    name = TextField(min_length=2, max_length=200)
    description = TextField(max_length=10_000, allow_blank=True, default="")
    maximum_distinct_products = WholeField(
        min_value=1,
        allow_null=True,
        default=None,
        help_text="How many products a consumer may choose; null: the whole list.",
    )
    lock_after_first_apply = FlagField(default=False, help_text="Whether the first choice is final.")
    archived = FlagField(default=False, help_text="Whether it is hidden from lists and without effect.")


class PersonalizedPromotionOutput(Output):
    """What gives each enlisted consumer their own list of products to choose from."""

    backend_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    maximum_distinct_products = serializers.IntegerField(allow_null=True)
    lock_after_first_apply = serializers.BooleanField()
    archived = serializers.BooleanField()
    created_at = MomentField()
    updated_at = MomentField()


class PersonalizedPromotionFilters(ArchiveFilters):
    """Filters of the list."""

    name = filters.CharFilter(lookup_expr="icontains")
    description = filters.CharFilter(lookup_expr="icontains")
    backend_id = filters.CharFilter(lookup_expr="icontains")
    lock_after_first_apply = FlagFilter()

    class Meta:
        model = PersonalizedPromotion
        fields: tuple[str, ...] = ()


class PersonalizedPromotions(Collection):
    """Personalized promotions by backend id."""

    key_name = "backend_id"
    key_field = KeyField(max_length=64)
    input_class = PersonalizedPromotionInput
    output_class = PersonalizedPromotionOutput
    filterset_class = PersonalizedPromotionFilters
    search_fields = ("backend_id", "name", "description")
    ordering_fields = ("backend_id", "name", "created_at", "updated_at")
    default_ordering = "backend_id"

    def get_queryset(self) -> QuerySet[PersonalizedPromotion]:
        return personalized_promotions_of(account_id=self.account.pk)

    def save(self, rows: Sequence[JsonObject]) -> Saved:
        return personalized_promotions_save(
            account_id=self.account.pk,
            rows=[PersonalizedPromotionValues(**row) for row in rows],
            at=timezone.now(),
            author=self.author,
        )

    def remove(self, row: PersonalizedPromotion) -> None:
        personalized_promotion_delete(account_id=self.account.pk, backend_id=row.backend_id, author=self.author)


def too_many_products() -> ValidationError:
    """Return the error of a list that is too long to check product by product."""
    return ValidationError([ErrorDetail(f"A list has at most {MAX_LIST_PRODUCTS} products.", code="too_many_products")])


class SkusField(serializers.Field[Any, Any, Any, Any]):
    """A list of texts; the service checks that they are products. Ten thousand such lists are read quickly."""

    default_error_messages = {"not_a_list": "Must be a list of SKUs."}

    def to_internal_value(self, data: object) -> list[str]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if len(data) > MAX_SENT_PRODUCTS:
            raise too_many_products()
        invalid_indexes = [index for index, sku in enumerate(data) if not isinstance(sku, str)]
        if invalid_indexes:
            invalid = [ErrorDetail("Not a valid string.", code="invalid")]
            raise ValidationError({str(index): invalid for index in invalid_indexes})
        return data

    def to_representation(self, value: object) -> object:
        return value

    def json_schema(self) -> JsonObject:
        """Return the field for the OpenAPI document."""
        return array(text(min_length=1, max_length=MAX_SKU_LENGTH), max_items=MAX_SENT_PRODUCTS)


class PushedProduct(Input):
    """A product of a list that is pushed."""

    sku = TextField(max_length=MAX_SKU_LENGTH, trim_whitespace=False)
    selected = FlagField(default=False)


class PushedProducts(serializers.ListField):
    """Products of a list that is pushed."""

    child = PushedProduct()

    def to_internal_value(self, data: Any) -> list[object]:
        if isinstance(data, list) and len(data) > MAX_SENT_PRODUCTS:
            raise too_many_products()
        return super().to_internal_value(data)


class ProductsInput(Input):
    """Products by SKU."""

    products = SkusField()


class RemoveInput(Input):
    """Products by SKU, or all of them."""

    products = SkusField(default=list)
    remove_all = FlagField(default=False)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if attrs["remove_all"] and attrs["products"]:
            detail = "Name the products to remove, or remove all."
            raise ValidationError({"remove_all": [ErrorDetail(detail, code="invalid")]})
        return attrs


class PushInput(Input):
    """A list with its choice, in place of the one that is there."""

    products = PushedProducts()
    skip_unresolved = FlagField(
        default=False, help_text="Leave out SKUs that are not in the catalogue, in place of refusing them."
    )


class PersonalizedListOutput(Output):
    """What one consumer may choose from, and has chosen."""

    backend_id = serializers.CharField(source="promotion.backend_id")
    name = serializers.CharField(source="promotion.name")
    products = SkusField()
    selected = SkusField()
    maximum_distinct_products = serializers.IntegerField(
        source="promotion.maximum_distinct_products",
        allow_null=True,
        help_text="How many products the consumer may choose; null: the whole list.",
    )
    lock_after_first_apply = serializers.BooleanField(source="promotion.lock_after_first_apply")
    locked = serializers.BooleanField(help_text="Whether the choice is final.")


class BelowPromotionView(ApiView):
    """A path below a personalized promotion, which may also name a consumer."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._check_promotion()
        if "\x00" in kwargs.get("consumer_id", ""):
            raise NotFound

    def check_path(self) -> None:
        self._check_promotion()
        if "consumer_id" in self.kwargs:
            row_or_404(consumers_of(account_id=self.account.pk), consumer_id=self.kwargs["consumer_id"])

    def _check_promotion(self) -> None:
        row_or_404(personalized_promotions_of(account_id=self.account.pk), backend_id=self.kwargs["backend_id"])

    def list_key(self) -> JsonObject:
        """Return what the path names, as selectors and services take it."""
        return {"account_id": self.account.pk, **self.kwargs}


class PersonalizedListView(BelowPromotionView):
    """One consumer's list of one personalized promotion."""

    output_class = PersonalizedListOutput

    def answer(self, listed: PersonalizedList) -> Response:
        """Answer the list as it is now."""
        return Response(self.rendered(listed))


class PersonalizedListDetail(PersonalizedListView):
    """The list."""

    till_methods = frozenset({"GET"})

    def get(self, request: Request, backend_id: str, consumer_id: str) -> Response:
        """Read the consumer's list and choice; without a list, both are empty."""
        return self.answer(personalized_list_of(**self.list_key()))


class PersonalizedProducts(PersonalizedListView):
    """The products of the list."""

    input_class = ProductsInput

    @extend_schema(responses={200: PersonalizedListOutput})
    def post(self, request: Request, backend_id: str, consumer_id: str) -> Response:
        """Add products at the end of the list; the first ones create it."""
        return self.answer(personalized_list_add(**self.list_key(), **self.document()))

    @extend_schema(request=PushInput, responses={200: PersonalizedListOutput})
    def put(self, request: Request, backend_id: str, consumer_id: str) -> Response:
        """Replace the list and the choice, and unlock the choice; an empty list removes both."""
        pushed = self.document(PushInput)
        listed = personalized_list_push(
            **self.list_key(),
            products=[product["sku"] for product in pushed["products"]],
            selected=[product["sku"] for product in pushed["products"] if product["selected"]],
            skip_unresolved=pushed["skip_unresolved"],
        )
        return self.answer(listed)

    @extend_schema(request=RemoveInput, responses={200: PersonalizedListOutput})
    def delete(self, request: Request, backend_id: str, consumer_id: str) -> Response:
        """Remove products from the list; ``{"remove_all": true}`` removes all. Those not on it are gone already."""
        removed = self.document(RemoveInput)
        if removed["remove_all"]:
            return self.answer(personalized_list_clear(**self.list_key()))
        return self.answer(personalized_list_remove(**self.list_key(), products=removed["products"]))


class PersonalizedSelection(PersonalizedListView):
    """The consumer's choice."""

    conflict_codes = {"PUT": ("selection_locked",)}
    till_methods = frozenset({"PUT"})
    input_class = ProductsInput

    @extend_schema(responses={200: PersonalizedListOutput})
    def put(self, request: Request, backend_id: str, consumer_id: str) -> Response:
        """Replace the choice; an empty list clears it. 409 ``selection_locked`` where another one was final."""
        return self.answer(personalized_list_select(**self.list_key(), **self.document()))


class AssignmentInput(Input):
    """One consumer's list."""

    consumer = TextField(max_length=MAX_CONSUMER_ID_LENGTH, trim_whitespace=False)
    products = SkusField()


class AssignmentOutput(Output):
    """What an assignment did, in consumers."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    cleared = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Consumers whose list was left unchanged because their choice is final.")


class PersonalizedAssignments(BelowPromotionView):
    """Lists of many consumers at once."""

    input_class = AssignmentInput
    output_class = AssignmentOutput
    max_rows = MAX_ROWS
    parameters = {
        "POST": (
            switch("skip_unresolved", "Leave out SKUs that are not in the catalogue, in place of refusing them."),
            switch("keep_locked", "Leave the lists of consumers unchanged whose choice is final."),
        )
    }

    @extend_schema(request=AssignmentInput(many=True), responses={200: AssignmentOutput})
    def post(self, request: Request, backend_id: str) -> Response:
        """Replace the lists of up to 10,000 consumers: all of them or none."""
        rows = self.documents(AssignmentInput(), key="consumer")
        assigned = personalized_lists_assign(
            **self.list_key(),
            rows=[ConsumerProducts(consumer_id=row["consumer"], products=row["products"]) for row in rows],
            skip_unresolved=self.flag("skip_unresolved"),
            keep_locked=self.flag("keep_locked"),
        )
        return Response(
            {
                "created": assigned.created,
                "updated": assigned.replaced,
                "cleared": assigned.cleared,
                "kept": assigned.kept,
            }
        )


class ConsumerLists(Output):
    """What one consumer has."""

    results = PersonalizedListOutput(many=True)


class ConsumerPersonalizedPromotions(ConsumerView):
    """What one consumer has."""

    output_class = ConsumerLists
    till_methods = frozenset({"GET"})

    def get(self, request: Request, consumer_id: str) -> Response:
        """List the personalized lists of the consumer by name; those of archived promotions are left out."""
        lists = personalized_lists_shown(account_id=self.account.pk, consumer_pk=self.consumer().pk)
        return Response(self.rendered({"results": lists}))


_LIST = "personalized-promotions/<key:backend_id>/consumers/<key:consumer_id>"

urlpatterns: list[URLPattern] = [
    path(f"{_LIST}/products", PersonalizedProducts.as_view(), name="personalized-products"),
    path(f"{_LIST}/selection", PersonalizedSelection.as_view(), name="personalized-selection"),
    path(_LIST, PersonalizedListDetail.as_view(), name="personalized-list"),
    path(
        "personalized-promotions/<key:backend_id>/assignments",
        PersonalizedAssignments.as_view(),
        name="personalized-assignments",
    ),
    path(
        "consumers/<key:consumer_id>/personalized-promotions",
        ConsumerPersonalizedPromotions.as_view(),
        name="consumer-personalized-promotions",
    ),
    *collection_paths("personalized-promotions", PersonalizedPromotions),
]
