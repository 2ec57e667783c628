// The button "Leave this page" works without this. With it, what is on the screen is gone at once, Back does not return
// to it, and the Escape key does the same when pressed three times.
"use strict";

(() => {
  const form = document.querySelector("form.hearth-exit");
  if (!form) return;

  const leave = () => {
    // The way out may take a moment; nobody is to read the page meanwhile.
    document.title = "…";
    const { action } = form;
    document.body.replaceChildren();
    location.replace(action);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    leave();
  });

  let presses = [];
  document.addEventListener("keydown", (event) => {
    if (event.repeat) return;
    presses = event.key === "Escape" ? [...presses, event.timeStamp].slice(-3) : [];
    if (presses.length === 3 && presses[2] - presses[0] < 3000) leave();
  });

  document.querySelector("#exit-keys").hidden = false;
})();
