"use strict";
// Filters the shown rows while one types, and refreshes them. Text is only compared, never made into markup.
(() => {
  const form = document.querySelector("form.bar");
  const box = form.querySelector("input");
  const chips = [...form.querySelectorAll(".chip")];
  const REFRESH_MS = 15000;
  const partial = () => document.getElementById("targets").dataset.hidden !== "0";
  let state = new URLSearchParams(location.search).get("state") || "";
  if (!chips.some((chip) => chip.dataset.state === state)) state = "";

  function show() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const counts = { "": 0 };
    let any = false;
    for (const row of document.querySelectorAll("tbody tr")) {
      const found = words.every((word) => row.dataset.text.includes(word));
      if (found) {
        counts[""] += 1;
        counts[row.dataset.state] = (counts[row.dataset.state] || 0) + 1;
      }
      row.hidden = !found || (state !== "" && row.dataset.state !== state);
      any = any || !row.hidden;
    }
    for (const section of document.querySelectorAll("section")) {
      const shown = section.querySelectorAll("tbody tr:not([hidden])").length;
      section.hidden = shown === 0;
      section.querySelector("h2 span").textContent = shown;
    }
    for (const chip of chips) {
      chip.setAttribute("aria-pressed", String(chip.dataset.state === state));
      chip.querySelector("b").textContent = counts[chip.dataset.state] || 0;
    }
    const none = document.querySelector(".none");
    none.textContent = "Nothing matches.";
    none.hidden = any;
  }

  function remember() {
    const query = new URLSearchParams();
    if (box.value.trim()) query.set("q", box.value.trim());
    if (state) query.set("state", state);
    history.replaceState(null, "", query.size ? "?" + query : location.pathname);
  }

  async function refresh() {
    const whole = !partial();
    const answer = await fetch(whole ? location.pathname : location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("targets").replaceWith(page.getElementById("targets"));
    document.querySelector("header").replaceWith(page.querySelector("header"));
    document.getElementById("buffer").replaceWith(page.getElementById("buffer"));
    document.title = page.title;
    if (!partial()) show();
  }

  // A list that is cut off, or that the server has filtered, is searched by the server.
  const local = () => !partial() && loaded;
  let loaded = location.search === "";
  box.addEventListener("input", () => { if (local()) { show(); remember(); } });
  form.addEventListener("submit", (event) => {
    if (!local()) return;
    event.preventDefault();
    if (event.submitter && event.submitter.classList.contains("chip")) state = event.submitter.dataset.state;
    show();
    remember();
  });
  const update = () => refresh().then(() => { loaded = !partial(); }).catch(() => {});
  if (!loaded && !partial()) update();
  setInterval(() => { if (!document.hidden) update(); }, REFRESH_MS);
})();
