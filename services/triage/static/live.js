// The page of a case works without this. With it, the page hears when the case changes and who else looks, and offers to
// load itself again. A page that nobody sees hears nothing: a browser has few connections to one server.
"use strict";

(() => {
  const place = document.querySelector("[data-live]");
  if (!place || !window.EventSource) return;
  const [changed, looking, gone, ended] = ["changed", "looking", "gone", "ended"].map((name) => place.querySelector(`[data-on=${name}]`));
  let source = null;
  let told = 0;

  const say = (part, text) => {
    part.hidden = !text;
    part.querySelector("[data-text]").textContent = text;
  };
  const close = () => {
    if (source) source.close();
    source = null;
  };
  const open = () => {
    if (source || document.hidden || !gone.hidden || !ended.hidden) return;
    source = new EventSource(place.dataset.live);
    // Each time the page asks anew it hears of the same change again, and says it once.
    source.addEventListener("changed", (event) => {
      const { text, version } = JSON.parse(event.data);
      if (version > told) say(changed, text);
      told = Math.max(told, version);
    });
    source.addEventListener("looking", (event) => say(looking, JSON.parse(event.data).text));
    source.addEventListener("gone", () => {
      gone.hidden = false;
      close();
    });
    // The server refuses who may no longer see the case; then the page says so, and asks no more.
    source.addEventListener("error", () => {
      if (!source || source.readyState !== EventSource.CLOSED) return;
      ended.hidden = false;
      looking.hidden = true;
      close();
    });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
})();
