"""The search of all pages (Ctrl+K): pages, promotions, offers, consumers, products and the rest of the account.

Each kind is searched only for who may see its list, by how its keys and names begin, which indexes answer where there
may be millions of rows, and up to ``MAX_RESULTS`` of a kind. The theme's own view would keep results by user, whatever
their account and role.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from config.navigation import sidebar
from consumers.admin.framework.pages import account_of
from consumers.models import ConsumerGroup, Site
from consumers.search_text import search_problem
from consumers.selectors import consumers_matching
from consumers.types import Rows
from loyalty.models import LoyaltyPromotion, Offer
from loyalty.selectors.search import transactions_beginning, vouchers_beginning
from promotions.models import Campaign, Discount, PersonalizedPromotion
from promotions.selectors.product import products_beginning

MAX_RESULTS = 5
"""Results of one kind."""


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """A result: a page of the back office."""

    title: str
    description: str
    address: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class SearchSource:
    """A kind of rows that is searched: who may see it, its pages, and the rows that a text means.

    ``key`` is the field that integrators identify a row by; a row whose key is the text itself comes first.
    """

    label: str
    plural: str
    icon: str
    model: str
    key: str
    rows: Callable[[int, str], Rows]

    @property
    def permission(self) -> str:
        """Return the permission to see the list."""
        app_label, _, name = self.model.partition(".")
        return f"{app_label}.view_{name}"

    def address(self, page: str, *args: Any) -> str:
        """Return the address of the model's list or of a row."""
        return reverse(f"admin:{self.model.replace('.', '_')}_{page}", args=args)

    def results(self, account_id: int, search: str) -> Iterator[SearchResult]:
        """Yield the first rows that the text means, and the way to the others."""
        matching = self.rows(account_id, search)
        rows = list(matching[: MAX_RESULTS + 1])
        has_more = len(rows) > MAX_RESULTS
        if has_more:
            exact = [row for row in matching.filter(**{self.key: search})[:1] if row not in rows[:MAX_RESULTS]]
            rows = [*exact, *rows][:MAX_RESULTS]
        for row in rows:
            key = str(getattr(row, self.key))
            name = str(getattr(row, "name", "") or row)
            description = self.label if name == key else f"{self.label} · {key}"
            yield SearchResult(
                title=name, description=description, address=self.address("change", row.pk), icon=self.icon
            )
        if has_more:
            address = f"{self.address('changelist')}?{urlencode({'q': search})}"
            yield SearchResult(title=f"More {self.plural}", description="See all", address=address, icon=self.icon)


def _named(model: Any, key: str) -> Callable[[int, str], Rows]:
    """Return the search of a model of few rows: its key begins with the text, or a word of its name does."""

    def rows(account_id: int, search: str) -> Rows:
        begins = Q(**{f"{key}__istartswith": search}) | Q(name__istartswith=search) | Q(name__icontains=f" {search}")
        matching: Rows = model._default_manager.filter(begins, account_id=account_id, archived=False)
        return matching.order_by("name", key)

    return rows


def _consumers(account_id: int, search: str) -> Rows:
    # In no order: sorted, the many that a letter means would all be read first.
    return consumers_matching(account_id=account_id, search=search).filter(archived=False).order_by()


SOURCES: Sequence[SearchSource] = (
    SearchSource(
        label="Loyalty promotion",
        plural="loyalty promotions",
        icon="loyalty",
        model="loyalty.loyaltypromotion",
        key="code",
        rows=_named(LoyaltyPromotion, "code"),
    ),
    SearchSource(
        label="Discount",
        plural="discounts",
        icon="sell",
        model="promotions.discount",
        key="code",
        rows=_named(Discount, "code"),
    ),
    SearchSource(
        label="Campaign",
        plural="campaigns",
        icon="campaign",
        model="promotions.campaign",
        key="code",
        rows=_named(Campaign, "code"),
    ),
    SearchSource(
        label="Personalized promotion",
        plural="personalized promotions",
        icon="checklist",
        model="promotions.personalizedpromotion",
        key="backend_id",
        rows=_named(PersonalizedPromotion, "backend_id"),
    ),
    SearchSource(
        label="Offer", plural="offers", icon="redeem", model="loyalty.offer", key="code", rows=_named(Offer, "code")
    ),
    SearchSource(
        label="Consumer",
        plural="consumers",
        icon="person",
        model="consumers.consumer",
        key="consumer_id",
        rows=_consumers,
    ),
    SearchSource(
        label="Group",
        plural="groups",
        icon="group",
        model="consumers.consumergroup",
        key="code",
        rows=_named(ConsumerGroup, "code"),
    ),
    SearchSource(
        label="Product",
        plural="products",
        icon="inventory_2",
        model="promotions.product",
        key="sku",
        rows=lambda account_id, search: products_beginning(account_id=account_id, search=search),
    ),
    SearchSource(
        label="Site",
        plural="sites",
        icon="storefront",
        model="consumers.site",
        key="number",
        rows=_named(Site, "number"),
    ),
    SearchSource(
        label="Voucher",
        plural="vouchers",
        icon="confirmation_number",
        model="loyalty.voucher",
        key="code",
        rows=lambda account_id, search: vouchers_beginning(account_id=account_id, search=search),
    ),
    SearchSource(
        label="Transaction",
        plural="transactions",
        icon="receipt_long",
        model="loyalty.transaction",
        key="reference",
        rows=lambda account_id, search: transactions_beginning(account_id=account_id, search=search),
    ),
)


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Answer what the text ``s`` means, as the list of the search's dialog."""
    account = account_of(request)
    text = request.GET.get("s", "").replace("\x00", "").strip()
    problem = search_problem(text)
    results: list[SearchResult] = []
    if text and not problem:
        results += _pages(request, text)
        for source in SOURCES:
            if request.user.has_perm(source.permission):
                results += source.results(account.pk, text)
    context = {"results": results, "text": text, "problem": problem}
    return render(request, "unfold/helpers/command_results.html", context)


def _pages(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    """Yield the pages of the sidebar that the user may see, one word of whose title begins with the text."""
    for group in sidebar(request):
        for item in group["items"]:
            title = item["title"]
            if f" {text}".casefold() in f" {title}".casefold() and item.get("permission", _anybody)(request):
                yield SearchResult(
                    title=title, description=group.get("title", "Page"), address=item["link"], icon=item["icon"]
                )


def _anybody(_: HttpRequest) -> bool:
    return True
