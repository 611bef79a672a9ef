"""The pages of personalized promotions and consumers' lists, and the steps of staff on the Loyalty tab."""

from typing import Any

import pytest
from django.urls import reverse

from consumers.choices import StaffRole
from consumers.models import Consumer
from promotions.models import PersonalizedList, PersonalizedPromotion
from promotions.services.personalized.lists import personalized_list_add, personalized_list_select
from tests.consumers.admin.files.builders import KINDS, confirm, differences, export, preview, problem_texts, rows_of
from tests.consumers.admin.office import Office, make_office
from tests.consumers.builders import take_away
from tests.promotions.builders import make_consumers, make_personalized, make_products

pytestmark = pytest.mark.django_db

LISTS = "promotions_personalizedlist"
CHAPTER = "promotions_personalizedpromotion"


@pytest.fixture
def office() -> Office:
    made = make_office()
    make_products(made.account, "TEA", "CAKE", "BAP")
    make_consumers(made.account, "ada", "bob")
    return made


def make_list(office: Office, *products: str, selected: tuple[str, ...] = (), **fields: Any) -> PersonalizedList:
    """Ada's list of a personalized promotion."""
    make_personalized(office.account, **fields)
    place: dict[str, Any] = {"account_id": office.account.pk, "backend_id": "PP", "consumer_id": "ada"}
    personalized_list_add(**place, products=products)
    return personalized_list_select(**place, products=selected)


def tab(office: Office) -> str:
    page: str = office.page("consumers_consumer_change", ada().pk).content.decode()
    return page


def ada() -> Consumer:
    return Consumer.objects.get(consumer_id="ada")


def step(office: Office, name: str, **values: Any) -> Any:
    """The answer to a step that is taken with Ada's list, without scripts."""
    return office.post(f"{LISTS}_step", name, ada().pk, query="?promotion=PP", _form_submitted="True", **values)


def stored() -> tuple[list[str], list[str], bool]:
    row = PersonalizedList.objects.get()
    return row.products, row.selected, row.locked


# --- the chapter ----------------------------------------------------------------------------------------------------


def test_a_blank_backend_id_is_made_and_never_changes(office: Office) -> None:
    answer = office.post(f"{CHAPTER}_add", name="Pick yours", maximum_distinct_products="3")
    assert answer.status_code == 302
    promotion = PersonalizedPromotion.objects.get()
    assert promotion.backend_id.startswith("PP-")
    assert (promotion.name, promotion.maximum_distinct_products) == ("Pick yours", 3)
    made = promotion.backend_id
    office.post(f"{CHAPTER}_change", promotion.pk, name="Yours", backend_id="OTHER", lock_after_first_apply="on")
    promotion.refresh_from_db()
    assert (promotion.backend_id, promotion.name, promotion.maximum_distinct_products) == (made, "Yours", None)
    assert promotion.lock_after_first_apply


def test_a_backend_id_that_is_taken_is_refused(office: Office) -> None:
    make_personalized(office.account)
    answer = office.post(f"{CHAPTER}_add", name="Another", backend_id="PP")
    assert set(answer.context["adminform"].form.errors) == {"backend_id"}
    assert PersonalizedPromotion.objects.get().name == "Pick yours"


@pytest.mark.parametrize(("field", "value"), [("name", "x"), ("maximum_distinct_products", "0")])
def test_an_invalid_value_is_an_error_of_its_field(office: Office, field: str, value: str) -> None:
    answer = office.post(f"{CHAPTER}_add", **{"name": "Pick yours", field: value})
    assert set(answer.context["adminform"].form.errors) == {field}
    assert not PersonalizedPromotion.objects.exists()


def test_the_overview_is_filtered_and_counts_the_consumers(office: Office) -> None:
    make_list(office, "TEA")
    make_personalized(office.account, "SUMMER", name="Summer", lock_after_first_apply=True)
    make_personalized(office.account, "OLD", name="Old", archived=True)

    def names(query: str) -> list[str]:
        rows = office.page(f"{CHAPTER}_changelist", query=query).context["cl"].result_list
        return [f"{row.name} {row.enlisted}" for row in rows]

    assert names("") == ["Pick yours 1", "Summer 0"]
    assert names("?name__icontains=summ") == ["Summer 0"]
    assert names("?lock=yes") == ["Summer 0"]
    assert names("?lock=no") == ["Pick yours 1"]
    assert names("?archived=yes") == ["Old 0"]
    assert names("?q=PP") == ["Pick yours 1"]


def test_a_promotion_with_a_consumers_list_is_not_deleted(office: Office) -> None:
    listed = make_list(office, "TEA")
    answer = office.client.post(
        reverse(f"admin:{CHAPTER}_delete", args=[listed.promotion.pk]), {"post": "yes"}, follow=True
    )
    assert "is in use and cannot be deleted" in answer.content.decode()
    office.post(f"{LISTS}_step", "remove", ada().pk, query="?promotion=PP", _form_submitted="True", everything="on")
    office.post(f"{CHAPTER}_delete", listed.promotion.pk, post="yes")
    assert not PersonalizedPromotion.objects.exists()


def test_the_lists_of_a_promotion_are_one_click_away(office: Office) -> None:
    listed = make_list(office, "TEA")
    answer = office.client.get(reverse(f"admin:{CHAPTER}_lists", args=[listed.promotion.pk]), follow=True)
    assert list(answer.context["cl"].result_list) == [listed]


# --- lists ----------------------------------------------------------------------------------------------------------


def test_lists_are_found_by_consumer_and_by_how_far_the_choice_is(office: Office) -> None:
    make_list(office, "TEA", "CAKE", selected=("TEA",), lock_after_first_apply=True)
    personalized_list_add(account_id=office.account.pk, backend_id="PP", consumer_id="bob", products=["TEA"])

    def found(query: str) -> list[str]:
        lists = office.page(f"{LISTS}_changelist", query=query).context["cl"].result_list
        return [listed.consumer.consumer_id for listed in lists]

    assert found("") == ["ada", "bob"]
    assert found("?q=bob") == ["bob"]
    assert found("?choice=final") == ["ada"]
    assert found("?choice=none") == ["bob"]
    assert found("?choice=open") == []


def test_the_page_of_a_list_shows_products_and_choice(office: Office) -> None:
    make_list(office, "TEA", "CAKE", selected=("CAKE",))
    page = office.page(f"{LISTS}_change", PersonalizedList.objects.get().pk).content.decode()
    assert "The consumer can still change the choice" in page
    assert page.count("product-chip-chosen") == 1
    assert reverse(f"admin:{LISTS}_step", args=["replace", ada().pk]) in page


# --- the Loyalty tab ------------------------------------------------------------------------------------------------


def test_the_tab_shows_list_choice_and_lock(office: Office) -> None:
    assert "No personalized promotions" in tab(office)
    make_list(office, "TEA", "CAKE", selected=("TEA",), lock_after_first_apply=True)
    page = tab(office)
    assert "The choice is final." in page
    assert page.count('class="product-chip ') == 2
    assert page.count("product-chip-chosen") == 1
    assert reverse(f"admin:{LISTS}_step", args=["choose", ada().pk]) not in page
    assert reverse(f"admin:{LISTS}_step", args=["reset", ada().pk]) in page


def test_a_list_is_given_on_the_tab(office: Office) -> None:
    make_personalized(office.account)
    address = reverse(f"admin:{LISTS}_step", args=["give", ada().pk])
    assert address in tab(office)
    assert "Pick yours" in office.client.get(address).content.decode()
    answer = office.client.post(
        address, {"_form_submitted": "True", "promotion": "PP", "products": "TEA\r\n CAKE \r\n"}
    )
    assert answer.headers["Location"] == f"{reverse('admin:consumers_consumer_change', args=[ada().pk])}#loyalty"
    assert stored() == (["TEA", "CAKE"], [], False)
    assert "Pick yours" not in office.client.get(address).content.decode()


def test_staff_choose_add_remove_replace_and_reset(office: Office) -> None:
    make_list(office, "TEA", "CAKE", lock_after_first_apply=True)
    assert step(office, "choose", products=["CAKE"]).status_code == 302
    assert stored() == (["TEA", "CAKE"], ["CAKE"], True)
    step(office, "add", products="BAP")
    assert stored() == (["TEA", "CAKE", "BAP"], ["CAKE"], True)
    step(office, "reset")
    assert stored() == (["TEA", "CAKE", "BAP"], [], False)
    step(office, "remove", products=["TEA"])
    assert stored() == (["CAKE", "BAP"], [], False)
    step(office, "replace", products="TEA\nBAP", selected="BAP")
    assert stored() == (["TEA", "BAP"], ["BAP"], False)
    step(office, "remove", everything="on")
    assert not PersonalizedList.objects.exists()


@pytest.mark.parametrize(
    ("name", "values", "field", "words"),
    [
        ("choose", {"products": ["TEA", "CAKE"]}, "products", "At most 1 product may be chosen."),
        (
            "choose",
            {"products": ["BAP"]},
            "products",
            "Select a valid choice. BAP is not one of the available choices.",
        ),
        ("add", {"products": ""}, "products", "Name at least one product."),
        ("add", {"products": "NOPE"}, "products", "There is no product NOPE."),
        ("remove", {}, "products", "Name at least one product."),
        ("replace", {"products": "TEA", "selected": "CAKE"}, "selected", "CAKE is chosen, but not on the list."),
    ],
)
def test_a_refusal_shows_at_its_field(
    office: Office, *, name: str, values: dict[str, Any], field: str, words: str
) -> None:
    make_list(office, "TEA", "CAKE", maximum_distinct_products=1)
    answer = step(office, name, **values)
    assert answer.status_code == 200
    assert answer.context["form"].errors == {field: [words]}
    assert stored() == (["TEA", "CAKE"], [], False)


def test_a_choice_that_became_final_meanwhile_is_an_error_above_the_form(office: Office) -> None:
    make_list(office, "TEA", "CAKE", selected=("TEA",), lock_after_first_apply=True)
    answer = step(office, "choose", products=["CAKE"])
    assert answer.context["form"].non_field_errors() == ["This choice is final. Reset it first."]


def test_an_unknown_step_list_or_promotion_is_not_there(office: Office) -> None:
    make_personalized(office.account)
    assert office.page(f"{LISTS}_step", "burn", ada().pk, query="?promotion=PP").status_code == 404
    for query in ("", "?promotion=", "?promotion=NOPE", "?promotion=%00"):
        assert office.page(f"{LISTS}_step", "add", ada().pk, query=query).status_code == 404
    assert office.page(f"{LISTS}_step", "add", 10**6, query="?promotion=PP").status_code == 404


def test_steps_of_staff_are_in_the_consumers_history(office: Office) -> None:
    make_list(office, "TEA", "CAKE")
    step(office, "add", products="BAP")
    page = office.page("consumers_consumer_history", ada().pk).content.decode()
    assert "Products added." in page


# --- who may do what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [StaffRole.MARKETER, StaffRole.CUSTOMER_SERVICE, StaffRole.ADMINISTRATOR])
def test_these_roles_change_lists(office: Office, role: StaffRole) -> None:
    make_list(office, "TEA", "CAKE")
    other = office.login(role)
    assert "Add products" in tab(other)
    assert step(other, "add", products="BAP").status_code == 302
    assert other.page(f"{LISTS}_import").status_code == 200


def test_a_viewer_looks_and_changes_nothing(office: Office) -> None:
    make_list(office, "TEA", "CAKE", selected=("TEA",))
    viewer = office.login(StaffRole.VIEWER)
    page = tab(viewer)
    assert "product-chip-chosen" in page
    assert "Add products" not in page
    assert "Give a list" not in page
    for name in ("choose", "add", "remove", "replace", "reset", "give"):
        assert step(viewer, name, products="BAP").status_code == 403
    assert viewer.page(f"{LISTS}_import").status_code == 403
    assert viewer.page(f"{LISTS}_export").status_code == 200
    assert viewer.page(f"{CHAPTER}_add").status_code == 403
    assert stored() == (["TEA", "CAKE"], ["TEA"], False)


def test_who_may_not_view_them_sees_nothing_of_them(office: Office) -> None:
    listed = make_list(office, "TEA")
    stranger = office.login(StaffRole.CUSTOMER_SERVICE)
    take_away(stranger.user.staff_memberships.get(), "PersonalizedPromotions")
    page = tab(stranger)
    assert "ersonalized promotions" not in page
    assert "Pick yours" not in page
    pages: list[tuple[str, list[Any]]] = [
        (f"{CHAPTER}_changelist", []),
        (f"{CHAPTER}_change", [listed.promotion.pk]),
        (f"{LISTS}_changelist", []),
        (f"{LISTS}_change", [PersonalizedList.objects.get().pk]),
        (f"{LISTS}_export", []),
        (f"{LISTS}_import", []),
        (f"{LISTS}_step", ["give", ada().pk]),
    ]
    for name, args in pages:
        assert stranger.page(name, *args).status_code == 403, name
    found = stranger.client.get(reverse("choices_found", args=["personalized_promotion"]), {"q": "Pick"})
    assert found.status_code == 403


# --- import and export ----------------------------------------------------------------------------------------------


HEAD = "backend_id,consumer_id,products,selected\n"


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_has_a_row_for_each_list(office: Office, kind: str) -> None:
    make_list(office, "TEA", "CAKE", selected=("CAKE",), lock_after_first_apply=True)
    plain = {"products": ["TEA", "CAKE"], "selected": ["CAKE"], "locked": True}
    cells = {"products": "TEA, CAKE", "selected": "CAKE", "locked": "yes"}
    says = {"backend_id": "PP", "consumer_id": "ada", **(plain if kind == "json" else cells)}
    assert rows_of(export(office, LISTS, kind), kind) == [says]


def test_an_import_gives_and_replaces_lists(office: Office) -> None:
    make_list(office, "TEA")
    make_personalized(office.account, "QQ")
    confirm(office, LISTS, HEAD + 'PP,ada,"CAKE, BAP",BAP\nPP,bob,TEA,\nQQ,ada,TEA,TEA\n')
    lists = PersonalizedList.objects.order_by("promotion__backend_id", "consumer__consumer_id")
    assert list(lists.values_list("promotion__backend_id", "consumer__consumer_id", "products", "selected")) == [
        ("PP", "ada", ["CAKE", "BAP"], ["BAP"]),
        ("PP", "bob", ["TEA"], []),
        ("QQ", "ada", ["TEA"], ["TEA"]),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_imported_export_changes_nothing(office: Office, kind: str) -> None:
    make_list(office, "TEA", "CAKE", selected=("CAKE",), lock_after_first_apply=True)
    before = PersonalizedList.objects.values().get()
    confirm(office, LISTS, export(office, LISTS, kind), kind)
    assert PersonalizedList.objects.values().get() == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_restores_the_lists(office: Office, kind: str) -> None:
    make_list(office, "TEA", "CAKE", selected=("CAKE",), lock_after_first_apply=True)
    file = export(office, LISTS, kind)
    PersonalizedList.objects.all().delete()
    confirm(office, LISTS, file, kind)
    given = PersonalizedList.objects.get()
    assert (given.products, given.selected) == (["TEA", "CAKE"], ["CAKE"])
    assert not given.locked, "a choice is made final by the consumer or a sale"


def test_final_choices_are_kept_if_the_form_says_so(office: Office) -> None:
    make_list(office, "TEA", selected=("TEA",), lock_after_first_apply=True)
    text = HEAD + "PP,ada,CAKE,\nPP,bob,CAKE,\n"
    assert list(differences(preview(office, LISTS, text, keep_locked="on"))) == ["PP · bob"]
    confirm(office, LISTS, text, keep_locked="on")
    assert PersonalizedList.objects.get(consumer=ada()).selected == ["TEA"]
    assert PersonalizedList.objects.count() == 2
    confirm(office, LISTS, text)
    assert (PersonalizedList.objects.get(consumer=ada()).products, ada().pk) == (["CAKE"], ada().pk)


def test_every_invalid_row_is_reported_and_nothing_is_imported(office: Office) -> None:
    make_list(office, "TEA")
    make_personalized(office.account, "QQ")
    text = HEAD + "PP,ada,TEA,\nPP,bob,TEA,\nPP,who,TEA,\nPP,cy,NOPE,\nQQ,ada,CAKE,\n"
    assert problem_texts(preview(office, LISTS, text)) == [
        "Row 4, consumer_id: There is no consumer who.",
        "Row 5, consumer_id: There is no consumer cy.",
        "Row 5, products.0: There is no product NOPE.",
    ]
    assert problem_texts(preview(office, LISTS, HEAD + "PP,bob,TEA,\nNOPE,bob,TEA,\n")) == [
        "Row 3, backend_id: There is no personalized promotion NOPE."
    ]
    assert PersonalizedList.objects.count() == 1


def test_a_list_twice_in_a_file_is_refused(office: Office) -> None:
    make_personalized(office.account)
    assert problem_texts(preview(office, LISTS, HEAD + "PP,ada,TEA,\nPP,ada,CAKE,\n")) == [
        "Row 3, backend_id, consumer_id: PP / ada is in the file twice: rows 2 and 3. Keep one of them."
    ]
    assert problem_texts(preview(office, LISTS, "backend_id,products\nPP,TEA\n"))[0] == (
        "The file has no column consumer_id, which identifies each row."
    )


def test_an_imports_statements_do_not_grow_with_its_rows(office: Office, django_assert_num_queries: Any) -> None:
    make_personalized(office.account)
    people = [f"p{number}" for number in range(40)]
    make_consumers(office.account, *people)
    counted = []
    for names in (people[:2], people):
        text = HEAD + "".join(f"PP,{name},TEA,\n" for name in names)
        with django_assert_num_queries(10_000, exact=False) as queries:
            assert problem_texts(preview(office, LISTS, text)) == []
        counted.append(len(queries) - 2 * len(names))  # A savepoint is made and released for each row.
    assert counted[0] == counted[1]
