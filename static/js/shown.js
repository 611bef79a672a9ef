/* Shows a field only while another has one of some values: data-shown-when="period_unit:days,weeks,months". A switch
   has the value on or off; of several conditions separated by |, one is enough. The other field is in the same row or
   in the form. Hidden fields are still submitted; the server ignores them. */
(() => {
  "use strict";

  const rowPrefix = (name) => name.match(/^.*-(?:\d+|__prefix__)-/)?.[0] ?? "";

  const valueOf = (field) => (field.type === "checkbox" ? (field.checked ? "on" : "off") : field.value);

  function look() {
    for (const field of document.querySelectorAll("[data-shown-when]")) {
      const fields = field.form?.elements;
      const conditions = field.dataset.shownWhen.split("|").map((condition) => {
        const [name, values] = condition.split(":");
        return { other: fields?.[rowPrefix(field.name) + name] ?? fields?.[name], values: values.split(",") };
      });
      if (!conditions.every(({ other }) => other)) continue;
      const place = field.closest(".field-line, .row-field");
      const holds = conditions.some(({ other, values }) => values.includes(valueOf(other)));
      place.hidden = !holds && !place.classList.contains("errors");
    }
  }

  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("change", look);
  document.addEventListener("form:changed", look);
})();
