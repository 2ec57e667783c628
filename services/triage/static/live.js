// The pages of the queue and of a case work without this. With it, a page hears when its cases change, how many there are
// and who else looks, and offers to load itself again: nothing on it moves by itself. A page that nobody sees hears
// nothing: a browser has few connections to one server.
"use strict";

(() => {
  const place = document.querySelector("[data-live]");
  if (!place || !window.EventSource) return;
  const part = (name) => place.querySelector(`[data-on=${name}]`);
  let source = null;
  let told = 0;
  let over = false;

  const say = (name, text) => {
    const here = part(name);
    if (!here) return;
    here.hidden = !text;
    here.querySelector("[data-text]").textContent = text;
  };
  const close = () => {
    if (source) source.close();
    source = null;
  };
  const end = (name) => {
    over = true;
    const here = part(name) || part("ended");
    here.hidden = false;
    close();
  };
  const open = () => {
    if (source || document.hidden || over) return;
    source = new EventSource(place.dataset.live);
    // Each time the page asks anew it hears of the same change again, and says it once.
    source.addEventListener("changed", (event) => {
      const { text, version } = JSON.parse(event.data);
      if (version > told) say("changed", text);
      told = Math.max(told, version);
    });
    source.addEventListener("counts", (event) => {
      for (const [tab, text] of Object.entries(JSON.parse(event.data))) {
        const count = document.querySelector(`[data-count="${tab}"]`);
        if (count) count.textContent = text;
      }
    });
    source.addEventListener("looking", (event) => say("looking", JSON.parse(event.data).text));
    source.addEventListener("gone", () => end("gone"));
    // The server refuses who may no longer see the case; then the page says so, and asks no more.
    source.addEventListener("error", () => {
      if (!source || source.readyState !== EventSource.CLOSED) return;
      say("looking", "");
      end("ended");
    });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
})();
