// The form of a table works without this: a person pastes it. With it, a chosen file is read into the form, and is sent
// with it. Nothing of the file leaves the browser before the form does.
"use strict";

(() => {
  const faults = document.querySelectorAll("[data-file-fault]");
  const tell = (fault) => faults.forEach((one) => { one.hidden = one.dataset.fileFault !== fault; });

  for (const input of document.querySelectorAll("input[type=file][data-into]")) {
    const into = document.getElementById(input.dataset.into);
    input.closest("[data-file]").hidden = false;
    input.addEventListener("change", async () => {
      const [file] = input.files;
      tell(file && file.size > 500_000 ? "large" : "");
      if (!file || file.size > 500_000) return;
      try {
        // Read in another encoding, the names would change.
        into.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
        into.focus();
      } catch {
        tell("encoding");
      }
    });
  }
})();
