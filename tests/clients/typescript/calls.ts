// A till's and a manager's work with the generated types: `node build/calls.js ADDRESS TILL_KEY MANAGER_KEY`.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
const [address, tillKey, managerKey] = process.argv.slice(2);

function clientOf(key: string | undefined) {
  return createClient<paths>({ baseUrl: address ?? "", headers: { Authorization: `Api-Key ${key}` } });
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const till = clientOf(tillKey);
const manager = clientOf(managerKey);
const basket: components["schemas"]["SaleBody"] = {
  site: "001",
  currency: "GBP",
  consumer: "c-1",
  lines: [{ line_id: "1", sku: "TEA", quantity: "3", unit_price_inc_tax: "3.00" }],
};

const quote = await till.POST("/api/v1/baskets/evaluate", { body: basket, params: { query: { explain: true } } });
check(quote.data?.net_total_inc_tax === "9.00" && quote.data.status === "quoted", "the quote");

const sale = await till.POST("/api/v1/transactions", { body: { ...basket, reference: "T-1" } });
check(sale.response.status === 201 && sale.data?.lines[0]?.net_total_inc_tax === "9.00", "the sale");

const returned = await till.POST("/api/v1/transactions/{reference}/returns", {
  params: { path: { reference: "T-1" } },
  body: { reference: "R-1", lines: [{ line_id: "1", quantity: "1" }] },
});
check(returned.data?.refund_due === "3.00" && returned.data.status === "partly_returned", "the return");

const unknown = await till.GET("/api/v1/transactions/{reference}", { params: { path: { reference: "unknown" } } });
const code: components["schemas"]["ErrorCode"] | undefined = unknown.error?.errors[0]?.code;
check(code === "not_found", "the refusal");

const saved = await manager.PUT("/api/v1/promotions/{code}", {
  params: { path: { code: "tea" } },
  body: {
    name: "Five points for tea",
    type: "fixed_points",
    starts_at: "2026-01-01T00:00:00Z",
    outcome: { points: 5 },
    eligibility: {
      line_item_rules: { match: "all", rules: [{ attribute: "sku", operator: "is_any_of", value: ["TEA", "MUG"] }] },
    },
  },
});
check(saved.response.status === 201 && saved.data?.version === 1, "the promotion");

const read = await manager.GET("/api/v1/promotions/{code}", { params: { path: { code: "tea" } } });
check(read.data?.outcome.points === 5 && read.data.eligibility.line_item_rules?.rules.length === 1, "the promotion read");

console.log("every call was answered as its types say");
