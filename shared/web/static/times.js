// The times of a page are in UTC. With this they are in the zone of the browser's clock, and the page says which it is.
"use strict";

(() => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const note = document.querySelector("[data-times='local']");
  if (!timeZone || !note) return;

  const digits = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const shape = { day: "numeric", month: "short", year: "numeric", ...digits, timeZoneName: "short" };
  const format = new Intl.DateTimeFormat(document.documentElement.lang, shape);
  for (const time of document.querySelectorAll("time[datetime*=T]")) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
  note.querySelector("bdi").textContent = timeZone.replaceAll("_", " ");
  note.hidden = false;
  document.querySelector("[data-times='utc']").hidden = true;
})();
