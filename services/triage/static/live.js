// The page of a case works without this. With it, the page hears when the case changes and who else looks, and offers to
// load itself again. A page that nobody sees hears nothing: a browser has few connections to one server.
"use strict";

(() => {
  const place = document.querySelector("[data-live]");
  if (!place || !window.EventSource) return;
  const [changed, looking, gone] = ["changed", "looking", "gone"].map((name) => place.querySelector(`[data-on=${name}]`));
  let source = null;

  const say = (part, text) => {
    part.hidden = !text;
    part.querySelector("[data-text]").textContent = text;
  };
  const close = () => {
    if (source) source.close();
    source = null;
  };
  const open = () => {
    if (source || document.hidden || !gone.hidden) return;
    source = new EventSource(place.dataset.live);
    source.addEventListener("changed", (event) => say(changed, JSON.parse(event.data).text));
    source.addEventListener("looking", (event) => say(looking, JSON.parse(event.data).text));
    source.addEventListener("gone", () => {
      gone.hidden = false;
      close();
    });
    // The server refuses who may no longer see the case; then the browser does not ask again.
    source.addEventListener("error", () => { if (source && source.readyState === EventSource.CLOSED) source = null; });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
})();
