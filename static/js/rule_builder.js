/* <rule-builder>: edits a rule tree over the textarea that holds its JSON and stays the form field.
   Attributes, the sentence in words and the problems come from the server; see promotions/admin/rules/endpoints.py.
   JSON that is not a tree stays in the textarea, as does everything while the server does not answer. */
(() => {
  "use strict";

  const WAIT = 300;
  const MATCHES = { all: { words: "All of these", joint: "and" }, any: { words: "Any of these", joint: "or" } };
  const WHOLE = /^\d{1,8}$/;
  let count = 0;

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const makeIcon = (symbol) => make("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, symbol);

  function makeButton(kind, symbol, words, act) {
    const button = make("button", { type: "button", class: kind }, makeIcon(symbol), words);
    button.addEventListener("click", act);
    return button;
  }

  const makeAdd = (what, act) => makeButton("rule-add", "add", `Add ${what}`, act);
  const makeRemove = (words, act) => makeButton("rule-remove", "close", make("span", { class: "sr-only" }, words), act);

  function makeSelect(label, options, chosen, change) {
    const select = make("select", { class: "rule-input", "aria-label": label });
    for (const [value, words] of options) select.append(new Option(words, value, false, value === chosen));
    select.addEventListener("change", () => change(select.value));
    return make("div", { class: "rule-select" }, select, makeIcon("expand_more"));
  }

  function makeInput(label, attributes, value, change) {
    const input = make("input", { class: "rule-input", autocomplete: "off", "aria-label": label, ...attributes });
    input.value = value ?? "";
    input.addEventListener("input", () => change(input.value.trim()));
    return input;
  }

  const has = (node, ...names) =>
    node?.constructor === Object && Object.keys(node).sort().join() === names.sort().join();
  const isCondition = (node) =>
    has(node, "attribute", "operator", "value") && [node.attribute, node.operator].every((one) => typeof one === "string");
  const isGroup = (node) =>
    has(node, "match", "rules") &&
    node.match in MATCHES &&
    Array.isArray(node.rules) &&
    node.rules.every((one) => isGroup(one) || isCondition(one));

  /* A condition or a group: its element, and the problem shown in it. */
  class Member {
    fresh = false;

    constructor(builder, parent) {
      this.builder = builder;
      this.parent = parent;
      this.problem = make("p", { class: "rule-problem", id: `rule-problem-${++count}` });
      this.problem.hidden = true;
    }

    remove() {
      const { parent, builder } = this;
      const at = parent.rules.indexOf(this);
      parent.rules.splice(at, 1);
      this.element.remove();
      // An inner group that has lost its last rule is removed too.
      if (!parent.rules.length && parent.parent) {
        parent.remove();
        return;
      }
      builder.changed(`${this.word} removed`);
      (parent.rules[at] ?? parent.rules[at - 1] ?? parent).focus();
    }

    show(detail, control) {
      this.problem.textContent = detail;
      this.problem.hidden = !detail;
      this.element.classList.toggle("has-problem", Boolean(detail));
      for (const each of this.line.querySelectorAll("[aria-invalid]")) {
        each.removeAttribute("aria-invalid");
        each.removeAttribute("aria-describedby");
      }
      if (!detail || !control) return;
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", this.problem.id);
    }
  }

  class Condition extends Member {
    word = "Condition";
    suggested = false;

    constructor(builder, parent, { attribute, operator, value }) {
      super(builder, parent);
      Object.assign(this, { attribute, operator, value });
      this.entry = make("div", { class: "rule-value" });
      this.line = make("div", { class: "rule-line" }, this.attributes(), this.operators(), this.entry);
      this.line.append(makeRemove("Remove condition", () => this.remove()));
      this.entry.append(...this.controls());
      this.element = make("div", { class: "rule rule-condition", role: "group" }, this.line, this.problem);
      // A new condition shows its problem only once the focus leaves it, and not immediately: the page would move under
      // the click that leaves it.
      this.element.addEventListener("focusout", ({ relatedTarget }) => {
        if (!this.fresh || this.element.contains(relatedTarget)) return;
        this.fresh = false;
        builder.later(() => builder.ask());
      });
    }

    toJSON() {
      const { attribute, operator, value } = this;
      return { attribute, operator, value };
    }

    /* Suggested, and left without a value: no part of the tree. */
    get unused() {
      return this.suggested && [this.value].flat().every((one) => one === "");
    }

    /* The attribute's vocabulary from the server; nothing if it is not offered here. */
    get about() {
      return this.builder.about(this.attribute);
    }

    get operand() {
      return this.about?.operators.find(({ name }) => name === this.operator)?.operand;
    }

    members() {
      return [this];
    }

    focus() {
      this.line.querySelector("select").focus();
    }

    control(name) {
      const value = this.line.querySelector(".rule-value :is(input, select)");
      const [attribute, operator] = this.line.querySelectorAll(":scope > .rule-select > select");
      return { attribute, operator, value }[name] ?? attribute;
    }

    /* Changes the attribute or operator: a value that still fits is kept. The control in use is not replaced. */
    turn(attribute, operator) {
      const before = { ...this.about, operand: this.operand };
      // A suggestion that is changed is meant: without a value it is a mistake and no longer left out.
      this.fresh ||= this.suggested;
      this.suggested = false;
      const allowed = this.builder.about(attribute).operators.map(({ name }) => name);
      Object.assign(this, { attribute, operator: allowed.includes(operator) ? operator : allowed[0] });
      const same = before.kind === this.about.kind && before.choices === this.about.choices;
      if (!same || before.operand !== this.operand) {
        const [first] = same && before.operand !== "days" ? [this.value].flat() : [];
        this.value = this.blank(first);
      }
      if (before.name !== attribute) this.line.children[1].replaceWith(this.operators());
      this.entry.replaceChildren(...this.controls());
      this.builder.changed();
    }

    blank(first) {
      if (this.operand === "many") return first ? [first] : [];
      if (this.operand === "range") return [first ?? "", ""];
      if (this.operand === "true" || this.about.kind === "boolean") return true;
      return this.operand === "one" ? first ?? "" : "";
    }

    set(value) {
      this.value = value;
      this.builder.changed();
    }

    attributes() {
      const offered = this.builder.offered.map(({ name, label }) => [name, label]);
      // An attribute that is not offered, as after the catalogue was switched off, shows its raw name.
      if (!this.about) offered.unshift([this.attribute, this.attribute]);
      return makeSelect("Attribute", offered, this.attribute, (name) => this.turn(name, this.operator));
    }

    operators() {
      const offered = (this.about?.operators ?? []).map(({ name, label }) => [name, label]);
      if (!this.operand) offered.unshift([this.operator, this.operator]);
      return makeSelect("Operator", offered, this.operator, (name) => this.turn(this.attribute, name));
    }

    /* Creates the input of the value for the operator and the attribute's kind. */
    controls() {
      const { about, operand, value } = this;
      const words = (text) => make("span", { class: "rule-unit" }, text);
      if (!operand) return [make("code", {}, JSON.stringify(value))];
      if (operand === "true") return [];
      if (operand === "many") return [about.kind === "weekday" ? this.weekdays() : this.box({ many: true })];
      if (operand === "days") {
        const change = (text) => this.set(WHOLE.test(text) ? Number(text) : text);
        return [makeInput("Days", { inputmode: "numeric", size: "5" }, value, change), words("days")];
      }
      const unit = about.unit || (about.kind === "money" ? this.builder.currency : "");
      const units = unit ? [words(unit)] : [];
      if (operand === "one") return [this.single("Value", value, (text) => this.set(text)), ...units];
      const both = [value].flat();
      const end = (label, at) =>
        this.single(label, both[at], (text) => {
          both[at] = text;
          this.set([...both]);
        });
      return [end("From", 0), words("and"), end("To", 1), ...units];
    }

    single(label, value, change) {
      const { kind } = this.about;
      switch (kind) {
        case "boolean":
          return makeSelect(label, [["true", "yes"], ["false", "no"]], String(value), (text) => change(text === "true"));
        case "weekday":
          return makeSelect(label, [["", "Choose a day"], ...this.builder.weekdays], value, change);
        case "date":
        case "time":
          return makeInput(label, { type: kind }, value, change);
        case "number":
        case "money":
          return makeInput(label, { inputmode: "decimal", size: "8" }, value, change);
        default:
          return this.box({ many: false });
      }
    }

    weekdays() {
      const chosen = [this.value].flat();
      const days = this.builder.weekdays.map(([day, words]) => {
        const box = make("input", { type: "checkbox", value: day });
        box.checked = chosen.includes(day);
        const rest = make("span", { class: "sr-only" }, words.slice(3));
        return make("label", { class: "rule-day" }, box, words.slice(0, 3), rest);
      });
      const group = make("div", { class: "rule-days", role: "group", "aria-label": "Value" }, ...days);
      group.addEventListener("change", () => this.set([...group.querySelectorAll(":checked")].map(({ value }) => value)));
      return group;
    }

    box({ many }) {
      const { choices, label } = this.about;
      const { builder } = this;
      const box = document.createElement("choice-box");
      Object.assign(box, {
        url: choices && builder.dataset.choices.replace("kind", choices),
        label: "Value",
        noun: builder.references[choices] ?? (label === "SKU" ? label : label.toLowerCase()),
        names: builder.namesOf(choices),
        most: builder.most.values,
        open: !(choices in builder.references),
        values: [this.value].flat().filter((one) => one !== "").map(String),
        many,
      });
      box.addEventListener("choice", () => this.set(many ? [...box.values] : box.values[0] ?? ""));
      return box;
    }
  }

  class Group extends Member {
    word = "Group";

    constructor(builder, parent, { match, rules }) {
      super(builder, parent);
      this.match = match;
      this.depth = (parent?.depth ?? 0) + 1;
      this.line = make("div", { class: "rule-line" }, this.matches());
      if (parent) this.line.append(makeRemove("Remove group", () => this.remove()));
      this.list = make("div", { class: "rule-list" });
      this.more = makeAdd("condition", () => this.add(builder.blank()));
      this.nested = makeAdd("group", () =>
        this.add({ match: this.match === "all" ? "any" : "all", rules: [builder.blank()] }),
      );
      const foot = make("div", { class: "rule-foot" }, this.more);
      if (this.depth < builder.most.depth) foot.append(this.nested);
      this.element = make("div", { class: "rule rule-group", role: "group", "data-depth": this.depth });
      this.element.append(this.line, this.problem, this.list, foot);
      this.rules = rules.map((one) => this.member(one));
      if (!parent && !rules.length) this.rules = builder.suggestions().map((one) => this.suggestion(one));
      this.list.append(...this.rules.map(({ element }) => element));
    }

    toJSON() {
      return { match: this.match, rules: this.written };
    }

    /* The rules that the tree has: suggestions become rules with their first value. */
    get written() {
      return this.rules.filter((one) => !one.unused);
    }

    matches() {
      const name = `rule-match-${++count}`;
      const choices = Object.entries(MATCHES).map(([value, { words }]) => {
        // Outside any form: only the JSON is submitted.
        const radio = make("input", { type: "radio", name, value, form: "" });
        radio.checked = value === this.match;
        radio.addEventListener("change", () => {
          this.match = value;
          this.builder.changed();
        });
        return make("label", {}, radio, words);
      });
      return make("div", { class: "rule-match", role: "radiogroup", "aria-label": "Which must hold" }, ...choices);
    }

    member(written) {
      const Kind = "rules" in written ? Group : Condition;
      return new Kind(this.builder, this, written);
    }

    suggestion(written) {
      const made = this.member(written);
      made.suggested = true;
      return made;
    }

    members() {
      return [this, ...this.rules.flatMap((one) => one.members())];
    }

    focus() {
      (this.rules[0] ?? this.more).focus();
    }

    control() {
      return null;
    }

    add(written) {
      // Whoever adds a rule of their own needs no suggestions.
      for (const one of this.rules.filter(({ unused }) => unused)) one.element.remove();
      this.rules = this.written;
      const made = this.member(written);
      for (const one of made.members()) one.fresh = one instanceof Condition;
      this.rules.push(made);
      this.list.append(made.element);
      this.builder.changed(`${made.word} added`);
      made.focus();
    }

    /* Numbers the rules as the server's messages do, and shows the word that joins them. */
    number(place = "") {
      this.element.setAttribute("aria-label", place ? `Group ${place}` : "Rules");
      this.line.hidden = !this.parent && !this.written.length;
      this.list.hidden = !this.rules.length;
      for (const one of this.rules) {
        one.element.classList.toggle("rule-suggested", Boolean(one.unused));
        if (!one.unused) continue;
        one.element.dataset.joint = "";
        one.element.setAttribute("aria-label", "Suggested rule, unused while it has no value");
      }
      this.written.forEach((one, at) => {
        const own = place ? `${place}.${at + 1}` : String(at + 1);
        one.element.dataset.joint = at ? MATCHES[this.match].joint : "";
        if (one instanceof Group) one.number(own);
        else one.element.setAttribute("aria-label", `Rule ${own}`);
      });
    }
  }

  let vocabulary;

  async function asked(url, post) {
    const answer = await fetch(url, post);
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return answer.json();
  }

  class RuleBuilder extends HTMLElement {
    connectedCallback() {
      if (this.textarea) return;
      this.textarea = this.querySelector("textarea");
      this.sentence = this.querySelector("[data-words]");
      this.details = this.querySelector("details");
      vocabulary ??= asked(this.dataset.vocabulary);
      vocabulary.then((known) => this.start(known)).catch((error) => console.warn(error));
    }

    start({ scopes, references, weekdays, most }) {
      this.offered = scopes[this.dataset.scope];
      this.references = references;
      this.weekdays = weekdays.map((day) => [day, day[0].toUpperCase() + day.slice(1)]);
      this.most = most;
      this.names = {};
      this.problems = [];
      this.questions = 0;
      const label = document.querySelector(`label[for="${this.textarea.id}"]`)?.textContent.trim();
      this.frame = make("fieldset", { class: "rule-frame", "aria-label": label ?? "Rules" });
      this.frame.disabled = this.textarea.disabled;
      this.note = make("p", { class: "rule-problem", role: "alert" });
      this.status = make("span", { class: "sr-only", role: "status" });
      this.prepend(this.frame, this.note, this.status);
      this.textarea.addEventListener("input", () => {
        if (this.textarea.value !== this.written) this.later(() => this.read());
      });
      // Totals are in the promotion's currency.
      this.currencyField?.addEventListener("change", () => this.read());
      // Moves the focus from the field with the error to the condition with the problem.
      this.atFault = document.activeElement === this.textarea;
      this.details.open = !this.read();
    }

    get currencyField() {
      return this.textarea.form?.querySelector('select[name="currency"]');
    }

    get currency() {
      return this.currencyField?.value ?? "";
    }

    about(attribute) {
      return this.offered.find(({ name }) => name === attribute);
    }

    namesOf(kind) {
      return (this.names[kind] ??= new Map());
    }

    blank() {
      const { name, operators } = this.offered[0];
      return { attribute: name, operator: operators[0].name, value: "" };
    }

    /* The conditions that most trees of this field begin with; for several values where the attribute has them. */
    suggestions() {
      if (this.frame.disabled) return [];
      const attributes = this.dataset.suggested.split(" ").map((name) => this.about(name));
      return attributes.filter(Boolean).map(({ name, operators }) => {
        const { name: operator, operand } = operators.find(({ name }) => name === "is_any_of") ?? operators[0];
        return { attribute: name, operator, value: operand === "many" ? [] : "" };
      });
    }

    later(act) {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(act, WAIT);
    }

    /* Reads the JSON into the page; returns whether it could be read. */
    read() {
      let tree = null;
      try {
        tree = JSON.parse(this.textarea.value.trim() || "{}") ?? {};
      } catch {
        // It stays in the textarea.
      }
      if (has(tree)) tree = { match: "all", rules: [] };
      this.root = isGroup(tree) ? new Group(this, null, tree) : null;
      this.frame.hidden = !this.root;
      this.note.textContent = "These rules cannot be shown as a form. Fix the JSON, or clear it to start again.";
      this.note.hidden = Boolean(this.root);
      if (this.root) this.frame.replaceChildren(this.root.element);
      else this.details.open = true;
      this.settle();
      this.ask();
      return Boolean(this.root);
    }

    /* Writes the page's tree into the JSON. */
    changed(status = "") {
      this.settle();
      this.written = this.root.written.length ? JSON.stringify(this.root, null, 2) : "";
      this.textarea.value = this.written;
      this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
      this.status.textContent = status;
      this.later(() => this.ask());
    }

    settle() {
      if (!this.root) return;
      this.root.number();
      const members = this.root.members();
      const full = members.filter((one) => one instanceof Condition && !one.unused).length >= this.most.conditions;
      for (const one of members) {
        if (one instanceof Group) one.more.disabled = one.nested.disabled = full;
      }
    }

    /* Asks the server for the tree in words and for its problems. */
    async ask() {
      const question = ++this.questions;
      if (this.root && !this.root.written.length) {
        this.say("No rules:", `${this.dataset.empty}.`);
        return;
      }
      const body = new FormData();
      body.set("scope", this.dataset.scope);
      body.set("tree", this.textarea.value);
      body.set("currency", this.currency);
      const token = this.textarea.form?.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
      let answer;
      try {
        answer = await asked(this.dataset.reading, { method: "POST", headers: { "X-CSRFToken": token }, body });
      } catch {
        return; // The sentence waits for the next change; saving finds what is wrong.
      }
      if (question !== this.questions) return;
      this.say("In words:", answer.words && `${answer.words}.`);
      for (const { kind, key, name } of answer.names) if (name) this.namesOf(kind).set(key, name);
      for (const box of this.frame.querySelectorAll("choice-box")) box.show();
      this.problems = answer.problems;
      this.mark();
    }

    say(label, words) {
      this.sentence.replaceChildren(...(words ? [make("strong", {}, label), ` ${words}`] : []));
    }

    /* Shows each problem in the condition or group of its path. */
    mark() {
      if (!this.root) return;
      const found = new Map();
      for (const { path, detail } of this.problems) {
        let member = this.root;
        let name = "";
        for (const part of path.split(".")) {
          const inner = member.written?.[part];
          if (inner) [member, name] = [inner, ""];
          else if (part !== "rules") name = part;
        }
        if (!found.has(member)) found.set(member, { detail, name });
      }
      for (const one of this.root.members()) {
        const { detail = "", name = "" } = (!one.fresh && found.get(one)) || {};
        one.show(detail, one.control(name));
      }
      if (this.atFault) this.frame.querySelector('[aria-invalid="true"]')?.focus();
      this.atFault = false;
    }
  }

  document.addEventListener("DOMContentLoaded", () => customElements.define("rule-builder", RuleBuilder));
})();
