// SPDX-License-Identifier: GPL-2.0-or-later
// Small manners that every page has: the theme switch, the language, copying, and times in the reader's own zone.

const THEMES = ["auto", "light", "dark"];

function labelTheme(button) {
  const label = button.dataset[theme.choice];
  button.title = label;
  button.querySelector(".visually-hidden").textContent = label;
}

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  labelTheme(button);
  button.addEventListener("click", () => {
    theme.choose(THEMES[(THEMES.indexOf(theme.choice) + 1) % THEMES.length]);
    labelTheme(button);
  });
}

for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    button.querySelector("span").textContent = button.dataset.done;
  });
}

const moment = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "medium",
  timeStyle: "short",
  hourCycle: "h23",
});

export function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) time.textContent = moment.format(new Date(time.dateTime));
}

const regions = new Intl.DisplayNames(document.documentElement.lang, { type: "region" });

export function showCountryNames(root) {
  for (const place of root.querySelectorAll("[data-country]")) place.textContent = regions.of(place.dataset.country);
}

showLocalTimes(document);
showCountryNames(document);

// --- the trial of a revision: the kernel counts, the page only shows what is left ---

function showCountdowns() {
  for (const clock of document.querySelectorAll("[data-countdown]")) {
    const left = Math.max(0, Math.round((new Date(clock.dataset.countdown) - Date.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
}

showCountdowns();
setInterval(showCountdowns, 500);
