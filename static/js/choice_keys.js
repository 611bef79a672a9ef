/* <choice-keys>: a <choice-box> over the textarea that holds keys, one on each line, and stays the form field. */
(() => {
  "use strict";

  class ChoiceKeys extends HTMLElement {
    connectedCallback() {
      // While the page is being parsed, its children are not there yet.
      if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => this.start());
      else this.start();
    }

    start() {
      const field = this.querySelector("textarea");
      if (this.box || !field || field.disabled) return;
      const label = this.closest(".row-field, .field-line")?.querySelector("label");
      this.box = document.createElement("choice-box");
      Object.assign(this.box, {
        url: this.dataset.address,
        noun: this.dataset.noun,
        label: label?.textContent.trim() || this.dataset.noun,
        many: this.dataset.most !== "1",
        most: Number(this.dataset.most),
        values: field.value.split("\n").filter(Boolean),
        names: new Map(Object.entries(JSON.parse(this.dataset.names))),
      });
      this.append(this.box);
      field.hidden = true;
      for (const name of ["aria-invalid", "aria-describedby"]) {
        if (field.hasAttribute(name)) this.box.input.setAttribute(name, field.getAttribute(name));
      }
      this.box.addEventListener("choice", () => {
        field.value = this.box.values.join("\n");
        field.dispatchEvent(new Event("change", { bubbles: true }));
      });
      label?.addEventListener("click", () => this.box.input.focus());
    }
  }

  customElements.define("choice-keys", ChoiceKeys);
})();
