"""A Python client is generated from the OpenAPI document, and does a till's and a manager's work."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from consumers.choices import KeyRole
from tests.contract import document
from tests.loyalty.till.shop import Shop, make_shop

PACKAGE = "generated_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ModuleType]]:
    """Generate the client once; return what imports a module of it."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document()))
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
        *("--path", str(folder / "openapi.json"), "--output-path", str(folder / PACKAGE)),
        *("--config", str(Path(__file__).parent / "python_client.yaml")),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(folder))
        yield lambda name: importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    shop = make_shop()
    shop.member("c-1")
    shop.product("TEA")
    return shop


def client_of(generated: Callable[[str], ModuleType], live_server: Any, shop: Shop, role: KeyRole) -> Any:
    """A client with the key of a role; a refusal raises."""
    return generated("").AuthenticatedClient(base_url=live_server.url, token=shop.keys[role], prefix="Api-Key")


def basket(models: ModuleType, kind: str, **values: Any) -> Any:
    line = models.LineBody(line_id="1", sku="TEA", quantity="3", unit_price_inc_tax="3.00")
    return getattr(models, kind)(site="001", currency="GBP", consumer="c-1", lines=[line], **values)


def test_a_till_quotes_sells_and_takes_back(
    generated: Callable[[str], ModuleType], live_server: Any, shop: Shop
) -> None:
    client, models = client_of(generated, live_server, shop, KeyRole.TILL), generated("models")
    transactions = "api.transactions.transactions"

    quote = generated("api.baskets.baskets_evaluate").sync(client=client, body=basket(models, "SaleBody"))
    assert (quote.status.value, quote.net_total_inc_tax) == ("quoted", "9.00")

    sale = basket(models, "TransactionBody", reference="T-1")
    committed = generated(f"{transactions}_create").sync_detailed(client=client, body=sale)
    assert (committed.status_code, committed.parsed.lines[0].net_total_inc_tax) == (201, "9.00")

    lines = [models.ReturnedLineBody(line_id="1", quantity="1")]
    returned = generated(f"{transactions}_returns_create").sync(
        "T-1", client=client, body=models.ReturnBody(reference="R-1", lines=lines)
    )
    assert (returned.refund_due, returned.status.value) == ("3.00", "partly_returned")

    stored = generated(f"{transactions}_get").sync("T-1", client=client)
    assert (stored.return_reference, stored.net_total_inc_tax) == ("R-1", "6.00")


def test_a_refusal_is_typed(generated: Callable[[str], ModuleType], live_server: Any, shop: Shop) -> None:
    client = client_of(generated, live_server, shop, KeyRole.TILL)
    refused = generated("api.transactions.transactions_get").sync("unknown", client=client)
    assert refused.errors[0].code is generated("models").ErrorCode.NOT_FOUND


def test_a_manager_saves_a_promotion_and_reads_it(
    generated: Callable[[str], ModuleType], live_server: Any, shop: Shop
) -> None:
    client, models = client_of(generated, live_server, shop, KeyRole.MANAGER), generated("models")
    sent = {
        "name": "Five points for tea",
        "type": "fixed_points",
        "starts_at": "2026-01-01T00:00:00Z",
        "outcome": {"points": 5},
        "eligibility": {
            "line_item_rules": {
                "match": "all",
                "rules": [
                    {"match": "any", "rules": [{"attribute": "sku", "operator": "is_any_of", "value": ["TEA", "MUG"]}]}
                ],
            }
        },
    }
    put, get = (generated(f"api.promotions.promotions_{verb}") for verb in ("replace", "get"))
    saved = put.sync_detailed("tea", client=client, body=models.PromotionInput.from_dict(sent))
    assert saved.status_code == 201, saved.content
    read = get.sync("tea", client=client)
    assert (read.type_.value, read.outcome.points, read.version) == ("fixed_points", 5, 1)
    rules = read.eligibility.line_item_rules
    assert rules.rules[0].rules[0].value == ["TEA", "MUG"]
    again = put.sync_detailed("tea", client=client, body=models.PromotionInput.from_dict(read.to_dict()))
    assert (again.status_code, again.parsed.version) == (200, 1)
