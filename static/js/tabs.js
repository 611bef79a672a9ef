/* Tabs of a form, as the ARIA practices describe them: one tab stop, arrow keys, Home and End.
   Opens the first tab with an error, else the one in the address, else the first. A form says which tab it is sent
   from, so that "Save and continue" leads back to that tab, and no other form begins on it. */
(() => {
  "use strict";

  function select(tabs, tab, { focus = false, note = true } = {}) {
    for (const each of tabs) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
    if (note) history.replaceState(history.state, "", `#${tab.id.replace(/^tab-/, "")}`);
  }

  function start(frame) {
    const tabs = [...frame.querySelectorAll('[role="tab"]')];
    if (!tabs.length) return;
    const named = (slug) => tabs.find((tab) => tab.id === `tab-${slug}`);
    const first = named(frame.dataset.open) || named(location.hash.slice(1)) || tabs[0];
    select(tabs, first, { note: false });

    frame.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
      const at = tabs.indexOf(document.activeElement);
      if (at < 0) return;
      const to = {
        ArrowRight: (at + 1) % tabs.length,
        ArrowDown: (at + 1) % tabs.length,
        ArrowLeft: (at - 1 + tabs.length) % tabs.length,
        ArrowUp: (at - 1 + tabs.length) % tabs.length,
        Home: 0,
        End: tabs.length - 1,
      }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      select(tabs, tabs[to], { focus: true });
    });
    for (const tab of tabs) tab.addEventListener("click", () => select(tabs, tab));
    window.addEventListener("hashchange", () => {
      const tab = named(location.hash.slice(1));
      if (tab) select(tabs, tab, { note: false });
    });
    frame.closest("form")?.addEventListener("formdata", (event) => {
      const open = tabs.find((tab) => tab.getAttribute("aria-selected") === "true");
      event.formData.set("_tab", open.id.replace(/^tab-/, ""));
    });
  }

  function focusOnTheFirstError() {
    // An editor of rich text and a list of rows stand in for the field that is none to the keyboard.
    const kinds = "[aria-invalid=true], .errors trix-editor, .errors [data-add-row]";
    const wrong = [...document.querySelectorAll(".tab-panel")].flatMap((panel) => [...panel.querySelectorAll(kinds)]);
    wrong.find((field) => field.getClientRects().length)?.focus();
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const frame of document.querySelectorAll("[data-tabs]")) start(frame);
    focusOnTheFirstError();
  });
})();
