// What polling alone cannot do: rest in a hidden tab, keep opened details open, let ages tick, and say when nobody answers.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const start = document.querySelector("[data-now]");
  // The page may be seen through a tunnel from a machine whose clock is another: ages go by the proxy's.
  let ahead = start ? Number(start.dataset.now) - Date.now() : 0;

  // The same words as in proxy/operator/words.py.
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const relative = (then, now) => {
    const seconds = Math.floor(Math.abs(now - then) / 1000);
    const unit = UNITS.find(([size]) => seconds >= size);
    if (!unit) return "now";
    const amount = `${Math.floor(seconds / unit[0])} ${unit[1]}`;
    return then <= now ? `${amount} ago` : `in ${amount}`;
  };

  const tick = () => {
    if (document.hidden) return;
    const now = Date.now() + ahead;
    for (const time of document.querySelectorAll("time[data-ms]")) {
      // What has happened is never ahead, though the proxy's clock was set back since.
      const then = "past" in time.dataset ? Math.min(Number(time.dataset.ms), now) : Number(time.dataset.ms);
      const words = "due" in time.dataset && then <= now ? "now" : relative(then, now);
      if (time.textContent !== words) time.textContent = words;
    }
  };
  setInterval(tick, 1000);
  if (!live) return;

  let opened = new Set();
  live.addEventListener("htmx:beforeSwap", () => {
    opened = new Set([...live.querySelectorAll("details[open]")].map((one) => one.id));
  });
  live.addEventListener("htmx:afterSwap", () => {
    for (const one of live.querySelectorAll("details")) one.open = opened.has(one.id);
  });

  live.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tick();
    htmx.trigger(live, "look");
  });

  document.body.addEventListener("ticked", ({ detail }) => {
    ahead = detail.now - Date.now();
    if (detail.heartbeat) showBeat(detail.heartbeat);
    tick();
  });
  const showBeat = (ms) => {
    const place = document.getElementById("heartbeat");
    if (!place.querySelector("time")) place.replaceChildren("heartbeat ", document.createElement("time"));
    const time = place.querySelector("time");
    time.dataset.ms = ms;
    time.dataset.past = "";
    time.dateTime = time.title = new Date(ms).toISOString();
  };

  const answers = (well) => {
    lost.hidden = well;
  };
  live.addEventListener("htmx:afterRequest", (event) => answers(event.detail.successful === true));
})();
