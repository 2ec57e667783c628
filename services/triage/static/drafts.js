// A form works without this. With it, what is typed and not yet sent is kept on the server, sealed for this browser alone:
// nothing of it stays in the browser, which others may use as well. When the page opens again, the words are there.
"use strict";

(() => {
  const { to } = document.currentScript.dataset;
  const WAIT = 2000;

  for (const form of document.querySelectorAll('form[method="post"]')) {
    // A form that makes a change says which version its sender saw; only one with words is worth keeping.
    const words = [...form.querySelectorAll("textarea, input:not([type=hidden], [type=checkbox], [type=radio])")];
    if (!form.elements.version || !words.length) continue;
    let timer = 0;
    let going = null;
    let typed = false;
    let sent = false;

    const keep = () => {
      clearTimeout(timer);
      if (!typed || sent || !form.isConnected) return;
      typed = false;
      const body = new URLSearchParams(new FormData(form));
      body.set("draft_of", new URL(form.action).pathname);
      if (words.every((one) => !one.value.trim())) body.set("discard", "1");
      if (going) going.abort();
      going = new AbortController();
      // A browser sends little more once its page has gone.
      const keepalive = document.hidden && body.toString().length < 60000;
      // Without an answer the next letter has it kept; the form itself loses nothing.
      fetch(to, { method: "POST", body, keepalive, redirect: "manual", signal: going.signal }).catch(() => { typed = true; });
    };
    form.addEventListener("input", () => {
      typed = true;
      clearTimeout(timer);
      timer = setTimeout(keep, WAIT);
    });
    form.addEventListener("submit", () => {
      sent = true;
      clearTimeout(timer);
      if (going) going.abort();
    });
    addEventListener("pageshow", () => { sent = false; });
    document.addEventListener("visibilitychange", () => { if (document.hidden) keep(); });
  }
})();
