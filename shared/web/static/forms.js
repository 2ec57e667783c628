// A form works without this. With it, the zone of the browser's clock is chosen, and the browser asks before it leaves a
// page with words that were not sent.
"use strict";

(() => {
  const zone = document.querySelector("select[data-zone]");
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (zone && timeZone) {
    if (![...zone.options].some((option) => option.value === timeZone)) zone.add(new Option(timeZone, timeZone));
    zone.value ||= timeZone;
  }

  for (const form of document.querySelectorAll('form[method="post"]')) {
    // A form that came back holds words already. At the desk it is the one whose fold is open from the beginning.
    let typed = "unsent" in form.dataset || form.closest("details[open]") !== null;
    let sent = false;
    form.addEventListener("input", () => { typed = true; });
    form.addEventListener("submit", () => { sent = true; });
    addEventListener("pageshow", () => { sent = false; });
    addEventListener("beforeunload", (event) => {
      // The way out takes the form off the page first: nothing may hold it up.
      if (typed && !sent && form.isConnected) event.preventDefault();
    });
  }
})();
