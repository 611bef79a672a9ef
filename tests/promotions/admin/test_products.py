"""The catalogue's page."""

import pytest

from promotions.models import Product
from tests.consumers.admin.office import Office, make_office, save_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Office:
    return make_office()


def test_labels_are_separated_by_commas(office: Office) -> None:
    answer = office.post(
        "promotions_product_add", sku="T1", name="Tea", labels="organic, new,, organic", sold_by="unit"
    )
    assert answer.status_code == 302
    product = Product.objects.get()
    assert product.labels == ["organic", "new"]
    assert 'value="organic, new"' in office.page("promotions_product_change", product.pk).content.decode()


def test_a_price_is_an_amount_or_unknown(office: Office) -> None:
    assert office.post("promotions_product_add", sku="T1", retail_price="", sold_by="unit").status_code == 302
    answer = office.post("promotions_product_add", sku="T2", retail_price="-1")
    assert "retail_price" in answer.context["adminform"].form.errors


def test_how_a_product_counts_is_entered_and_listed(office: Office) -> None:
    values = {"sku": "T1", "retail_price": "0.495", "sold_by": "weight", "no_discount": "on", "no_points": "on"}
    assert office.post("promotions_product_add", **values).status_code == 302
    product = Product.objects.get()
    assert (product.sold_by, product.no_discount, product.no_points) == ("weight", True, True)
    page = office.page("promotions_product_changelist").content.decode()
    assert "discounts, points" in page
    assert "0.495" in page


def test_a_sku_has_one_form_however_it_is_typed(office: Office) -> None:
    assert office.post("promotions_product_add", sku="CAFE\u0301", sold_by="unit").status_code == 302
    assert Product.objects.get().sku == "CAFÉ"
    again = office.post("promotions_product_add", sku="CAFÉ", sold_by="unit")
    assert "sku" in again.context["adminform"].form.errors


def test_a_product_that_a_promotion_names_is_not_deleted(office: Office) -> None:
    office.post("promotions_product_add", sku="T1", name="Tea", sold_by="unit")
    rules = {"match": "all", "rules": [{"attribute": "product", "operator": "is", "value": "T1"}]}
    save_promotion(office.account, eligibility={"line_item_rules": rules})
    office.post("promotions_product_delete", Product.objects.get().pk, post="yes")
    assert Product.objects.exists()


def test_a_version_is_described_in_words(office: Office) -> None:
    rules = {
        "match": "all",
        "rules": [
            {"attribute": "town", "operator": "is_any_of", "value": ["Leeds", "York"]},
            {"match": "any", "rules": [{"attribute": "site_name", "operator": "contains", "value": "Mall"}]},
        ],
    }
    promotion = save_promotion(office.account, eligibility={"site_rules": rules})
    page = office.page("promotions_promotionversion_change", promotion.versions.get().pk).content.decode()
    assert "at sites in the town of Leeds or York, and whose name contains Mall" in page
    assert "all customers qualify" in page
