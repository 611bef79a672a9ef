/* <choice-box>: search as you type, for one value or for several as chips. The ARIA pattern of a combobox with a list:
   arrow keys move in the list, Enter selects, Escape closes, Backspace in an empty field removes the last chip.

   Set before it is put into the page: url (answers {choices: [{key, name}]} to ?q=; empty: nothing to offer), label,
   many, noun (what is searched), values (keys), names (a Map of keys to names), most (the maximum number of values),
   open (whether values that are not in the list are valid).
   Typed text that is not in the list becomes a value. Each change of the values sends a "choice" event. */
(() => {
  "use strict";

  const WAIT = 150;
  let boxes = 0;

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  class ChoiceBox extends HTMLElement {
    url = "";
    label = "";
    noun = "value";
    many = false;
    open = false;
    most = Infinity;
    values = [];
    names = new Map();
    #found = [];
    #at = -1;
    #asked = 0;

    connectedCallback() {
      if (this.input) return;
      const id = `choice-${++boxes}`;
      this.chips = make("ul", { class: "choice-chips", "aria-label": `${this.label}: chosen` });
      this.input = make("input", {
        id,
        class: "rule-input",
        type: "text",
        role: "combobox",
        autocomplete: "off",
        spellcheck: "false",
        "aria-label": this.many ? `${this.label}: add` : this.label,
        "aria-autocomplete": "list",
        "aria-expanded": "false",
        "aria-controls": `${id}-list`,
      });
      if (this.many) this.input.placeholder = this.url ? `Add ${this.noun} …` : "Add …";
      else if (this.url) this.input.placeholder = `Find ${this.noun} …`;
      this.list = make("ul", { id: `${id}-list`, role: "listbox", "aria-label": this.label });
      this.note = make("p", { class: "choice-note" });
      this.popup = make("div", { class: "choice-popup" }, this.list, this.note);
      this.popup.hidden = true;
      this.status = make("span", { class: "sr-only", role: "status" });
      this.append(...(this.many ? [this.chips] : []), this.input, this.popup, this.status);

      this.input.addEventListener("input", () => this.#look(WAIT));
      this.input.addEventListener("click", () => this.#look(0));
      this.input.addEventListener("keydown", (event) => this.#key(event));
      this.input.addEventListener("blur", () => this.#settle());
      this.input.addEventListener("paste", (event) => this.#paste(event));
      this.popup.addEventListener("mousedown", (event) => {
        event.preventDefault(); // The field keeps the focus.
        const option = event.target.closest("[role=option]");
        if (option) this.#take(this.#found[[...this.list.children].indexOf(option)]);
      });
      this.chips.addEventListener("click", (event) => {
        const chip = event.target.closest("button")?.closest("li");
        if (chip) this.#drop([...this.chips.children].indexOf(chip));
      });
      this.show();
    }

    nameOf(key) {
      return this.names.get(key) || key;
    }

    /* Shows the values by name, or by key if the name is not known. */
    show() {
      if (!this.many) {
        if (document.activeElement !== this.input) this.input.value = this.nameOf(this.values[0] ?? "");
        return;
      }
      const chips = this.values.map((key) => {
        const cross = make("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, "close");
        const remove = make("button", { type: "button", "aria-label": `Remove ${this.nameOf(key)}` }, cross);
        return make("li", { class: "chip", title: key }, this.nameOf(key), remove);
      });
      this.chips.replaceChildren(...chips);
      this.chips.hidden = !chips.length;
    }

    #tell() {
      this.show();
      this.dispatchEvent(new Event("choice", { bubbles: true }));
    }

    #add(keys) {
      this.values = [...new Set([...this.values, ...keys])].slice(0, this.most);
      this.#tell();
    }

    #drop(at) {
      const [gone] = this.values.splice(at, 1);
      this.#tell();
      this.status.textContent = `${this.nameOf(gone)} removed`;
      (this.chips.querySelectorAll("button")[at] || this.input).focus();
    }

    #take({ key, name }) {
      if (name) this.names.set(key, name);
      this.#close();
      if (this.many) {
        this.input.value = "";
        this.#add([key]);
      } else {
        this.values = [key];
        this.input.value = this.nameOf(key);
        this.#tell();
      }
    }

    /* Turns the typed text into a value: the row of that key or name, or else the text itself. */
    #settle() {
      this.#close();
      const text = this.input.value.trim();
      if (!this.many && text === this.nameOf(this.values[0] ?? "")) return;
      const same = (one) => one.toLowerCase() === text.toLowerCase();
      if (text) this.#take(this.#found.find(({ key, name }) => same(key) || same(name)) || { key: text });
      else if (!this.many) {
        this.values = [];
        this.#tell();
      }
    }

    #paste(event) {
      const parts = event.clipboardData.getData("text").split(/[\t\r\n]+/).map((part) => part.trim()).filter(Boolean);
      if (!this.many || parts.length < 2) return;
      event.preventDefault();
      this.#add(parts);
    }

    #key(event) {
      const open = !this.popup.hidden;
      const count = this.#found.length;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (!open) this.#look(0);
        else if (count && event.key === "ArrowDown") this.#walk((this.#at + 1) % count);
        else if (count) this.#walk((Math.max(this.#at, 0) || count) - 1);
      } else if (event.key === "Enter") {
        event.preventDefault(); // Not the form's.
        if (open && this.#at >= 0) this.#take(this.#found[this.#at]);
        else this.#settle();
      } else if (event.key === "Escape" && open) {
        event.stopPropagation();
        this.#close();
      } else if (event.key === "Backspace" && this.many && !this.input.value && this.values.length) {
        this.#drop(this.values.length - 1);
        this.input.focus();
      }
    }

    #walk(to) {
      this.#at = to;
      [...this.list.children].forEach((option, at) => {
        option.setAttribute("aria-selected", String(at === to));
        if (at !== to) return;
        this.input.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      });
    }

    #close() {
      clearTimeout(this.waiting);
      this.#asked++;
      this.#at = -1;
      this.popup.hidden = true;
      this.input.setAttribute("aria-expanded", "false");
      this.input.removeAttribute("aria-activedescendant");
    }

    #look(wait) {
      clearTimeout(this.waiting);
      if (this.url) this.waiting = setTimeout(() => this.#search(), wait);
    }

    async #search() {
      const asked = ++this.#asked;
      // A chosen value is not a search: the whole list is shown.
      const text = this.input.value.trim();
      const search = !this.many && text === this.nameOf(this.values[0] ?? "") ? "" : text;
      let choices = [];
      let words = "";
      try {
        const answer = await fetch(`${this.url}?q=${encodeURIComponent(search)}`);
        const found = await answer.json();
        choices = found.choices;
        words = found.note || (choices.length ? "" : `No ${this.noun} found${this.open ? ": what you typed is kept" : ""}.`);
      } catch {
        words = "The list is not available right now. Type the value instead.";
      }
      if (asked !== this.#asked || document.activeElement !== this.input) return;
      this.#found = this.many ? choices.filter(({ key }) => !this.values.includes(key)) : choices;
      this.list.replaceChildren(
        ...this.#found.map(({ key, name }, at) => {
          const option = make("li", { id: `${this.input.id}-${at}`, role: "option", "aria-selected": "false" }, name || key);
          if (name) option.append(make("span", { class: "choice-key" }, key));
          return option;
        }),
      );
      this.#at = -1;
      this.list.hidden = !this.#found.length;
      this.note.textContent = words;
      this.note.hidden = !words;
      this.popup.hidden = !words && !this.#found.length;
      this.input.setAttribute("aria-expanded", String(!this.popup.hidden));
      this.status.textContent = choices.length ? `${this.#found.length} found. ${words}` : words;
    }
  }

  customElements.define("choice-box", ChoiceBox);
})();
