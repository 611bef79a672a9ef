/* Below a form's tabs, what consumers would read of it as it stands: <section data-preview="address">. */
(() => {
  "use strict";

  const WAIT = 600;
  let waiting;
  let asked = 0;

  const shown = (preview) => preview.getClientRects().length > 0;

  async function read(preview, form) {
    const question = ++asked;
    const values = new FormData(form);
    values.set("preview_consumer", preview.querySelector("[name=preview_consumer]")?.value ?? "");
    let answer;
    try {
      answer = await fetch(preview.dataset.preview, { method: "POST", body: values });
      if (!answer.ok) return;
      answer = await answer.text();
    } catch {
      return; // It stays as it was until the next change.
    }
    if (question === asked) preview.querySelector("[data-preview-answer]").innerHTML = answer;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const previews = [...document.querySelectorAll("[data-preview]")];
    const form = previews[0]?.closest("form");
    if (!form) return;
    const now = () => {
      const open = previews.find(shown);
      if (open) read(open, form);
    };
    const later = () => {
      clearTimeout(waiting);
      waiting = setTimeout(now, WAIT);
    };
    for (const event of ["input", "change", "trix-change"]) form.addEventListener(event, later);
    document.addEventListener("form:changed", later);
    for (const tab of form.querySelectorAll('[role="tab"]')) tab.addEventListener("click", () => setTimeout(now));
    form.querySelector('[role="tablist"]')?.addEventListener("keyup", now);
    setTimeout(now);
  });
})();
