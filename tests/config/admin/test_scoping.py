"""Nobody reaches the rows of another account, whatever address they type and whatever they send."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from consumers.admin.framework.pages import AccountAdmin, OnePageAdmin
from consumers.choices import StaffRole
from consumers.models import Account, Consumer, ConsumerGroup, Job, Site, StaffMembership, User
from loyalty.models import Offer
from promotions.models import PersonalizedList, Product, Promotion
from tests.consumers.admin.office import Office, fill, make_office

pytestmark = pytest.mark.django_db


def models_with_pages() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def name_of(model: type[Model], page: str) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}_{page}"


def rows_of(model: type[Model], account: Account) -> list[Any]:
    page = admin.site._registry[model]
    assert isinstance(page, AccountAdmin)
    if isinstance(page, OnePageAdmin):
        return [account.pk]
    return list(model._default_manager.filter(**{page.account_path: account}).values_list("pk", flat=True))


@pytest.fixture
def ours() -> Office:
    office = make_office("ours")
    fill(office.account)
    return office


@pytest.fixture
def theirs() -> Office:
    office = make_office("theirs")
    fill(office.account)
    return office


def test_every_page_is_scoped_to_an_account() -> None:
    assert models_with_pages()
    assert [model for model in models_with_pages() if not isinstance(admin.site._registry[model], AccountAdmin)] == []


def test_the_office_has_every_kind_of_row(ours: Office) -> None:
    assert [model._meta.label for model in models_with_pages() if not rows_of(model, ours.account)] == []


def test_lists_show_the_accounts_rows_and_no_others(ours: Office, theirs: Office) -> None:
    for model in models_with_pages():
        answer = ours.client.get(reverse(f"admin:{name_of(model, 'changelist')}"), follow=True)
        assert answer.status_code == 200, model
        assert "theirs" not in answer.content.decode(), model


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_the_page_of_another_accounts_row_is_not_found(ours: Office, theirs: Office, page: str) -> None:
    for model in models_with_pages():
        for pk in rows_of(model, theirs.account):
            for answer in (ours.page(name_of(model, page), pk), ours.post(name_of(model, page), pk, post="yes")):
                assert answer.status_code in (302, 403, 404), (model, page)
                assert "theirs" not in answer.content.decode(), (model, page)
        assert len(rows_of(model, theirs.account)) >= 1, model


def test_the_page_of_an_accounts_own_row_is_shown(ours: Office) -> None:
    for model in models_with_pages():
        answer = ours.page(name_of(model, "change"), rows_of(model, ours.account)[0])
        assert answer.status_code == 200, model


@pytest.mark.parametrize("page", ["loyalty_loyaltypromotion", "promotions_discount"])
@pytest.mark.parametrize("step", ["stop", "duplicate", "archive", "bring_back", "versions"])
def test_another_accounts_promotion_cannot_be_changed(ours: Office, theirs: Office, page: str, step: str) -> None:
    before = list(Promotion.objects.filter(account=theirs.account).values())
    for pk in [row["id"] for row in before]:
        for answer in (
            ours.page(f"{page}_{step}", pk),
            ours.post(f"{page}_{step}", pk, _form_submitted="True", code="copy", name="Copy"),
        ):
            assert answer.status_code == 404
    assert list(Promotion.objects.filter(account=theirs.account).values()) == before
    assert Promotion.objects.filter(account=ours.account, code="copy").count() == 0


@pytest.mark.parametrize("step", ["choose", "add", "remove", "replace", "reset", "give"])
def test_another_accounts_list_cannot_be_changed(ours: Office, theirs: Office, step: str) -> None:
    before = list(PersonalizedList.objects.filter(promotion__account=theirs.account).values())
    consumer = Consumer.objects.get(account=theirs.account)
    for backend_id in ("theirs-pp1", "ours-pp1"):
        query = f"?promotion={backend_id}"
        answers = [
            ours.page("promotions_personalizedlist_step", step, consumer.pk, query=query),
            ours.post("promotions_personalizedlist_step", step, consumer.pk, query=query, _form_submitted="True"),
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
    own = Consumer.objects.get(account=ours.account)
    if step != "give":
        assert (
            ours.page("promotions_personalizedlist_step", step, own.pk, query="?promotion=theirs-pp1").status_code
            == 404
        )
    assert list(PersonalizedList.objects.filter(promotion__account=theirs.account).values()) == before


def test_a_list_of_another_accounts_promotion_cannot_be_given(ours: Office, theirs: Office) -> None:
    own = Consumer.objects.get(account=ours.account)
    answer = ours.post(
        "promotions_personalizedlist_step",
        "give",
        own.pk,
        _form_submitted="True",
        promotion="theirs-pp1",
        products="ours-p1",
    )
    assert set(answer.context["form"].errors) == {"promotion"}
    assert "theirs" not in ours.page("promotions_personalizedlist_step", "give", own.pk).content.decode()


def test_another_accounts_key_cannot_be_revoked(ours: Office, theirs: Office) -> None:
    key = theirs.account.api_keys.first()
    assert key is not None
    ours.page("consumers_apikey_revoke", key.pk)
    ours.post("consumers_apikey_revoke", key.pk, _form_submitted="True")
    key.refresh_from_db()
    assert not key.revoked


@pytest.mark.parametrize(
    ("model", "field"),
    [(Offer, "product")],
)
def test_a_search_for_related_rows_finds_the_accounts(
    ours: Office, theirs: Office, model: type[Model], field: str
) -> None:
    answer = ours.client.get(
        reverse("admin:autocomplete"),
        {
            "app_label": model._meta.app_label,
            "model_name": str(model._meta.model_name),
            "field_name": field,
            "term": "",
        },
    )
    texts = [result["text"] for result in answer.json()["results"]]
    assert texts
    assert not [text for text in texts if "theirs" in text]


def test_a_related_row_of_another_account_is_refused(ours: Office, theirs: Office) -> None:
    consumer = Consumer.objects.get(account=ours.account)
    answer = ours.post(
        "consumers_consumer_change",
        consumer.pk,
        kind="customer",
        home_site=Site.objects.get(account=theirs.account).pk,
        groups=[ConsumerGroup.objects.get(account=theirs.account).pk],
        **{"cards-TOTAL_FORMS": "0", "cards-INITIAL_FORMS": "0"},
    )
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {"home_site", "groups"}
    consumer.refresh_from_db()
    assert consumer.home_site == Site.objects.get(account=ours.account)


def test_another_accounts_offer_and_group_cannot_be_chosen_for_a_promotion(ours: Office, theirs: Office) -> None:
    page = ours.page("loyalty_loyaltypromotion_add", query="?type=redeem_offer").content.decode()
    assert "ours-o1" in page
    assert "ours-g1" in page
    assert "theirs" not in page


def test_rows_of_two_accounts_may_share_a_key(ours: Office, theirs: Office) -> None:
    answer = ours.post("promotions_product_add", sku="theirs-p1", name="Mine", sold_by="unit")
    assert answer.status_code == 302
    assert Product.objects.get(account=ours.account, sku="theirs-p1").name == "Mine"
    assert Product.objects.get(account=theirs.account, sku="theirs-p1").name == "Product of theirs"


def test_filters_offer_the_accounts_rows(ours: Office, theirs: Office) -> None:
    for query in ("?home_site__id__exact=", "?groups__id__exact="):
        site = Site.objects.get(account=theirs.account)
        page = ours.page("consumers_consumer_changelist", query=f"{query}{site.pk}").content.decode()
        assert "theirs" not in page


def test_the_overview_counts_the_accounts_promotions(ours: Office, theirs: Office) -> None:
    answer = ours.page("index")
    assert [(tile["count"], tile["label"]) for tile in answer.context["tiles"]] == [
        (2, "active loyalty promotions"),
        (0, "scheduled loyalty promotions"),
        (0, "draft loyalty promotions"),
        (1, "active discount"),
        (0, "scheduled discounts"),
        (0, "draft discounts"),
    ]
    assert "theirs" not in answer.content.decode()


def test_after_a_switch_the_other_account_is_shown(ours: Office, theirs: Office) -> None:
    ours.client.post(reverse("account_switch"), {"account": "theirs"})
    assert "Person 1 of ours" in ours.page("consumers_consumer_changelist").content.decode()
    StaffMembership.objects.create(
        user=ours.user, account=theirs.account, role=StaffMembership.objects.get(user=theirs.user).role
    )
    ours.client.post(reverse("account_switch"), {"account": "theirs"})
    page = ours.page("consumers_consumer_changelist").content.decode()
    assert "Person 1 of theirs" in page
    assert "Person 1 of ours" not in page


def test_staff_without_an_account_see_nothing(ours: Office) -> None:
    user = User.objects.create_user("nobody", password="correct-horse-7", is_staff=True)
    ours.client.force_login(user, backend="consumers.access.MembershipBackend")
    assert "You have no account yet" in ours.page("index").content.decode()
    for model in models_with_pages():
        assert ours.page(name_of(model, "changelist")).status_code == 403, model


@pytest.mark.parametrize("role", list(StaffRole))
def test_every_page_answers_every_role(ours: Office, role: StaffRole) -> None:
    office = ours.login(role)
    Job.objects.update(asked_by=office.user)
    assert office.page("index").status_code == 200
    for model in models_with_pages():
        answer = office.client.get(reverse(f"admin:{name_of(model, 'changelist')}"), follow=True)
        assert answer.status_code in (200, 403), model
        row = rows_of(model, ours.account)[0]
        assert office.page(name_of(model, "change"), row).status_code == answer.status_code, model
