/* Names for what the theme leaves without one. Icons are letters of a font, which would be read aloud: beside words, or
   in something that has a title, they are hidden from that. Searchable choices are called by their labels. */
(() => {
  "use strict";

  function hideIcons(root) {
    for (const icon of root.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
      const holder = icon.closest("a, button");
      if (holder && holder.innerText.trim() === icon.innerText.trim() && holder.title) {
        holder.setAttribute("aria-label", holder.title);
      }
      icon.setAttribute("aria-hidden", "true");
    }
  }

  function nameChoices() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const label = document.querySelector(`label[for="${select.id}"]`);
      if (!label) continue;
      const words = label.firstChild.textContent.trim();
      const frame = select.nextElementSibling;
      for (const part of frame.querySelectorAll('[role="combobox"], [role="textbox"], [role="searchbox"]')) {
        part.setAttribute("aria-label", words);
        part.removeAttribute("aria-labelledby");
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    hideIcons(document);
    document.querySelector('#nav-sidebar-apps [aria-current="page"]')?.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("htmx:afterSwap", (event) => hideIcons(event.target));
  // Choices are made searchable when the page has loaded, and by then all listeners before this one have run.
  window.addEventListener("load", () => setTimeout(nameChoices));
})();
