/* Questions as modal dialogs, in the theme's frame or in the page: they take the focus, keep it, and give it back. */
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

  /* A question that came with the page: a modal dialog that the browser keeps the focus in. Once it is closed, the form
     is as it was sent, and not saved. */
  function ask(question) {
    const form = question.closest("form");
    question.removeAttribute("open");
    question.showModal();
    question.querySelector("input:not([type=hidden])")?.dispatchEvent(new Event("input"));
    question.querySelector("[data-question-close]").addEventListener("click", () => question.close());
    question.addEventListener("close", () => {
      const name = question.querySelector("[type=submit]").name;
      question.remove();
      [...form.elements].find((each) => each.name === name && each.type === "submit")?.focus();
    });
  }

  // After the page's other scripts, which watch what is entered.
  window.addEventListener("load", () => document.querySelectorAll("dialog[data-question]").forEach(ask));
})();
