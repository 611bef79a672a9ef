/* Lists of rows in a form (product sets, repeat behaviour, cards): add a row, remove a row, move it up or down. */
(() => {
  "use strict";

  function start(field) {
    const total = field.querySelector('input[name$="-TOTAL_FORMS"]');
    const list = field.querySelector("[data-rows]");
    const template = field.querySelector("template");
    const adding = [...field.querySelectorAll("[data-add-row]")];
    const most = Number(field.dataset.most);

    const visible = () => [...list.children].filter((row) => !row.hidden);
    function renumber() {
      const rows = visible();
      rows.forEach((row, at) => {
        const number = row.querySelector("[data-row-number]");
        if (number) number.textContent = String(at + 1);
        const place = row.querySelector('input[name$="-ORDER"]');
        if (place) place.value = String(at + 1);
        for (const button of row.querySelectorAll("[data-move-row]")) {
          button.disabled = button.dataset.moveRow === "up" ? at === 0 : at === rows.length - 1;
        }
      });
      field.classList.toggle("has-rows", rows.length > 0);
      for (const button of adding) button.disabled = rows.length >= most;
    }

    const prefix = total.name.replace("TOTAL_FORMS", "");
    const controls = (root) =>
      [...root.querySelectorAll(`[name^="${prefix}"]`)].filter(({ name }) => !/-(ORDER|DELETE)$/.test(name));
    const valueOf = (control) => (control.type === "checkbox" ? control.checked : control.value.trim());

    /* A row in which nothing has been entered: its values are those of a row just added. */
    function isBlank(row) {
      const blank = controls(template.content).map(valueOf);
      return controls(row).every((control, at) => valueOf(control) === blank[at]);
    }

    function begin(row, preset) {
      for (const [name, value] of preset.split(";").filter(Boolean).map((part) => part.split(":"))) {
        const input = row.querySelector(`[name$="-${name}"]`);
        if (input.type === "checkbox") input.checked = value === "on";
        else input.value = value;
      }
      document.dispatchEvent(new Event("form:changed"));
      row.querySelector(".row-fields :is(input:not([type=hidden]), select, textarea)")?.focus();
    }

    /* Where a new list begins with a row, the first button pressed begins that one while it is blank. */
    let first = "beginsWithRow" in field.dataset && !visible().length ? appendRow() : null;
    function addRow(preset) {
      const rows = visible();
      const reused = first && rows.length === 1 && rows[0] === first && isBlank(first);
      first = null;
      begin(reused ? rows[0] : appendRow(), preset);
    }

    function appendRow() {
      const index = total.value;
      const holder = document.createElement("div");
      holder.innerHTML = template.innerHTML.replaceAll("__prefix__", index);
      const row = holder.firstElementChild;
      total.value = String(Number(index) + 1);
      list.append(row);
      renumber();
      return row;
    }

    /* Past the next row that is not removed; the button keeps the focus, or its counterpart takes it at the end. */
    function move(row, button) {
      const rows = visible();
      const other = rows[rows.indexOf(row) + (button.dataset.moveRow === "up" ? -1 : 1)];
      if (!other) return;
      if (button.dataset.moveRow === "up") other.before(row);
      else other.after(row);
      renumber();
      (button.disabled ? row.querySelector("[data-move-row]:not(:disabled)") : button)?.focus();
      document.dispatchEvent(new Event("form:changed"));
    }

    for (const button of adding) button.addEventListener("click", () => addRow(button.dataset.addRow));

    // The choice that needs rows adds the first: data-first-row-when="multiplier_scope:line_items".
    const [name, value] = (field.dataset.firstRowWhen ?? "").split(":");
    document.addEventListener("change", ({ target }) => {
      if (!name || target.name !== name || target.value !== value || visible().length) return;
      appendRow();
      document.dispatchEvent(new Event("form:changed"));
    });

    list.addEventListener("click", (event) => {
      const moving = event.target.closest("[data-move-row]");
      if (moving) move(moving.closest("[data-row]"), moving);
      const button = event.target.closest("[data-remove-row]");
      if (!button) return;
      const row = button.closest("[data-row]");
      row.querySelector('input[name$="-DELETE"]').checked = true;
      row.hidden = true;
      renumber();
      const next = visible().at(-1)?.querySelector("[data-remove-row]");
      (next || adding[0]).focus();
    });

    renumber();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-rows-field]").forEach(start));
})();
