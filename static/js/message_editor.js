/* Texts with inserts, and the editor of rich texts: Trix over the textarea that stays the form field.
   Inserts are plain text ({{ promotion_name }}); a link is HTML around its inserts; an image of the Content tab is a
   placeholder that the server replaces with HTML. Files are not accepted: images come from the Content tab. */
(() => {
  "use strict";

  function insertIntoEditor(editor, button) {
    // Two inserts side by side would read as one word.
    const before = editor.getDocument().toString().slice(0, editor.getSelectedRange()[0]);
    if (before.endsWith("}}") && !button.dataset.image) editor.insertString(" ");
    if (button.dataset.image) {
      editor.insertAttachment(
        new window.Trix.Attachment({
          content: `<span class="insert-image">Image ${button.dataset.image}</span>`,
          contentType: `application/x-image-${button.dataset.image}`,
        }),
      );
    } else if (button.dataset.link) {
      const number = button.dataset.link;
      editor.insertHTML(`<a href="{{ link_url_${number} }}">{{ anchor_text_${number} }}</a>`);
    } else {
      editor.insertString(button.dataset.insert);
    }
  }

  // The menu shows the current links and images of the Content tab; blank ones cannot be chosen.
  function fillMenu(menu, form) {
    for (const entry of menu.querySelectorAll("[data-needs]")) {
      const value = form.elements[entry.dataset.needs]?.value.trim() ?? "";
      entry.disabled = !value;
      entry.querySelector("small").textContent = value || "missing on the Content tab";
      const picture = entry.querySelector("img");
      if (!picture) continue;
      picture.hidden = !value.startsWith("https://");
      if (!picture.hidden) picture.src = value;
    }
  }

  function startMenu(menu, form) {
    const opener = menu.querySelector("summary");
    const close = () => { menu.open = false; };
    menu.addEventListener("toggle", () => { if (menu.open) fillMenu(menu, form); });
    menu.addEventListener("click", (event) => { if (event.target.closest(".insert-entry")) close(); });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) close();
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu.open) {
        event.stopPropagation();
        close();
        opener.focus();
        return;
      }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !menu.open) return;
      event.preventDefault();
      const entries = [...menu.querySelectorAll(".insert-entry:not(:disabled)")];
      const at = entries.indexOf(document.activeElement);
      entries[(at + step + entries.length) % entries.length]?.focus();
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) close(); });
  }

  function startEditor(frame) {
    const textarea = frame.querySelector("textarea");
    const element = frame.querySelector("trix-editor");
    if (!element || !window.Trix) return;
    const original = textarea.defaultValue;
    let untouched = null;
    const atFault = document.activeElement === textarea;
    textarea.hidden = true;
    frame.querySelector(".editor").hidden = false;
    const note = () => {
      // Trix rewrites HTML: a text that was not edited is submitted unchanged.
      untouched = element.value;
      // Moves the focus from the field with the error to the editor.
      if (atFault) element.focus();
    };
    if (element.editor) note();
    else frame.addEventListener("trix-initialize", note);
    textarea.form.addEventListener("submit", () => {
      if (element.value === untouched) textarea.value = original;
    });
    frame.addEventListener("trix-file-accept", (event) => event.preventDefault());
    const menu = frame.querySelector("[data-insert-menu]");
    if (menu) startMenu(menu, textarea.form);
    frame.addEventListener("click", (event) => {
      const button = event.target.closest("[data-insert], [data-link], [data-image]");
      if (!button) return;
      // Focusing a text for the first time would move the caret to its beginning.
      const range = element.editor.getSelectedRange();
      element.focus();
      element.editor.setSelectedRange(range);
      insertIntoEditor(element.editor, button);
    });
  }

  function startInput(frame) {
    const input = frame.querySelector("input");
    frame.addEventListener("click", (event) => {
      const text = event.target.closest("[data-insert]")?.dataset.insert;
      if (!text) return;
      // Two inserts side by side would read as one word.
      const gap = input.value.slice(0, input.selectionStart).endsWith("}}") ? " " : "";
      input.setRangeText(gap + text, input.selectionStart, input.selectionEnd, "end");
      input.focus();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-message-editor]").forEach(startEditor);
    document.querySelectorAll("[data-inserts]").forEach(startInput);
  });
})();
