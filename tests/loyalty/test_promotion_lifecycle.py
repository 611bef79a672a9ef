"""A loyalty promotion's life: valid input, fields that become fixed, and what each change records."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from consumers.author import Author
from consumers.exceptions import InUse
from consumers.models import Account, Consumer, ConsumerGroup, Site, User
from consumers.references import referenced_keys
from loyalty.choices import OfferKind
from loyalty.models import AppliedPromotion, Offer, PromotionUsage, Transaction
from loyalty.services.promotion import LOYALTY, loyalty_promotion_save, loyalty_promotions_save
from promotions.choices import Status
from promotions.exceptions import (
    AlreadyPublished,
    NotPublished,
    PromotionInUse,
    PromotionNotFound,
    PromotionsError,
    PromotionStopped,
)
from promotions.models import Product, Promotion, PromotionReference, PromotionVersion
from promotions.services.promotion.life import (
    promotion_archive,
    promotion_delete,
    promotion_duplicate,
    promotion_rename,
    promotion_stop,
)
from promotions.services.promotion.values import PromotionValues, promotion_definition, promotion_values
from tests.promotions.builders import NOW, day, make_account, make_promotion, make_values

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"author": Author(label="test"), "at": NOW}
archive = partial(promotion_archive, family=LOYALTY)


@pytest.fixture
def account() -> Account:
    return make_account()


def rule(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": operator, "value": value}]}


def save(account: Account, *, at: datetime = NOW, **fields: Any) -> tuple[Promotion, bool]:
    return loyalty_promotion_save(account=account, values=make_values(**fields), author=Author(label="test"), at=at)


def publish(*, promotion: Promotion, author: Author, at: datetime) -> Promotion:
    """Save a draft unchanged, and no longer as a draft."""
    values = replace(promotion_values(promotion), draft=False)
    return loyalty_promotion_save(account=promotion.account, values=values, author=author, at=at)[0]


def problems_of(account: Account, **fields: Any) -> dict[str | None, str]:
    """Return the problems of a refused save by path, each with its code; check that nothing was written."""
    before = list(Promotion.objects.order_by("pk").values())
    with pytest.raises(PromotionsError) as refused:
        save(account, **fields)
    assert list(Promotion.objects.order_by("pk").values()) == before
    assert not PromotionVersion.objects.exclude(promotion__in=[row["id"] for row in before]).exists()
    return {problem.attr: problem.code for problem in refused.value.problems}


# --- saving ---------------------------------------------------------------------------------------------------------


def test_a_saved_promotion_has_its_documents_in_normal_form_and_its_columns_filled(account: Account) -> None:
    promotion, created = save(
        account,
        type="points_multiplier",
        outcome={"multiplier": "2", "multiplier_scope": "line_items"},
        eligibility={"total_redemption_limit": 5, "always_apply": True},
    )
    promotion.refresh_from_db()
    assert created
    assert (promotion.subtype, promotion.status, promotion.version) == ("line_items", Status.ACTIVE, 1)
    assert (promotion.total_redemption_limit, promotion.always_apply) == (5, True)
    assert promotion.outcome["product_selection"] == {"match": "any", "sets": []}
    assert promotion.content["links"] == []


def test_the_same_put_twice_writes_nothing_the_second_time(account: Account) -> None:
    first, created = save(account)
    account.refresh_from_db()
    version = account.rulebook_version
    again, created_again = save(account)
    account.refresh_from_db()
    assert (created, created_again) == (True, False)
    assert again.pk == first.pk
    assert account.rulebook_version == version
    assert (again.versions.count(), again.history.count(), again.status_events.count()) == (1, 1, 1)


def test_stored_documents_are_valid_input(account: Account) -> None:
    group = ConsumerGroup.objects.create(account=account, code="staff")
    promotion, _ = save(
        account,
        outcome={
            "points": 5,
            "redemption_message": "<b>Thanks</b> & bye",
            "product_selection": {"match": "all", "sets": [{"rules": rule("sku", "is", "A")}, {"units": 2}]},
            "quantity_rule": {"apply_to": "every", "units": 2},
        },
        eligibility={
            "control_group": {"group": group.code, "percentage": "20"},
            "application_rules": [{"measure": "spend", "threshold": "10", "period": {"unit": "promotion"}}],
        },
        content={"links": [{"url": "https://a.example", "anchor_text": "A"}]},
    )
    promotion.refresh_from_db()
    values = replace(promotion_values(promotion), code="copy")
    copied, _ = loyalty_promotion_save(account=account, values=values, **BY)
    assert copied.outcome == promotion.outcome
    assert copied.eligibility == promotion.eligibility
    assert copied.content == promotion.content


def test_the_same_code_in_another_account_is_another_promotion(account: Account) -> None:
    other = make_account("other")
    mine, _ = save(account)
    theirs, created = save(other, name="Theirs")
    mine.refresh_from_db()
    assert created
    assert (mine.name, theirs.name) == ("Fifty points", "Theirs")


@pytest.mark.parametrize(
    "code", ["x2_ä", "10% off!", "spring sale", "コーヒー", "a.b:c@d", "bulk", "stop", "x" * 64, "0"]
)
def test_a_code_may_have_any_printable_characters(account: Account, code: str) -> None:
    promotion, _ = save(account, code=code)
    assert Promotion.objects.get(code=code) == promotion


@pytest.mark.parametrize("code", ["", "a/b", "a?b", "a#b", ".", "..", "x" * 65, "a\u3000b", "\ud800"])
def test_a_code_that_would_not_survive_in_an_address_is_refused(account: Account, code: str) -> None:
    assert problems_of(account, code=code) == {"code": "invalid"}


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (" a", "blank_at_end"),
        ("a\u00a0", "blank_at_end"),
        ("a\nb", "control_character"),
        ("a\x00b", "control_character"),
        ("a\x7fb", "control_character"),
        ("a\u2028b", "control_character"),
        ("a\u200bb", "invisible_character"),
        ("a\u3164b", "invisible_character"),
    ],
)
def test_what_cannot_be_seen_in_a_code_is_named(account: Account, code: str, named: str) -> None:
    assert problems_of(account, code=code) == {"code": named}


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"name": "  "}, {"name": "blank"}),
        ({"name": "x" * 201}, {"name": "max_length"}),
        ({"name": "two\nlines"}, {"name": "invalid"}),
        ({"name": "half \ud800"}, {"name": "invalid"}),
        ({"description": "half \ud800"}, {"description": "invalid"}),
        ({"description": "nul \x00"}, {"description": "invalid"}),
        ({"description": "x" * 5001}, {"description": "max_length"}),
        ({"currency": "gbp"}, {"currency": "invalid_choice"}),
        ({"currency": "XXZ"}, {"currency": "invalid_choice"}),
        ({"ends_at": day(1)}, {"ends_at": "not_after_start"}),
        ({"starts_at": datetime(2026, 3, 1)}, {"starts_at": "invalid"}),  # noqa: DTZ001
        ({"ends_at": datetime(9999, 12, 31, tzinfo=NOW.tzinfo)}, {"ends_at": "invalid"}),
        ({"type": "discount"}, {"type": "invalid_choice", "outcome.points": "not_of_type"}),
        ({"outcome": {"multiplier": "2"}}, {"outcome.points": "required", "outcome.multiplier": "not_of_type"}),
        ({"outcome": {"points": 1, "activity_type": "\ud800"}}, {"outcome.activity_type": "invalid"}),
        (
            {"content": {"links": [{"url": "http://a.example"}]}, "eligibility": {"shoe_size": 9}},
            {"content.links.0.url": "invalid_url", "eligibility.shoe_size": "unknown_field"},
        ),
    ],
)
def test_every_problem_has_its_path(account: Account, fields: Any, problems: Any) -> None:
    assert problems_of(account, **fields) == problems


def test_problems_of_fields_and_documents_are_named_together(account: Account) -> None:
    assert problems_of(account, name="", outcome={"points": 0}) == {"name": "blank", "outcome.points": "invalid_number"}


def test_a_promotion_without_a_currency_is_in_the_accounts(account: Account) -> None:
    assert save(account, currency="")[0].currency == "GBP"


def test_rich_text_is_cleaned_and_plain_text_is_unchanged(account: Account) -> None:
    written = "<b>Hi</b><script>x()</script>"
    promotion, _ = save(
        account,
        outcome={"points": 1, "redemption_message": written, "activity_description": written},
        content={
            "short_description": written,
            "long_description": written,
            "confirmation_message": written,
            "terms_and_conditions": "<a href='http://a.example'>terms</a>",
        },
    )
    assert promotion.outcome["redemption_message"] == "<b>Hi</b>"
    assert promotion.content["long_description"] == "<b>Hi</b>"
    assert promotion.content["terms_and_conditions"] == '<a rel="noopener noreferrer">terms</a>'
    assert promotion.outcome["activity_description"] == written
    assert promotion.content["short_description"] == written
    assert promotion.content["confirmation_message"] == written


# --- references -----------------------------------------------------------------------------------------------------


def referencing_fields(account: Account) -> dict[str, Any]:
    """Return fields that name one row of every kind."""
    return {
        "type": "redeem_offer",
        "outcome": {
            "offer": "coffee",
            "product_selection": {"sets": [{"rules": rule("product", "is_any_of", ["A", "B"])}]},
        },
        "eligibility": {
            "customer_rules": {
                "match": "any",
                "rules": [
                    {"attribute": "groups", "operator": "is", "value": "staff"},
                    {"attribute": "home_site", "operator": "is", "value": "001"},
                ],
            }
        },
    }


def create_referenced_rows(account: Account) -> None:
    """Create the rows that ``referencing_fields`` names."""
    ConsumerGroup.objects.create(account=account, code="staff")
    Site.objects.create(account=account, number="001")
    Product.objects.bulk_create([Product(account=account, sku=sku) for sku in "AB"])
    Offer.objects.create(account=account, code="coffee", name="Coffee", currency="GBP")


def test_every_referenced_row_must_belong_to_the_account(account: Account) -> None:
    create_referenced_rows(make_account("other"))
    assert problems_of(account, **referencing_fields(account)) == {
        "outcome.offer": "unknown_reference",
        "outcome.product_selection.sets.0.rules.rules.0.value": "unknown_reference",
        "eligibility.customer_rules.rules.0.value": "unknown_reference",
        "eligibility.customer_rules.rules.1.value": "unknown_reference",
    }
    create_referenced_rows(account)
    promotion, _ = save(account, **referencing_fields(account))
    assert set(promotion.references.values_list("kind", "key")) == {
        ("group", "staff"),
        ("site", "001"),
        ("product", "A"),
        ("product", "B"),
        ("offer", "coffee"),
    }


@pytest.mark.parametrize("fields", [{"archived": True}, {"kind": OfferKind.TIERED}])
def test_an_offer_must_be_personalised_and_in_use(account: Account, fields: Any) -> None:
    Offer.objects.create(account=account, code="coffee", name="Coffee", currency="GBP", **fields)
    assert problems_of(account, type="redeem_offer", outcome={"offer": "coffee"}) == {
        "outcome.offer": "unknown_reference"
    }


def test_a_promotion_may_keep_an_offer_that_was_archived_since(account: Account) -> None:
    create_referenced_rows(account)
    save(account, **referencing_fields(account))
    Offer.objects.update(archived=True)
    fields = referencing_fields(account)
    fields["outcome"]["activity_type"] = "Coffee"
    edited, _ = save(account, name="Renamed", **fields)
    assert (edited.name, edited.outcome["activity_type"]) == ("Renamed", "Coffee")
    assert problems_of(account, code="new", **referencing_fields(account)) == {"outcome.offer": "unknown_reference"}


def test_publishing_checks_the_whole_definition_again(account: Account) -> None:
    create_referenced_rows(account)
    draft = make_promotion(account, draft=True, **referencing_fields(account))
    Offer.objects.update(archived=True)
    with pytest.raises(PromotionsError) as refused:
        publish(promotion=draft, **BY)
    assert [(problem.attr, problem.code) for problem in refused.value.problems] == [
        ("outcome.offer", "unknown_reference")
    ]
    draft.refresh_from_db()
    assert draft.draft


def test_references_follow_the_definition(account: Account) -> None:
    create_referenced_rows(account)
    promotion = make_promotion(account, eligibility={"customer_rules": rule("groups", "is", "staff")})
    save(account, eligibility={"customer_rules": rule("home_site", "is", "001")})
    assert list(promotion.references.values_list("kind", "key")) == [("site", "001")]
    save(account)
    assert not promotion.references.exists()


def test_a_deletion_sees_what_promotions_reference(account: Account) -> None:
    create_referenced_rows(account)
    make_promotion(account, **referencing_fields(account))
    other = make_account("other")
    for kind, key in (("group", "staff"), ("site", "001"), ("product", "A"), ("offer", "coffee")):
        assert referenced_keys(account_id=account.pk, kind=kind, keys=[key, "x"]) == {key}
        assert referenced_keys(account_id=other.pk, kind=kind, keys=[key]) == set()
    assert InUse.code == PromotionInUse.code


def test_a_promotion_that_needs_the_catalogue_can_be_archived_without_one(account: Account) -> None:
    promotion = make_promotion(account, eligibility={"line_item_rules": rule("labels", "is", "organic")})
    Account.objects.update(catalogue_enabled=False)
    archived = archive(promotion=promotion, **BY)
    assert archived.archived
    assert problems_of(account, code="new", eligibility={"line_item_rules": rule("labels", "is", "organic")}) == {
        "eligibility.line_item_rules.rules.0.attribute": "catalogue_disabled"
    }


# So few that SQLite, which takes 999 parameters, needs one statement for the rows.
@pytest.mark.parametrize("rows", [1, 20])
def test_saving_takes_a_fixed_number_of_statements(account: Account, rows: int, django_assert_num_queries: Any) -> None:
    create_referenced_rows(account)
    new = [make_values(code=f"p{n}", **referencing_fields(account)) for n in range(rows)]
    edited = [replace(values, name="Edited", outcome={"offer": "coffee"}) for values in new]
    # SAVEPOINT and RELEASE; account, promotions, references; rulebook, rows, history, versions, references, log.
    with django_assert_num_queries(2 + 9):
        loyalty_promotions_save(account_id=account.pk, rows=new, **BY)
    with django_assert_num_queries(2 + 8):
        loyalty_promotions_save(account_id=account.pk, rows=edited, **BY)
    with django_assert_num_queries(2 + 3):
        loyalty_promotions_save(account_id=account.pk, rows=edited, **BY)


# --- fixed fields ---------------------------------------------------------------------------------------------------


def test_the_type_never_changes(account: Account) -> None:
    make_promotion(account, draft=True)
    fields = {"type": "bonus_points", "outcome": {"issue_points_on": "currency", "conversion_units": "1"}}
    assert problems_of(account, draft=True, **fields) == {"type": "immutable"}


def test_the_currency_is_fixed_once_published(account: Account) -> None:
    make_promotion(account, draft=True)
    assert save(account, currency="EUR", draft=True)[0].currency == "EUR"
    save(account, currency="EUR")
    assert problems_of(account, currency="GBP") == {"currency": "immutable"}


def test_the_start_is_fixed_once_started(account: Account) -> None:
    make_promotion(account, starts_at=day(12))
    moved, _ = save(account, starts_at=day(14))
    assert moved.starts_at == day(14)
    assert problems_of(account, starts_at=day(15), at=day(14)) == {"starts_at": "immutable"}


def test_a_drafts_start_may_move_even_when_it_is_past(account: Account) -> None:
    make_promotion(account, draft=True, starts_at=day(1))
    assert save(account, draft=True, starts_at=day(2))[0].starts_at == day(2)


def test_a_published_promotion_cannot_become_a_draft_again(account: Account) -> None:
    make_promotion(account)
    assert problems_of(account, draft=True) == {"draft": AlreadyPublished.code}


def test_saving_a_draft_without_the_draft_flag_publishes_it(account: Account) -> None:
    draft = make_promotion(account, draft=True)
    published, created = save(account)
    assert (published.pk, created, published.draft, published.status) == (draft.pk, False, False, Status.ACTIVE)
    assert published.version == 1
    assert published.revision > draft.revision


def test_the_code_of_a_draft_can_change_and_that_of_a_published_promotion_cannot(account: Account) -> None:
    make_promotion(account, code="taken")
    draft = make_promotion(account, draft=True)
    renamed = promotion_rename(promotion=draft, code="sixty", **BY)
    assert (renamed.code, renamed.version) == ("sixty", 2)
    for code, wrong in (("taken", "unique"), ("a/b", "invalid")):
        with pytest.raises(PromotionsError) as refused:
            promotion_rename(promotion=draft, code=code, **BY)
        assert [(problem.attr, problem.code) for problem in refused.value.problems] == [("code", wrong)]
    published = publish(promotion=draft, **BY)
    with pytest.raises(PromotionsError) as refused:
        promotion_rename(promotion=published, code="seventy", **BY)
    assert [(problem.attr, problem.code) for problem in refused.value.problems] == [("code", "immutable")]


# --- versions and history -------------------------------------------------------------------------------------------


def test_each_change_of_the_definition_adds_a_version_and_leaves_earlier_ones_unchanged(account: Account) -> None:
    user = User.objects.create(username="mary")
    first = make_promotion(account)
    version = PromotionVersion.objects.values().get()
    loyalty_promotion_save(account=account, values=make_values(name="Other name"), author=Author(user=user), at=day(11))
    assert PromotionVersion.objects.values().get(number=1) == version
    second = first.versions.get(number=2)
    assert (second.created_by, second.created_with, second.created_at) == (user, "", day(11))
    assert version["created_with"] == "test"
    assert version["definition"] == promotion_definition(first)
    assert second.definition == {**version["definition"], "name": "Other name"}


def test_a_version_contains_the_whole_definition(account: Account) -> None:
    promotion = make_promotion(account, ends_at=day(20))
    definition = promotion.versions.get().definition
    assert definition["starts_at"] == "2026-03-01T12:00:00Z"
    assert definition["ends_at"] == "2026-03-20T12:00:00Z"
    assert set(definition) == {
        "family", "code", "type", "subtype", "name", "description", "currency", "starts_at", "ends_at",
        "outcome", "eligibility", "content", "budget", "customer_budget", "funding", "ledger_class",
    }  # fmt: skip


def test_steps_of_life_make_no_version(account: Account) -> None:
    promotion = make_promotion(account, draft=True)
    publish(promotion=promotion, **BY)
    archive(promotion=promotion, **BY)
    archive(promotion=promotion, archived=False, **BY)
    stopped = promotion_stop(promotion=promotion, **BY)
    assert stopped.version == 1
    assert promotion.versions.count() == 1
    assert promotion.history.count() == 5


def test_the_history_names_the_author(account: Account) -> None:
    user = User.objects.create(username="mary")
    promotion = make_promotion(account)
    promotion_stop(promotion=promotion, author=Author(user=user), at=NOW)
    stop, creation = promotion.history.order_by("-history_id")
    assert (creation.history_type, creation.history_user, creation.history_change_reason) == ("+", None, "test")
    assert (stop.history_type, stop.history_user, stop.history_date) == ("~", user, NOW)


def test_every_change_gives_the_account_and_the_promotion_a_new_rulebook_version(account: Account) -> None:
    promotion = make_promotion(account)
    revisions = [promotion.revision]
    revisions.append(save(account, name="Other name")[0].revision)
    revisions.append(archive(promotion=promotion, **BY).revision)
    revisions.append(promotion_stop(promotion=promotion, **BY).revision)
    revisions.append(promotion_duplicate(promotion=promotion, code="copy", **BY).revision)
    account.refresh_from_db()
    assert revisions == sorted(set(revisions))
    assert account.rulebook_version == revisions[-1]


def test_an_edit_keeps_the_counter_of_redemptions_and_the_moment_of_creation(account: Account) -> None:
    promotion = make_promotion(account)
    Promotion.objects.update(redemptions=7)
    edited, _ = save(account, name="Other name")
    stored = Promotion.objects.get()
    assert stored.redemptions == 7
    assert edited.created_at == stored.created_at == promotion.created_at
    assert stored.updated_at > promotion.updated_at


# --- stopping, copying, deleting ------------------------------------------------------------------------------------


def test_stopping_is_final(account: Account) -> None:
    promotion = make_promotion(account, ends_at=day(20))
    stopped = promotion_stop(promotion=promotion, **BY)
    assert (stopped.status, stopped.stopped_at) == (Status.STOPPED, NOW)
    with pytest.raises(PromotionStopped):
        promotion_stop(promotion=promotion, author=Author(), at=day(11))
    edited, _ = save(account, at=day(11), ends_at=day(30), content={"short_description": "It was good"})
    assert (edited.status, edited.stopped_at) == (Status.STOPPED, NOW)
    assert edited.content["short_description"] == "It was good"
    assert edited.status_at(day(9)) == Status.ACTIVE


def test_a_scheduled_promotion_can_be_stopped_before_it_starts(account: Account) -> None:
    promotion = make_promotion(account, starts_at=day(20))
    assert promotion_stop(promotion=promotion, **BY).status_at(day(21)) == Status.STOPPED


def test_an_ended_promotion_and_a_draft_cannot_be_stopped(account: Account) -> None:
    ended = make_promotion(account, ends_at=day(9))
    draft = make_promotion(account, code="draft", draft=True)
    with pytest.raises(PromotionStopped):
        promotion_stop(promotion=ended, **BY)
    with pytest.raises(NotPublished):
        promotion_stop(promotion=draft, **BY)


def test_a_copy_is_a_draft_with_the_same_definition(account: Account) -> None:
    create_referenced_rows(account)
    source = make_promotion(account, **referencing_fields(account))
    Promotion.objects.update(redemptions=7, archived=True)
    Offer.objects.update(archived=True)
    promotion_stop(promotion=source, **BY)
    copy = Promotion.objects.get(pk=promotion_duplicate(promotion=source, code="copy", **BY).pk)
    assert (copy.code, copy.name, copy.status, copy.version) == ("copy", "Fifty points (copy)", Status.DRAFT, 1)
    assert (copy.draft, copy.archived, copy.stopped_at, copy.redemptions) == (True, False, None, 0)
    assert copy.outcome == source.outcome
    assert set(copy.references.values_list("kind", "key")) == set(source.references.values_list("kind", "key"))
    assert copy.versions.get().definition["code"] == "copy"
    assert Promotion.objects.get(pk=source.pk).code == "fifty"


def test_a_copy_needs_a_free_code(account: Account) -> None:
    source = make_promotion(account)
    for code, wrong in (("fifty", "unique"), ("", "invalid"), ("a/b", "invalid")):
        with pytest.raises(PromotionsError) as refused:
            promotion_duplicate(promotion=source, code=code, **BY)
        assert [(problem.attr, problem.code) for problem in refused.value.problems] == [("code", wrong)]
    assert Promotion.objects.count() == 1


def test_the_name_of_a_copy_is_never_too_long(account: Account) -> None:
    source = make_promotion(account, name="x" * 200)
    assert promotion_duplicate(promotion=source, code="copy", **BY).name == "x" * 193 + " (copy)"


def test_a_promotion_that_never_applied_can_be_deleted(account: Account) -> None:
    create_referenced_rows(account)
    promotion = make_promotion(account, **referencing_fields(account))
    account.refresh_from_db()
    version, epoch = account.rulebook_version, account.rulebook_epoch
    promotion_delete(promotion=promotion, author=Author(label="test"))
    account.refresh_from_db()
    assert (account.rulebook_version, account.rulebook_epoch) == (version + 1, epoch + 1)
    assert not Promotion.objects.exists()
    assert not PromotionReference.objects.exists()
    assert Promotion.history.filter(code="fifty", history_type="-", history_change_reason="test").exists()
    assert save(account, **referencing_fields(account))[1]


def test_a_promotion_with_history_cannot_be_deleted(account: Account) -> None:
    applied, used = make_promotion(account), make_promotion(account, code="used")
    site = Site.objects.create(account=account, number="001")
    consumer = Consumer.objects.create(account=account, consumer_id="c-1")
    amount = Decimal(1)
    sale = Transaction.objects.create(
        account=account, reference="T-1", fingerprint="", occurred_at=NOW, local_day=NOW.date(), recorded_at=NOW,
        site=site, currency="GBP", total_inc_tax=amount, total_ex_tax=amount, discount_total=0,
        net_total_inc_tax=amount, paid=amount,
    )  # fmt: skip
    AppliedPromotion.objects.create(
        transaction=sale, promotion=applied, version=applied.versions.get(), position=1, redemptions=1
    )
    PromotionUsage.objects.create(promotion=used, consumer=consumer)
    for promotion in (applied, used):
        with pytest.raises(PromotionInUse):
            promotion_delete(promotion=promotion, author=Author(label="test"))
    assert Promotion.objects.count() == 2
    assert PromotionVersion.objects.count() == 2


def test_a_promotion_deleted_meanwhile_is_not_found(account: Account) -> None:
    promotion = make_promotion(account, draft=True)
    Promotion.objects.filter(pk=promotion.pk).delete()
    for step in (archive, promotion_stop):
        with pytest.raises(PromotionNotFound):
            step(promotion=promotion, **BY)


# --- many rows and concurrent saves ----------------------------------------------------------------------------------


def test_many_rows_are_saved_all_or_none_and_problems_name_their_row(account: Account) -> None:
    make_promotion(account, code="old")
    rows = [
        make_values(code="new"),
        make_values(code="bad", outcome={"points": 0}),
        make_values(code="old", type="redeem_offer"),
    ]
    with pytest.raises(PromotionsError) as refused:
        loyalty_promotions_save(account_id=account.pk, rows=rows, **BY)
    assert [(problem.attr, problem.code) for problem in refused.value.problems] == [
        ("1.outcome.points", "invalid_number"),
        ("2.type", "immutable"),
    ]
    assert Promotion.objects.count() == 1
    saved = loyalty_promotions_save(
        account_id=account.pk, rows=[rows[0], make_values(code="old", name="Other name")], **BY
    )
    assert [(promotion.code, created) for promotion, created in saved] == [("new", True), ("old", False)]
    assert {promotion.revision for promotion, _ in saved} == {Account.objects.get().rulebook_version}


def test_unknown_references_of_many_rows_name_their_row(account: Account) -> None:
    ConsumerGroup.objects.create(account=account, code="staff")
    rows = [
        make_values(code=code, eligibility={"customer_rules": rule("groups", "is", group)})
        for code, group in (("a", "staff"), ("b", "ghost"))
    ]
    with pytest.raises(PromotionsError) as refused:
        loyalty_promotions_save(account_id=account.pk, rows=rows, **BY)
    assert [problem.attr for problem in refused.value.problems] == ["1.eligibility.customer_rules.rules.0.value"]


def run_together(*calls: Any) -> list[Any]:
    """Run calls at the same moment, each in its own thread; return what each returns or raises."""
    barrier = Barrier(len(calls))

    def run(call: Any) -> Any:
        barrier.wait()
        try:
            return call()
        except PromotionsError as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_two_saves_of_a_new_code_at_once_create_and_then_replace() -> None:
    account = make_account()

    def writer(values: PromotionValues) -> Any:
        return lambda: loyalty_promotion_save(account=account, values=values, **BY)

    results = run_together(*(writer(make_values(name=f"Name {n}")) for n in range(4)))
    promotion = Promotion.objects.get()
    assert sorted(created for _, created in results) == [False, False, False, True]
    assert promotion.version == 4
    assert sorted(promotion.versions.values_list("number", flat=True)) == [1, 2, 3, 4]
    assert promotion.versions.get(number=4).definition["name"] == promotion.name


@pytest.mark.django_db(transaction=True)
def test_two_stops_at_once_refuse_one_and_keep_a_concurrent_edit() -> None:
    account = make_account()
    promotion = make_promotion(account)

    def stop() -> Promotion:
        return promotion_stop(promotion=promotion, **BY)

    def edit() -> Any:
        return loyalty_promotion_save(account=account, values=make_values(name="Other name"), **BY)

    first, second, _ = run_together(stop, stop, edit)
    assert sorted(isinstance(result, PromotionStopped) for result in (first, second)) == [False, True]
    promotion.refresh_from_db()
    assert (promotion.name, promotion.status) == ("Other name", Status.STOPPED)
