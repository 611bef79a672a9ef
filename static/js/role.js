/* The table of a role's functionalities. A box that is ticked ticks what it needs, and one that is cleared clears what
   needs it. The pages that the holder sees follow: <li data-seen-with="grants of which one is enough">. */
(() => {
  "use strict";

  const POINTS = "PointsAdjustments.add";

  function look(table) {
    const boxes = [...table.querySelectorAll("input[type=checkbox]")];
    const held = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const pages = [...table.querySelectorAll("[data-seen-with]")];
    for (const page of pages) {
      const grants = page.dataset.seenWith.split(" ").filter(Boolean);
      page.hidden = grants.length > 0 && !grants.some((grant) => held.has(grant));
    }
    for (const group of table.querySelectorAll("[data-pages-group]")) {
      group.hidden = !group.querySelector("[data-seen-with]:not([hidden])");
    }
    const count = pages.filter((page) => !page.hidden).length;
    table.querySelector("[data-pages-count]").textContent = `${count} of ${pages.length} pages`;
    for (const name of ["points_at_once", "points_per_day"]) {
      const line = document.getElementById(`id_${name}`)?.closest("fieldset");
      if (line) line.hidden = !held.has(POINTS) && !line.querySelector(".errors");
    }
  }

  function follow(table, changed) {
    const boxes = [...table.querySelectorAll("input[type=checkbox]")];
    const needsOf = (box) => box.dataset.needs.split(" ").filter(Boolean);
    const pending = [changed];
    while (pending.length) {
      const box = pending.pop();
      const others = box.checked
        ? boxes.filter((other) => !other.checked && needsOf(box).includes(other.value))
        : boxes.filter((other) => other.checked && needsOf(other).includes(box.value));
      for (const other of others) {
        if (other.disabled) continue;
        other.checked = box.checked;
        pending.push(other);
      }
    }
    look(table);
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const table of document.querySelectorAll("[data-grants]")) {
      look(table);
      table.addEventListener("change", (event) => follow(table, event.target));
    }
  });
})();
