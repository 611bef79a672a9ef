/* On a telephone each row of a table of data is a card, in which every cell is called by its column's heading; what
   says nothing is left out there. Without scripts such a table scrolls sideways. */
(() => {
  "use strict";

  function label(table) {
    const heads = [...table.querySelectorAll("thead tr:last-child > *")].map((head) => head.textContent.trim());
    if (!heads.length) return;
    for (const row of table.tBodies[0]?.rows ?? []) {
      if (row.cells.length !== heads.length) continue;
      [...row.cells].forEach((cell, at) => {
        if (heads[at]) cell.dataset.label = heads[at];
        cell.classList.toggle("is-blank", ["", "–"].includes(cell.textContent.trim()) && !cell.querySelector("input"));
      });
    }
    table.classList.add("has-labels");
  }

  function look() {
    document.querySelectorAll(".data-table").forEach(label);
  }

  document.addEventListener("DOMContentLoaded", () => {
    look();
    new MutationObserver(look).observe(document.getElementById("content") ?? document.body, { childList: true, subtree: true });
  });
})();
