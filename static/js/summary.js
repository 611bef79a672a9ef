/* The summary above a promotion's form, <p data-summary="address">, and what saving would change. Neither is updated
   while a pointer button is down: what it is on would move away before the click. */
(() => {
  "use strict";

  const WAIT = 600;
  let waiting;
  let asked = 0;
  let pressed = false;
  let held;

  function cell(words) {
    const made = document.createElement("td");
    made.textContent = words;
    return made;
  }

  function showAdvice(words) {
    const advice = document.querySelector("[data-advice]");
    if (!advice) return;
    advice.querySelector("[data-advice-words]").textContent = words;
    advice.hidden = !words;
  }

  function showChanges(changes) {
    const shown = document.querySelector("[data-changes]");
    if (!shown) return;
    const named = shown.querySelector("[data-changes-named]");
    named.textContent = changes.map(({ label }) => label).join(", ") || named.dataset.nothing;
    const rows = changes.map(({ label, before, after }) => {
      const row = document.createElement("tr");
      row.append(cell(label), cell(before), cell(after));
      return row;
    });
    shown.querySelector("[data-changes-rows]").replaceChildren(...rows);
  }

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
    const show = () => {
      summary.querySelector("[data-summary-words]").textContent = answer.words;
      showAdvice(answer.advice);
      showChanges(answer.changes);
    };
    if (pressed) held = show;
    else show();
  }

  function release() {
    pressed = false;
    held?.();
    held = undefined;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const summary = document.querySelector("[data-summary]");
    const form = summary?.closest("#content-main").querySelector("form");
    if (!form) return;
    // Enter in an input would save and publish an unfinished promotion.
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input:not([type=submit])")) event.preventDefault();
    });
    const later = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => read(summary, form), WAIT);
    };
    for (const event of ["input", "change", "trix-change"]) form.addEventListener(event, later);
    document.addEventListener("form:changed", later);
    document.addEventListener("pointerdown", () => (pressed = true), true);
    // The click event follows the release of the pointer.
    for (const event of ["pointerup", "pointercancel"]) document.addEventListener(event, () => setTimeout(release), true);
  });
})();
