/* Lists of rows in a form (product sets, repeat behaviour, cards): add a row, remove a row. */
(() => {
  "use strict";

  function start(field) {
    const total = field.querySelector('input[name$="-TOTAL_FORMS"]');
    const list = field.querySelector("[data-rows]");
    const template = field.querySelector("template");
    const add = field.querySelector("[data-add-row]");
    const most = Number(field.dataset.most);

    const visible = () => [...list.children].filter((row) => !row.hidden);
    function renumber() {
      visible().forEach((row, at) => {
        const number = row.querySelector("[data-row-number]");
        if (number) number.textContent = String(at + 1);
      });
      field.classList.toggle("has-rows", visible().length > 0);
      if (add) add.disabled = visible().length >= most;
    }

    add?.addEventListener("click", () => {
      const index = total.value;
      const holder = document.createElement("div");
      holder.innerHTML = template.innerHTML.replaceAll("__prefix__", index);
      const row = holder.firstElementChild;
      total.value = String(Number(index) + 1);
      list.append(row);
      renumber();
      document.dispatchEvent(new Event("form:changed"));
      row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    });

    list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-remove-row]");
      if (!button) return;
      const row = button.closest("[data-row]");
      row.querySelector('input[name$="-DELETE"]').checked = true;
      row.hidden = true;
      renumber();
      const next = visible().at(-1)?.querySelector("[data-remove-row]");
      (next || add).focus();
    });

    renumber();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-rows-field]").forEach(start));
})();
