/* "Use these conditions as the product set": copies what the basket must contain to the first product set that takes
   every product, or to a new one, and goes there. */
(() => {
  "use strict";

  const rulesOf = (row) => row.querySelector('textarea[name$="-rules"]');

  /* A set that takes every product: it has no rules, and no other source. */
  function takesEverything(row) {
    const source = row.querySelector('select[name$="-source"]');
    return !row.hidden && !rulesOf(row)?.value.trim() && (!source || source.value === "rules");
  }

  function targetIn(sets) {
    const rows = () => [...sets.querySelectorAll("[data-rows] > [data-row]")];
    const target = rows().find(takesEverything);
    if (target) return target;
    sets.querySelector("[data-add-row]").click();
    return rows().at(-1);
  }

  function use() {
    const sets = document.getElementById("id_product_sets");
    const conditions = document.getElementById("id_line_item_rules");
    if (!sets || !conditions) return;
    const row = targetIn(sets);
    const rules = rulesOf(row);
    rules.value = conditions.value;
    rules.dispatchEvent(new Event("input", { bubbles: true }));
    document.dispatchEvent(new Event("form:changed"));
    const panel = row.closest('[role="tabpanel"]');
    if (panel) document.querySelector(`[role="tab"][aria-controls="${panel.id}"]`)?.click();
    row.querySelector('.row-fields input:not([type="hidden"])')?.focus();
    row.scrollIntoView({ block: "center" });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("[data-use-conditions]")?.addEventListener("click", use);
  });
})();
