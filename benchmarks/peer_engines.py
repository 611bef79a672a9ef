"""Other engines on the work that ``benchmarks.peers`` generates; run in an environment of their own.

    python peer_engines.py ENGINE WORK.json SECONDS

``WORK.json`` has ``promotions`` (each a ``code`` and either ``skus`` or a ``category``) and a ``basket``: JSON text, as
a till sends it. Every engine reads that text each time, says which promotions match, and writes their codes as JSON
text; what it can prepare once is prepared before. It needs nothing of this project, and no types of theirs.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

Work = dict[str, Any]
Answer = Callable[[str], str]


def plain_loop(work: Work) -> Answer:
    """A plain loop over predicates."""

    def of_skus(skus: frozenset[str]) -> Callable[[Any], bool]:
        return lambda line: line["sku"] in skus

    def of_category(category: str) -> Callable[[Any], bool]:
        return lambda line: bool(line["category"] == category)

    predicates = [
        (
            promotion["code"],
            of_skus(frozenset(promotion["skus"])) if promotion["skus"] else of_category(promotion["category"]),
        )
        for promotion in work["promotions"]
    ]

    def answer(basket: str) -> str:
        lines = json.loads(basket)["lines"]
        return json.dumps([code for code, holds in predicates if any(holds(line) for line in lines)])

    return answer


def json_logic(work: Work) -> Answer:
    """json-logic: one expression for each promotion over the SKUs and categories of the basket."""
    logic = import_module("json_logic").jsonLogic
    rules = [
        (
            promotion["code"],
            {"or": [{"in": [sku, {"var": "skus"}]} for sku in promotion["skus"]]}
            if promotion["skus"]
            else {"in": [promotion["category"], {"var": "categories"}]},
        )
        for promotion in work["promotions"]
    ]

    def answer(basket: str) -> str:
        data = _columns(basket)
        return json.dumps([code for code, rule in rules if logic(rule, data)])

    return answer


def business_rules(work: Work) -> Answer:
    """business-rules: one rule for each promotion, with an action that notes its code."""
    run_all = import_module("business_rules").run_all
    actions_base = import_module("business_rules.actions")
    variables_base = import_module("business_rules.variables")
    text = import_module("business_rules.fields").FIELD_TEXT

    class Variables(variables_base.BaseVariables):  # type: ignore[misc,name-defined]
        def __init__(self, data: dict[str, list[str]]) -> None:
            self.data = data

        @variables_base.select_multiple_rule_variable()  # type: ignore[untyped-decorator]
        def skus(self) -> list[str]:
            return self.data["skus"]

        @variables_base.select_multiple_rule_variable()  # type: ignore[untyped-decorator]
        def categories(self) -> list[str]:
            return self.data["categories"]

    class Actions(actions_base.BaseActions):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.matched: list[str] = []

        @actions_base.rule_action(params={"code": text})  # type: ignore[untyped-decorator]
        def match(self, code: str) -> None:
            self.matched.append(code)

    rules = [
        {
            "conditions": {
                "all": [
                    {
                        "name": "skus" if promotion["skus"] else "categories",
                        "operator": "shares_at_least_one_element_with",
                        "value": promotion["skus"] or [promotion["category"]],
                    }
                ]
            },
            "actions": [{"name": "match", "params": {"code": promotion["code"]}}],
        }
        for promotion in work["promotions"]
    ]

    def answer(basket: str) -> str:
        actions = Actions()
        run_all(rules, Variables(_columns(basket)), actions)
        return json.dumps(actions.matched)

    return answer


def zen_engine(work: Work) -> Answer:
    """zen-engine's decision table in its fastest form: run for each line in its own loop, from a static loader."""
    table = {
        "hitPolicy": "collect",
        "inputs": [
            {"id": "sku", "name": "SKU", "field": "sku"},
            {"id": "category", "name": "Category", "field": "category"},
        ],
        "outputs": [{"id": "code", "name": "Code", "field": "code"}],
        "rules": [
            {
                "_id": promotion["code"],
                "sku": ", ".join(json.dumps(sku) for sku in promotion["skus"]),
                "category": "" if promotion["skus"] else json.dumps(promotion["category"]),
                "code": json.dumps(promotion["code"]),
            }
            for promotion in work["promotions"]
        ],
        "inputField": "lines",
        "outputPath": "matched",
        "executionMode": "loop",
        "passThrough": False,
    }
    content = {
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode", "position": {"x": 0, "y": 0}},
            {"id": "table", "name": "t", "type": "decisionTableNode", "content": table, "position": {"x": 1, "y": 0}},
            {"id": "out", "name": "out", "type": "outputNode", "position": {"x": 2, "y": 0}},
        ],
        "edges": [
            {"id": "a", "sourceId": "in", "targetId": "table", "type": "edge"},
            {"id": "b", "sourceId": "table", "targetId": "out", "type": "edge"},
        ],
    }
    engine = import_module("zen").ZenEngine({"loader": {"type": "static", "content": {"table": content}}})

    def answer(basket: str) -> str:
        matched = engine.evaluate("table", basket)["result"]["matched"]
        return json.dumps([row["code"] for rows in matched for row in rows])

    return answer


def django_oscar(work: Work) -> Answer:
    """django-oscar's applicator as it comes, its offers in an SQLite database in memory; it takes prices off, too."""
    _oscar_set_up()
    model = import_module("oscar.core.loading").get_model
    create_product = import_module("oscar.test.factories").create_product
    create_stockrecord = import_module("oscar.test.factories").create_stockrecord
    selector = import_module("oscar.core.loading").get_class("partner.strategy", "Selector")
    applicator = import_module("oscar.core.loading").get_class("offer.applicator", "Applicator")()
    lines = json.loads(work["basket"])["lines"]
    categories = {
        name: model("catalogue", "Category").add_root(name=name)
        for name in sorted({promotion["category"] for promotion in work["promotions"] if not promotion["skus"]})
    }
    products = {}
    kind = model("catalogue", "ProductClass").objects.create(name="Thing", requires_shipping=False)
    for line in lines:
        product = products[line["sku"]] = create_product(upc=line["sku"], product_class=kind.name)
        create_stockrecord(product, price=line["unit_price_inc_tax"], num_in_stock=1_000_000)
        if line["category"] in categories:
            product.categories.add(categories[line["category"]])
    elsewhere = [
        model("catalogue", "Product")(upc=sku, title=sku, slug=sku.lower(), product_class=kind, structure="standalone")
        for sku in sorted({sku for promotion in work["promotions"] for sku in promotion["skus"]} - set(products))
    ]
    products |= {product.upc: product for product in model("catalogue", "Product").objects.bulk_create(elsewhere)}
    for promotion in work["promotions"]:
        offer_range = model("offer", "Range").objects.create(name=promotion["code"])
        for sku in promotion["skus"]:
            offer_range.add_product(products[sku])
        if not promotion["skus"]:
            offer_range.included_categories.add(categories[promotion["category"]])
        model("offer", "ConditionalOffer").objects.create(
            name=promotion["code"],
            condition=model("offer", "Condition").objects.create(range=offer_range, type="Count", value=1),
            benefit=model("offer", "Benefit").objects.create(range=offer_range, type="Percentage", value=10),
        )

    def answer(basket: str) -> str:
        cart = model("basket", "Basket").objects.create()
        cart.strategy = selector().strategy()
        for line in json.loads(basket)["lines"]:
            cart.add_product(products[line["sku"]], quantity=int(line["quantity"]))
        applicator.apply(cart)
        codes = [row["name"] for row in cart.offer_applications]
        cart.delete()
        return json.dumps(codes)

    return answer


def _oscar_set_up() -> None:
    django = import_module("django")
    defaults = vars(import_module("oscar.defaults"))
    contrib = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages", "sites")]
    apps = "address analytics basket catalogue catalogue.reviews checkout communication customer offer order partner"
    apps += " payment search shipping voucher wishlists dashboard"
    dashboard = "catalogue communications offers orders pages partners ranges reports reviews shipping users vouchers"
    third = ["widget_tweaks", "haystack", "treebeard", "django_tables2"]
    installed = [
        *(*contrib, "django.contrib.flatpages", "oscar.config.Shop", *third),
        *(f"oscar.apps.{name}.apps.{_config(name)}" for name in apps.split()),
        *(f"oscar.apps.dashboard.{name}.apps.{name.capitalize()}DashboardConfig" for name in dashboard.split()),
    ]
    settings = import_module("django.conf").settings
    settings.configure(
        **{name: value for name, value in defaults.items() if name.startswith("OSCAR_")},
        INSTALLED_APPS=installed,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        MIGRATION_MODULES={name.rpartition(".")[2]: None for name in (*apps.split(), *_CONTRIB)},
        HAYSTACK_CONNECTIONS={"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
        SITE_ID=1,
        USE_TZ=True,
        SECRET_KEY="of a benchmark that serves nobody",  # noqa: S106
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    import_module("django.core.management").call_command("migrate", run_syncdb=True, verbosity=0)


_CONTRIB = ("auth", "contenttypes", "sessions", "sites", "flatpages")


def _config(name: str) -> str:
    if name == "catalogue.reviews":
        return "CatalogueReviewsConfig"
    return f"{name.capitalize()}Config"


def _columns(basket: str) -> dict[str, list[str]]:
    lines = json.loads(basket)["lines"]
    return {"skus": [line["sku"] for line in lines], "categories": [line["category"] for line in lines]}


ENGINES: dict[str, tuple[Callable[[Work], Answer], str]] = {
    "plain loop": (plain_loop, ""),
    "zen-engine": (zen_engine, "zen-engine"),
    "json-logic": (json_logic, "json-logic-qubit"),
    "business-rules": (business_rules, "business-rules"),
    "django-oscar": (django_oscar, "django-oscar"),
}
"""Each with the package that it is."""


def main() -> None:
    """Measure one engine; print its version, its matches and its median as JSON."""
    prepare, package = ENGINES[sys.argv[1]]
    work = json.loads(Path(sys.argv[2]).read_text())
    budget = float(sys.argv[3])
    answer = prepare(work)
    durations = []
    started = perf_counter()
    matched = json.loads(answer(work["basket"]))
    # The first call warms up, unless it takes so long that there is time for no other.
    if (first := perf_counter() - started) > 2 * budget:
        durations.append(first)
    while not durations or (perf_counter() - started < budget and len(durations) < 20_000):
        start = perf_counter_ns()
        answer(work["basket"])
        durations.append((perf_counter_ns() - start) / 1e9)
    print(
        json.dumps(
            {
                "version": version(package) if package else sys.version.split()[0],
                "matches": sorted(matched),
                "seconds": sorted(durations),
            }
        )
    )


if __name__ == "__main__":
    main()
