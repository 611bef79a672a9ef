/* The search of all pages (Ctrl+K): the theme's, as a modal dialog with a combobox. The first result is chosen at once;
   arrows choose another, Enter opens it, Escape closes and gives the focus back. */
(() => {
  "use strict";

  const root = () => document.getElementById("command-results");
  const options = () => [...root().querySelectorAll('[role="option"]')];

  window.searchDialog = () => ({
    openCommandResults: false,
    hasResults: false,
    currentIndex: 0,
    opener: null,

    handleShortcut(event) {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      this.handleOpen();
    },
    handleOpen() {
      if (this.openCommandResults) return;
      this.opener = document.activeElement;
      this.openCommandResults = true;
      document.body.classList.add("overflow-hidden");
      this.$nextTick(() => this.$refs.searchInputCommand.focus());
    },
    close() {
      if (!this.openCommandResults) return;
      this.openCommandResults = false;
      document.body.classList.remove("overflow-hidden");
      this.$refs.searchInputCommand.value = "";
      root().replaceChildren();
      this.loaded();
      this.opener?.focus();
    },
    loaded() {
      this.hasResults = options().length > 0;
      this.choose(this.hasResults ? 1 : 0);
    },
    choose(index) {
      this.currentIndex = index;
      options().forEach((option, at) => option.setAttribute("aria-selected", String(at + 1 === index)));
      options()[index - 1]?.scrollIntoView({ block: "nearest" });
    },
    nextItem() {
      if (this.currentIndex < options().length) this.choose(this.currentIndex + 1);
    },
    prevItem() {
      if (this.currentIndex > 1) this.choose(this.currentIndex - 1);
    },
    pointAt(event) {
      const at = options().indexOf(event.target.closest('[role="option"]'));
      if (at >= 0) this.choose(at + 1);
    },
    openResult(event) {
      const link = options()[this.currentIndex - 1];
      if (!link) return;
      if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
      else window.location.assign(link.href);
    },
    keepInside(event) {
      const [first, last] = [this.$refs.searchInputCommand, this.$root.querySelector("button")];
      event.preventDefault();
      (document.activeElement === first ? last : first).focus();
    },
  });
})();
