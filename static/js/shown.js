/* Shows a field only while another has one of some values: data-shown-when="period_unit:days,weeks,months".
   The other is of the same row, or of the form. What is hidden is still sent; the server ignores it. */
(() => {
  "use strict";

  const rowPrefix = (name) => name.match(/^.*-(?:\d+|__prefix__)-/)?.[0] ?? "";

  function look() {
    for (const field of document.querySelectorAll("[data-shown-when]")) {
      const [name, values] = field.dataset.shownWhen.split(":");
      const fields = field.form?.elements;
      const other = fields?.[rowPrefix(field.name) + name] ?? fields?.[name];
      if (!other) continue;
      const place = field.closest(".field-line, .row-field");
      place.hidden = !values.split(",").includes(other.value) && !place.classList.contains("errors");
    }
  }

  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("change", look);
  document.addEventListener("form:changed", look);
})();
