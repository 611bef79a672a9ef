/* The theme's frame for questions as a modal dialog: it takes the focus, keeps it, and gives it back. */
(() => {
  "use strict";

  const REACHABLE = 'a[href], button:not([disabled]), input:not([disabled]):not([type="hidden"]), select, textarea';
  let opener = null;

  const content = () => document.getElementById("modal-content");

  function keepInside(event) {
    if (event.key !== "Tab") return;
    const frame = event.currentTarget;
    const all = [...frame.querySelectorAll(REACHABLE)].filter((each) => each.getClientRects().length);
    const [first, last] = [all[0], all[all.length - 1]];
    if (event.shiftKey && (document.activeElement === first || document.activeElement === frame)) {
      event.preventDefault();
      last.focus();
    } else if (!event.shiftKey && document.activeElement === last) {
      event.preventDefault();
      first.focus();
    }
  }

  window.dialogOpened = () => {
    opener = document.activeElement;
    content().addEventListener("keydown", keepInside);
    // After the frame is shown: what is hidden takes no focus. Where nothing is to be filled in, the harmless answer.
    requestAnimationFrame(() => {
      const field = content().querySelector('#dialog-form input:not([type="hidden"]), #dialog-form select, #dialog-form textarea');
      (field || content().querySelector("[data-dialog-cancel]") || content()).focus();
    });
  };

  window.filtersOpened = () => {
    const sheet = document.getElementById("changelist-filter");
    sheet.addEventListener("keydown", keepInside);
    sheet.querySelector("#filter-form select, #filter-form input:not([type='hidden'])")?.focus();
  };

  window.dialogClosed = () => {
    content().removeEventListener("keydown", keepInside);
    opener?.focus();
    opener = null;
  };
})();
