// SPDX-License-Identifier: GPL-2.0-or-later
// What a signed-in page does: live tables, the live state, the side panel.

import "./countries.js";
import "./keys.js";
import { live } from "./live.js";
import { showLocalTimes } from "./page.js";
import "./jobs.js";
import "./palette.js";
import { LiveTable } from "./table.js";
import "./trial.js";
import { timeOfDay } from "./words.js";

const HEALTH_PAUSE = 1000; // ms between two questions for the sentence on health

// --- live ---

const tables = [...document.querySelectorAll("[data-live-table]")].map((section) => new LiveTable(section));

const BODY_STATES = { live: "live", delayed: "delayed" };

live.addEventListener("state", () => {
  document.body.dataset.live = BODY_STATES[live.state] ?? "offline";
  for (const banner of document.querySelectorAll(".live-banner")) {
    banner.hidden = banner.dataset.when !== live.state;
    const since = banner.querySelector("[data-since]");
    if (since && !banner.hidden) since.textContent = timeOfDay(live.since);
    for (const said of banner.querySelectorAll("[data-said]")) said.textContent = "";
  }
  tell("live:health");
});

/** Fragments that htmx keeps current listen for these on the body. */
function tell(name) {
  document.body.dispatchEvent(new CustomEvent(name));
}

let lastHealth = "";
let healthTimer = null;

function showHealth() {
  const [health] = live.rows("health").values();
  const engine = document.querySelector("[data-engine]");
  if (engine) engine.textContent = engine.dataset[health ? (health.enabled ? "on" : "off") : "down"];
  if (!health) return;
  for (const value of document.querySelectorAll("[data-health]")) value.textContent = health[value.dataset.health];
  const seen = [health.calls, health.registrations, health.revision, health.enabled].join();
  if (seen === lastHealth) return;
  lastHealth = seen;
  healthTimer ??= setTimeout(() => {
    healthTimer = null;
    tell("live:health");
  }, HEALTH_PAUSE);
}

live.addEventListener("change", (event) => {
  if (event.detail.topic === "health") showHealth();
  if (event.detail.topic === "jobs") tell("live:jobs");
  if (pages.includes(event.detail.topic)) tell(`live:${event.detail.topic}`);
});

document.body.addEventListener("signed-out", () => live.end());

const pages = [...document.querySelectorAll("[data-live-topic]")].map((section) => section.dataset.liveTopic);
live.start([...new Set([...tables.map((table) => table.topic), ...pages, "health", "jobs"])]);

// --- the side panel ---

const panel = document.getElementById("panel");

document.body.addEventListener("htmx:afterSwap", (event) => {
  showLocalTimes(event.target.parentElement ?? document);
  if (event.detail.target === panel && !panel.open) panel.showModal();
});

panel.addEventListener("click", (event) => {
  if (event.target === panel || event.target.closest("[data-close]")) panel.close();
});

// The bar's state is asked for often; what has not changed is not drawn anew, and nothing is while somebody presses a
// button in it or waits for its answer: else the click would be lost.
let barShown = "";

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const bar = event.detail.target;
  if (bar.id !== "status" || event.detail.xhr.status !== 200) return;
  const said = event.detail.serverResponse.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
  const busy = bar.querySelector("button:active, .htmx-request") !== null;
  if (busy || said === barShown) event.detail.shouldSwap = false;
  if (!busy) barShown = said;
});

// What is read aloud is read once: the same answer is not put there again.
const heard = new WeakMap();

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, serverResponse } = detail;
  if (!target.hasAttribute("aria-live")) return;
  if (heard.get(target) === serverResponse) detail.shouldSwap = false;
  heard.set(target, serverResponse);
});

document.body.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const { target, fragment } = detail;
  if (target.id !== "session-end") return;
  const { ends } = (fragment.firstElementChild ?? fragment).dataset;
  if (ends === target.dataset.ends) detail.shouldSwap = false;
});

// What is refused is said on the page, above what was there (appliance/gate.py).
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 403) event.detail.shouldSwap = true;
});
