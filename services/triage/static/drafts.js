// A form works without this. With it, what is typed or chosen and not yet sent is kept on the server, sealed for this
// browser alone: nothing of it stays in the browser, which others may use as well. When the page opens again, it is there.
"use strict";

(() => {
  const { to } = document.currentScript.dataset;
  const WAIT = 2000;

  for (const form of document.querySelectorAll('form[method="post"]')) {
    // A form that makes a change says which version its sender saw; one of buttons alone has nothing to keep.
    const fields = [...form.querySelectorAll("textarea, select, input:not([type=hidden])")];
    const words = fields.filter((one) => !one.matches("select, [type=checkbox], [type=radio]"));
    if (!form.elements.version || !fields.length) continue;
    const choices = fields.filter((one) => !words.includes(one));
    const chosen = () => choices.map((one) => (one.matches("select") ? one.value : one.checked)).join();
    const path = new URL(form.action).pathname;
    // What waits already is shown as it was typed, so that it is no sign that nothing is typed.
    const waits = [...document.querySelectorAll("[name=draft_of]")].some((one) => one.value === path);
    const before = waits ? null : chosen();
    let timer = 0;
    let going = null;
    let typed = false;
    let sent = false;

    const keep = () => {
      clearTimeout(timer);
      if (!typed || sent || !form.isConnected) return;
      typed = false;
      const body = new URLSearchParams(new FormData(form));
      body.set("draft_of", path);
      const unchanged = !choices.length || chosen() === before;
      if (unchanged && words.every((one) => !one.value.trim())) body.set("discard", "1");
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
