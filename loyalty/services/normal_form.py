"""Which stored texts are put into Unicode NFC: ``manage.py texts_normalize`` and the migration that calls it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.apps.registry import Apps
from django.db import connection
from django.db.models import F

from consumers.normal_form import normalized
from consumers.services.normal_form import StoredTexts, texts_normalize

LEDGER_TRIGGER = "loyalty_ledger_append_only"

WHOLE_TABLES = (
    ("consumers", "Site"),
    ("consumers", "ConsumerGroup"),
    ("consumers", "Consumer"),
    ("consumers", "Card"),
    ("promotions", "Product"),
    ("promotions", "Promotion"),
    ("promotions", "PromotionVersion"),
    ("promotions", "PersonalizedPromotion"),
    ("promotions", "PersonalizedList"),
    ("loyalty", "Offer"),
    ("loyalty", "TriedBasket"),
)
"""Tables that decisions read, with all their texts and documents: rules compare more than keys."""


def stored_texts_normalize(apps: Apps, say: Callable[[str], object]) -> bool:
    """Put what was stored in another form into NFC, and say what was changed and what was not.

    Returns whether everything is in NFC now. Documents of sales stay as the till sent them: a return reads them in NFC.
    """
    is_clean, has_changed_rules = True, False
    _references_merge(apps)
    for stored in _tables(apps):
        changed, clashes = texts_normalize(stored)
        is_rule_table = (stored.model._meta.app_label, stored.model._meta.object_name) in WHOLE_TABLES
        has_changed_rules = has_changed_rules or bool(changed and is_rule_table)
        is_clean = is_clean and not clashes
        if changed:
            say(f"{stored.model._meta.verbose_name_plural}: {changed:,} rows put into Unicode NFC.")
        for clash in clashes:
            say(str(clash))
    if has_changed_rules:
        # Web processes rebuild their rulebooks, which hold these keys and rules.
        accounts = apps.get_model("consumers", "Account").objects
        accounts.update(rulebook_version=F("rulebook_version") + 1, rulebook_epoch=F("rulebook_epoch") + 1)
    return is_clean


def _tables(apps: Apps) -> Iterator[StoredTexts]:
    for app, name in WHOLE_TABLES:
        yield StoredTexts(model=apps.get_model(app, name))
    yield StoredTexts(model=apps.get_model("promotions", "PromotionReference"))
    yield StoredTexts(model=apps.get_model("loyalty", "Voucher"), names=("code", "claim_reference"))
    # What a sale was matched by and is searched by.
    yield StoredTexts(
        model=apps.get_model("loyalty", "Transaction"),
        names=("reference", "loyalty_card", "loyalty_card_type", "source"),
    )
    yield StoredTexts(model=apps.get_model("loyalty", "Reversal"), names=("reference",))
    yield StoredTexts(
        model=apps.get_model("loyalty", "LedgerEntry"), names=("reference", "description"), within=_ledger_unguarded
    )


def _references_merge(apps: Apps) -> None:
    """Remove what a promotion references twice, in two forms."""
    references = apps.get_model("promotions", "PromotionReference").objects
    seen: dict[tuple[int, str, str], int] = {}
    suspects = references.exclude(key__regex=r"^[ -~]*$").order_by("pk")
    for pk, promotion, kind, key in suspects.values_list("pk", "promotion_id", "kind", "key"):
        if seen.setdefault((promotion, kind, normalized(key)), pk) != pk:
            references.filter(pk=pk).delete()


@contextmanager
def _ledger_unguarded() -> Iterator[None]:
    """Let entries be changed for the rest of the transaction's batch: the same key in another form is the same entry.

    The trigger is off for nobody else: PostgreSQL lets other writers of the ledger wait meanwhile, SQLite has one
    writer at a time.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A table with foreign keys that are still to be checked cannot be altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE loyalty_ledgerentry DISABLE TRIGGER {LEDGER_TRIGGER}")
            yield
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE loyalty_ledgerentry ENABLE TRIGGER {LEDGER_TRIGGER}")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [LEDGER_TRIGGER])
            (definition,) = cursor.fetchone()
            cursor.execute(f"DROP TRIGGER {LEDGER_TRIGGER}")
            yield
            cursor.execute(definition)
