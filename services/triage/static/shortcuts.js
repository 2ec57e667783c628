// The desk works without this. With it, single keys lead to the parts of a page, through the cases of the queue and to
// other pages, "?" shows which, and a button turns them off for this browser (WCAG 2.1.4). No key does anything while
// a person types, and none sends a form.
"use strict";

(() => {
  const overlay = document.querySelector("#shortcuts");
  const opener = document.querySelector("[data-shortcuts]");
  if (!overlay || !opener || !overlay.showModal) return;
  const [off, on] = ["off", "on"].map((name) => overlay.querySelector(`[data-turn=${name}]`));
  const places = new Map([...overlay.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row.dataset.to]));
  const isOff = () => localStorage.getItem("hearth-shortcuts") === "off";

  const show = () => {
    off.hidden = isOff();
    on.hidden = !isOff();
    if (!overlay.open) overlay.showModal();
  };
  const turn = (to) => {
    localStorage.setItem("hearth-shortcuts", to);
    show();
  };
  const steps = { next: 1, previous: -1, open: 0 };
  const step = (by) => {
    const links = [...document.querySelectorAll(".hearth-desk__row h2 a")];
    const here = links.findIndex((link) => link.closest(".hearth-desk__row").contains(document.activeElement));
    if (by === 0 && here >= 0) links[here].click();
    // The last one has no next one, and from outside the list both ways lead into it.
    const link = by !== 0 && links[here < 0 ? 0 : here + by];
    if (link) link.focus();
  };
  const go = (to) => {
    if (to in steps) {
      step(steps[to]);
      return;
    }
    if (!to.startsWith("#")) {
      location.assign(to);
      return;
    }
    const place = document.querySelector(to);
    if (!place) return;
    if (place.matches("details")) place.open = true;
    place.scrollIntoView();
    const inner = place.matches("details") ? place.querySelector("summary") : place;
    if (!inner.matches("a, button, summary")) inner.tabIndex = -1;
    inner.focus();
  };

  off.addEventListener("click", () => turn("off"));
  on.addEventListener("click", () => turn("on"));
  overlay.querySelector("[data-turn=close]").addEventListener("click", () => overlay.close());
  opener.addEventListener("click", show);
  opener.hidden = false;
  // A link to a folded form unfolds it, and the menu of actions closes behind it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".hearth-desk__jump a[href^='#']");
    if (!link) return;
    const menu = link.closest("details");
    if (menu) menu.open = false;
    const place = document.querySelector(link.getAttribute("href"));
    if (place && place.matches("details")) place.open = true;
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");
    if (isOff() || typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || overlay.open) return;
    if (event.key === "?") show();
    else if (places.has(event.key)) go(places.get(event.key));
    else return;
    event.preventDefault();
  });
})();
