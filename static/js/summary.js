/* The sentence above a promotion's form follows what is entered: <p data-summary="address">. */
(() => {
  "use strict";

  const WAIT = 600;
  let waiting;
  let asked = 0;

  async function read(summary, form) {
    const question = ++asked;
    let answer;
    try {
      answer = await fetch(summary.dataset.summary, { method: "POST", body: new FormData(form) });
      if (!answer.ok) return;
      answer = await answer.json();
    } catch {
      return; // It stays as it was until the next change.
    }
    if (question !== asked) return;
    summary.querySelector("[data-summary-words]").textContent = answer.words;
    summary.hidden = !answer.words;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const summary = document.querySelector("[data-summary]");
    const form = summary?.closest("#content-main").querySelector("form");
    if (!form) return;
    const later = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => read(summary, form), WAIT);
    };
    for (const event of ["input", "change", "trix-change"]) form.addEventListener(event, later);
    document.addEventListener("form:changed", later);
    if (summary.hidden || form.querySelector("[aria-invalid=true]")) read(summary, form);
  });
})();
