"""A file's sales are replayed through the till's commit: in order, once, with the same result everywhere."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from consumers.author import Author
from consumers.models import Account, Consumer
from consumers.services.account import account_create
from loyalty.choices import TransactionKind
from loyalty.exceptions import SaleInvalid
from loyalty.models import AppliedPromotion, LedgerEntry, LoyaltyPromotion, Transaction
from loyalty.services.promotion import loyalty_promotion_save
from loyalty.services.sales_import import replay
from loyalty.services.till.commit import transaction_commit
from promotions.services.promotion.values import PromotionValues

pytestmark = pytest.mark.django_db

HEADER = "reference,sku,description,quantity,moment,unit_price,consumer,site"
SALES = (
    "1,A,TIN LANTERN,2,2026-03-01T09:00:00,2.55,c-1,Leeds",
    "1,B,JAM POT,1,2026-03-01T09:00:00,1.20,c-1,Leeds",
    "2,A,TIN LANTERN,4,2026-03-02T09:00:00,2.55,c-2,York",
    "3,B,JAM POT,9,2026-03-03T09:00:00,1.20,c-1,York",
    "4,A,TIN LANTERN,1,2026-03-04T09:00:00,2.55,c-1,Leeds",
)

Summary = dict[str, Any]
Rejects = list[dict[str, str]]
Replay = Callable[..., tuple[Summary, Rejects]]


def shop(code: str = "shop", *, days: int = 36500) -> Account:
    """Create an account with a promotion on lanterns and one on every second sale."""
    account = Account.objects.create(
        code=code, name=code, currency="GBP", time_zone="Europe/London", late_transaction_days=days
    )
    lanterns = {"match": "all", "rules": [{"attribute": "category", "operator": "is", "value": "Lantern"}]}
    second = {"measure": "transactions", "threshold": 2, "period": {"unit": "promotion"}, "counting": "every"}
    for values in (
        PromotionValues(
            code="lanterns",
            type="bonus_points",
            name="Lanterns",
            starts_at=datetime(2026, 1, 1, tzinfo=UTC),
            outcome={
                "issue_points_on": "quantity",
                "conversion_units": "1",
                "conversion_points": 7,
                "product_selection": {"match": "any", "sets": [{"rules": lanterns}]},
            },
        ),
        PromotionValues(
            code="second",
            type="fixed_points",
            name="Second",
            starts_at=datetime(2026, 1, 1, tzinfo=UTC),
            outcome={"points": 100},
            eligibility={"application_rules": [second]},
        ),
    ):
        loyalty_promotion_save(account=account, values=values, author=Author(label="test"), at=datetime.now(UTC))
    return account


@pytest.fixture
def replay_rows(tmp_path: Path) -> Replay:
    """Run the command over rows; return its summary and its rejected rows."""

    def run(*rows: str, account: str = "shop", **options: object) -> tuple[Summary, Rejects]:
        file, out, rejects = tmp_path / "sales.csv", StringIO(), tmp_path / "rejects.csv"
        file.write_text("\n".join([HEADER, *rows]) + "\n")
        call_command(
            "sales_replay",
            file,
            account=account,
            rejects=rejects,
            return_prefix="C",
            stdout=out,
            stderr=StringIO(),
            **options,
        )
        with rejects.open(newline="") as rejected:
            return json.loads(out.getvalue()), list(csv.DictReader(rejected))

    return run


def test_sales_are_committed_with_points_and_promotions(replay_rows: Replay) -> None:
    shop()
    summary, rejects = replay_rows(*SALES)
    assert (summary["posted"], summary["refused"], rejects) == (4, {}, [])
    assert summary["redemptions"] == {"lanterns": 3, "second": 1}
    assert (summary["base_points"], summary["promotion_points"]) == (6 + 10 + 10 + 2, 7 * 7 + 100)
    assert set(Transaction.objects.values_list("kind", flat=True)) == {TransactionKind.SALE}
    assert list(AppliedPromotion.objects.filter(promotion__code="second").values_list("transaction__reference")) == [
        ("3",)
    ]
    balances = dict(Consumer.objects.values_list("consumer_id", "points_balance"))
    assert balances == {"c-1": 18 + 3 * 7 + 100, "c-2": 10 + 28}
    assert sum(LedgerEntry.objects.values_list("points", flat=True)) == sum(balances.values())


def test_the_order_of_the_file_does_not_matter(replay_rows: Replay) -> None:
    shop()
    shop("other")
    forward, _ = replay_rows(*SALES)
    backward, _ = replay_rows(*(SALES[place] for place in (4, 3, 2, 0, 1)), account="other")
    assert forward["digest"] == backward["digest"]


def test_returns_and_anonymous_sales_are_left_out(replay_rows: Replay) -> None:
    shop()
    summary, _ = replay_rows(
        SALES[0], "5,A,LANTERN,1,2026-03-05T09:00:00,2.55,,Leeds", "C6,A,LANTERN,-1,2026-03-06T09:00:00,2.55,c-1,Leeds"
    )
    assert (summary["posted"], summary["left_out"]) == (1, {"anonymous": 1, "returns": 1})


def test_a_second_run_posts_nothing_and_has_the_same_digest(replay_rows: Replay) -> None:
    shop()
    first, _ = replay_rows(*SALES)
    second, _ = replay_rows(*SALES)
    assert (second["posted"], second["already_there"]) == (0, 4)
    assert {name: second[name] for name in ("digest", "base_points", "redemptions")} == {
        name: first[name] for name in ("digest", "base_points", "redemptions")
    }
    assert Transaction.objects.count() == 4


def test_an_interrupted_replay_continues_where_it_stopped(replay_rows: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    shop()
    shop("whole")
    whole, _ = replay_rows(*SALES, account="whole")
    monkeypatch.setattr(replay, "BATCH_SIZE", 2)
    calls = iter(range(9))
    commit = transaction_commit

    def cut_off(**arguments: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return commit(**arguments)

    monkeypatch.setattr(replay, "transaction_commit", cut_off)
    with pytest.raises(KeyboardInterrupt):
        replay_rows(*SALES)
    assert Transaction.objects.filter(account__code="shop").count() == 3
    monkeypatch.setattr(replay, "transaction_commit", commit)
    rest, _ = replay_rows(*SALES)
    assert (rest["posted"], rest["already_there"], rest["digest"]) == (1, 3, whole["digest"])


def test_another_decision_has_another_digest(replay_rows: Replay) -> None:
    shop()
    Account.objects.filter(code="shop").update(points_per_currency_unit=2)
    other, _ = replay_rows(*SALES)
    shop("plain")
    plain, _ = replay_rows(*SALES, account="plain")
    assert other["digest"] != plain["digest"]


def test_the_limit_option_stops_after_that_many_sales(replay_rows: Replay) -> None:
    shop()
    assert replay_rows(*SALES, limit=3)[0]["posted"] == 3
    assert Transaction.objects.count() == 3


def test_a_price_finer_than_the_currency_is_sold_as_a_till_would(replay_rows: Replay) -> None:
    shop()
    summary, rejects = replay_rows("1,A,LANTERN,3,2026-03-01T09:00:00,0.495,c-1,Leeds")
    assert (rejects, summary["posted"], Transaction.objects.get().total_inc_tax) == ([], 1, Decimal("1.49"))


def test_a_sale_whose_reference_has_other_content_is_rejected(replay_rows: Replay) -> None:
    shop()
    replay_rows(*SALES)
    summary, rejects = replay_rows(*SALES[:4], "4,A,TIN LANTERN,8,2026-03-04T09:00:00,2.55,c-1,Leeds")
    assert summary["refused"] == {"reference_reused": 1}
    assert [(reject["line"], reject["reason"]) for reject in rejects] == [("6", "refused")]


def test_a_sale_of_tomorrow_is_refused_and_the_rest_goes_on(replay_rows: Replay) -> None:
    shop()
    summary, _ = replay_rows(SALES[0], "9,A,LANTERN,1,2999-03-05T09:00:00,2.55,c-1,Leeds")
    assert (summary["posted"], summary["refused"]) == (1, {SaleInvalid.code: 1})


def test_an_account_that_accepts_no_sales_of_that_age_is_unchanged(replay_rows: Replay) -> None:
    shop(days=1)
    with pytest.raises(CommandError, match="late_transaction_days"):
        replay_rows(*(row.replace("2026", "2020") for row in SALES))
    assert not Consumer.objects.exists()


def test_the_promotions_of_the_documented_replay_are_accepted_as_they_are(client: Client, settings: Any) -> None:
    created = account_create(code="replay", currency="GBP", time_zone="Europe/London")
    for name in ("offers", "promotions"):
        body = (settings.BASE_DIR / "docs" / "real-data" / f"{name}.json").read_text()
        answer = client.post(
            f"/api/v1/{name}/bulk",
            body,
            content_type="application/json",
            headers={"authorization": f"Api-Key {created.manager_key}"},
        )
        assert answer.status_code == 200, answer.content
    assert LoyaltyPromotion.objects.filter(account=created.account).count() == 8
