// The form of a table works without this: a person pastes it. With it, a chosen file is read into the form, and is sent
// with it. Nothing of the file leaves the browser before the form does.
"use strict";

(() => {
  for (const input of document.querySelectorAll("input[type=file][data-into]")) {
    const into = document.getElementById(input.dataset.into);
    input.closest("[data-file]").hidden = false;
    input.addEventListener("change", async () => {
      const [file] = input.files;
      if (!file || file.size > 500_000) return;
      into.value = await file.text();
      into.focus();
    });
  }
})();
