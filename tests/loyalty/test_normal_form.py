"""What was stored with accents apart, before texts were put into NFC, is found and decided as before."""

from io import StringIO
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import CharField, JSONField, Model, TextField

from consumers.models import Card, Consumer, ConsumerGroup, Site
from consumers.normal_form import decomposed_document
from loyalty.models import LedgerEntry, Offer, Reversal, Transaction, TriedBasket, Voucher
from loyalty.services.normal_form import _ledger_unguarded
from loyalty.services.till import commit
from loyalty.services.till.reversal import ReversalRequest
from promotions.models import (
    PersonalizedList,
    PersonalizedPromotion,
    Product,
    Promotion,
    PromotionReference,
    PromotionVersion,
)
from tests.loyalty.till.shop import BEGAN, Shop, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db

TABLES: tuple[type[Model], ...] = (
    *(Site, ConsumerGroup, Consumer, Card, Product, Promotion, PromotionVersion, PromotionReference),
    *(PersonalizedPromotion, PersonalizedList, Offer, Voucher, Transaction, Reversal, LedgerEntry, TriedBasket),
)
HISTORY = {"answer", "state", "lines", "facts", "explanation", "reversed"}
"""Columns of sales and returns, which stay as they are."""


def decompose(*models: type[Model]) -> None:
    """Write every text of some tables with its accents apart, as they were stored once."""
    with transaction.atomic(), _ledger_unguarded():
        for model in models:
            names = [
                column.name
                for column in model._meta.concrete_fields
                if isinstance(column, CharField | TextField | JSONField) and not column.choices
            ]
            for row in model._base_manager.values("pk", *names):
                pk = row.pop("pk")
                model._base_manager.filter(pk=pk).update(
                    **{name: decomposed_document(value) for name, value in row.items()}
                )


def normalized_by_command() -> str:
    """Put everything into NFC; return what the command says."""
    said = StringIO()
    call_command("texts_normalize", stdout=said)
    return said.getvalue()


def stored_texts() -> str:
    """Return every text of every table, but for what is history."""
    rows: list[Any] = []
    for model in TABLES:
        names = [column.name for column in model._meta.concrete_fields if column.name not in HISTORY]
        rows += model._base_manager.order_by("pk").values_list(*names)
    return repr(rows)


def cafe() -> Shop:
    """Return a shop whose every key and text has an accent, with a sale, a return and an adjustment."""
    shop = make_shop()
    Site.objects.update(number="Gare-É", name="Gare de l’Été", town="Orléans")
    group = ConsumerGroup.objects.create(account=shop.account, code="Élite", name="Élite")
    shop.member("Zoé", card="É-1", first_name="Zoé").groups.add(group)
    shop.product("THÉ", category="Thé", labels=["épicé"])
    shop.offer("café-offert", name="Café offert")
    shop.promotion(
        "thé", customer_rules=rule("groups", "is_any_of", ["Élite"]), line_item_rules=rule("category", "is", "Thé")
    )
    shop.promotion(
        "offre", outcome={"offer": "café-offert"}, kind="redeem_offer", site_rules=rule("town", "is", "Orléans")
    )
    shop.discount("remise-é", make_set(products=["THÉ"]), value="10")
    shop.listed("listé", "THÉ", consumer_id="Zoé")
    tried(shop, {"lines": [{"sku": "THÉ"}]})
    sell(shop, "vente-é")
    shop.give_back("vente-é", "retour-é", É1="1")
    body = {"reference": "geste-é", "points": 5, "description": "Désolé"}
    assert shop.call("post", "consumers/Zoé/points-adjustments", body, role="manager").status_code == 201
    return shop


def tried(shop: Shop, basket: Any) -> None:
    """Save a basket to be tried again."""
    TriedBasket.objects.create(account=shop.account, name="Essayé", basket=basket, created_at=BEGAN)


def rule(attribute: str, operator: str, value: Any) -> Any:
    """Return a tree of one condition."""
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


def body_of_sale(reference: str) -> Any:
    """Return a sale of two teas to Zoé's card."""
    lines = [make_line("THÉ", "2", line_id="É1"), make_line("THÉ", "1", line_id="É2")]
    return {
        "site": "Gare-É",
        "currency": "GBP",
        "loyalty_card": "É-1",
        "reference": reference,
        "occurred_at": "2026-03-04T12:00:00Z",
        "lines": lines,
    }


def sell(shop: Shop, reference: str) -> Any:
    answer = shop.call("post", "transactions", body_of_sale(reference))
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_all_of_it_is_put_into_one_form_and_nothing_else_is_changed() -> None:
    cafe()
    before = stored_texts()
    decompose(*TABLES)
    assert stored_texts() != before
    normalized_by_command()
    assert stored_texts() == before
    assert "rows put" not in normalized_by_command()


def without_codes(applied: dict[str, Any]) -> dict[str, Any]:
    """Return what applied without the codes of its vouchers, which differ."""
    return {name: value for name, value in applied.items() if name != "vouchers"}


def test_a_sale_is_decided_as_it_was_before() -> None:
    shop = cafe()
    first = sell(shop, "vente-2")
    assert {applied["promotion"] for applied in first["applied"]} == {"thé", "offre", "remise-é"}
    decompose(*TABLES)
    normalized_by_command()
    again = sell(shop, "vente-3")
    assert [without_codes(applied) for applied in again["applied"]] == [
        without_codes(applied) for applied in first["applied"]
    ]


def test_a_sale_and_a_return_sent_again_have_the_same_answer_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed, decomposed = commit._hashed, ReversalRequest.decomposed_fingerprint
    with monkeypatch.context() as before:
        # As it was sent once: what is hashed has its accents apart.
        before.setattr("loyalty.services.till.commit._hashed", lambda content: hashed(decomposed_document(content)))
        before.setattr("loyalty.services.till.reversal.ReversalRequest.fingerprint", decomposed)
        shop = cafe()
    decompose(*TABLES)
    normalized_by_command()
    repeated = shop.call("post", "transactions", body_of_sale("vente-é"))
    assert (repeated.status_code, repeated.content.decode()) == (200, Transaction.objects.get().answer)
    returned = shop.call("post", "transactions/vente-é/returns", make_return("retour-é", É1="1"))
    assert (returned.status_code, returned.content.decode()) == (200, Reversal.objects.get().answer)
    other = {**body_of_sale("vente-é"), "source": "web"}
    assert shop.call("post", "transactions", other).status_code == 409


def test_a_return_of_an_older_sale_is_decided_on_what_the_sale_stored() -> None:
    shop = cafe()
    expected = shop.preview("vente-é", É1="1", É2="1")
    decompose(*TABLES)
    normalized_by_command()
    assert shop.preview("vente-é", É1="1", É2="1") == expected


def test_an_adjustment_sent_again_is_made_once() -> None:
    shop = cafe()
    decompose(*TABLES)
    normalized_by_command()
    body = {"reference": "geste-é", "points": 5, "description": "Désolé"}
    assert shop.call("post", "consumers/Zoé/points-adjustments", body, role="manager").status_code == 200


def test_the_ledger_is_append_only_again_afterwards() -> None:
    cafe()
    decompose(LedgerEntry)
    normalized_by_command()
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(points=0)


KEYS: dict[type[Model], str] = {Site: "number", ConsumerGroup: "code", Product: "sku", Offer: "code"}


@pytest.mark.parametrize("model", KEYS)
def test_of_a_key_that_is_stored_in_both_forms_neither_is_changed_and_both_are_named(model: type[Model]) -> None:
    shop, key = make_shop(), KEYS[model]
    own = {"name": "x", **({"currency": "GBP", "value": "1"} if model is Offer else {})}
    forms = ["É", normalize("NFD", "É"), "È", normalize("NFD", "Ê")]
    rows = [model._base_manager.create(account=shop.account, **{key: form}, **own) for form in forms]
    said = StringIO()
    with pytest.raises(CommandError, match="Delete or archive"):
        call_command("texts_normalize", stdout=said)
    assert f"shop: the {model._meta.verbose_name}" in said.getvalue()
    assert f"number {rows[1].pk}, 'E\\u0301'" in said.getvalue()
    stored = model._base_manager.filter(pk__in=[row.pk for row in rows]).order_by("pk").values_list(key, flat=True)
    assert list(stored) == ["É", forms[1], "È", "Ê"]
    rows[0].delete()
    normalized_by_command()
    assert model._base_manager.get(pk=rows[1].pk).__dict__[key] == "É"


def test_two_keys_that_would_meet_in_a_third_form_stay() -> None:
    shop = make_shop()
    for sku in ("\u212b", "A\u030a"):  # the sign for Ångström, and A with a ring
        shop.product(sku)
    with pytest.raises(CommandError):
        normalized_by_command()
    assert set(Product.objects.values_list("sku", flat=True)) == {"\u212b", "A\u030a"}


def test_other_accounts_may_have_the_key() -> None:
    make_shop("other").product("É")
    shop = make_shop()
    shop.product(normalize("NFD", "É"))
    normalized_by_command()
    assert Product.objects.get(account=shop.account).sku == "É"


def test_documents_with_escapes_before_a_mark_stay_as_they_are() -> None:
    shop = make_shop()
    basket = {"note": 'a\n\u0301"\u0301\\\u0301', "é": normalize("NFD", "É")}
    tried(shop, basket)
    normalized_by_command()
    assert TriedBasket.objects.get().basket == {**basket, "é": "É"}


def test_a_table_is_looked_at_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.services.normal_form.BATCH_ROWS", 2)
    shop = make_shop()
    for number in range(7):
        shop.product(normalize("NFD", f"É{number}"))
    assert "7 rows put into Unicode NFC" in normalized_by_command()
    assert set(Product.objects.values_list("sku", flat=True)) == {f"É{number}" for number in range(7)}


def test_web_processes_build_their_rulebooks_again_if_rules_were_changed() -> None:
    shop = cafe()
    decompose(Promotion)
    shop.account.refresh_from_db()
    normalized_by_command()
    epoch = shop.account.rulebook_epoch
    shop.account.refresh_from_db()
    assert shop.account.rulebook_epoch == epoch + 1
    normalized_by_command()
    shop.account.refresh_from_db()
    assert shop.account.rulebook_epoch == epoch + 1


def test_a_till_reaches_what_it_could_not() -> None:
    shop = cafe()
    decompose(*TABLES)
    assert shop.call("get", f"products/{quote('THÉ')}", role="manager").status_code == 404
    normalized_by_command()
    assert shop.call("get", f"products/{quote('THÉ')}", role="manager").status_code == 200
