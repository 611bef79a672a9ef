/* The unit of a number follows another field: data-units='{"of": "measure", "spend": "currency", …}'.
   The other field is in the same row or in the form. "currency" stands for the form's chosen currency. */
(() => {
  "use strict";

  const rowPrefix = (name) => name.match(/^.*-(?:\d+|__prefix__)-/)?.[0] ?? "";

  function look() {
    for (const unit of document.querySelectorAll("[data-units]")) {
      const { of, ...words } = JSON.parse(unit.dataset.units);
      const { form, name } = unit.parentElement.querySelector("input");
      const fields = form?.elements ?? {};
      const chosen = (fields[rowPrefix(name) + of] ?? fields[of])?.value;
      const word = of === "currency" ? of : words[chosen];
      unit.textContent = (word === "currency" ? fields.currency?.value : word) ?? "";
    }
  }

  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("change", look);
  document.addEventListener("form:changed", look);
})();
