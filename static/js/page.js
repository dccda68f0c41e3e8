// SPDX-License-Identifier: GPL-2.0-or-later
// Small manners that every page has: the theme switch, the language, copying, and times in the reader's own zone.

/** As the system wants it, then the other one first, so that each click shows something. */
function nextTheme() {
  const other = matchMedia("(prefers-color-scheme: dark)").matches ? "light" : "dark";
  const order = ["auto", other, other === "dark" ? "light" : "dark"];
  return order[(order.indexOf(theme.choice) + 1) % order.length];
}

function labelTheme(button) {
  const label = button.dataset[theme.choice];
  button.title = label;
  button.querySelector(".visually-hidden").textContent = label;
}

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  labelTheme(button);
  button.addEventListener("click", () => {
    theme.choose(nextTheme());
    labelTheme(button);
  });
}

for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

// --- what can be copied: a text of the page, and each error, with page and time, for whoever helps ---

const copyError = document.getElementById("copy-error")?.content.firstElementChild;

function offerErrors() {
  if (!copyError) return; // pages before the sign-in
  for (const said of document.querySelectorAll(".notice.level-error:not(:has(> .copy-error))")) {
    said.append(copyError.cloneNode(true));
  }
}

async function copy(text, beside) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // without TLS a browser has no clipboard
  field.value = text;
  beside.after(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], .copy-error");
  if (!button) return;
  if (button.dataset.copy) {
    await copy(document.querySelector(button.dataset.copy).textContent, button);
    button.querySelector("span").textContent = button.dataset.done;
  } else {
    const words = button.parentElement.innerText.trim();
    await copy(`${words}\n${document.title}, ${location.pathname}, ${new Date().toISOString()}`, button);
    button.title = button.dataset.done;
  }
});
document.body.addEventListener("htmx:afterSwap", offerErrors);
offerErrors();

// --- how dense tables are ---

for (const button of document.querySelectorAll("[data-density-switch]")) {
  const root = document.documentElement.dataset;
  const show = () => button.setAttribute("aria-pressed", String(root.density === "comfortable"));
  show();
  button.addEventListener("click", () => {
    root.density = root.density === "comfortable" ? "compact" : "comfortable";
    manners.store("density", root.density);
    show();
  });
}

// --- a field for a time: the reader's own here, UTC to the server (and in the address of a search) ---

const zoneName = (at) =>
  new Intl.DateTimeFormat(document.documentElement.lang, { timeZoneName: "short" })
    .formatToParts(at)
    .find(({ type }) => type === "timeZoneName").value;

/** As a field for a time holds it, to the minute. */
const inUtc = (at) => at.toISOString().slice(0, 16);
const here = (at) => inUtc(new Date(at.getTime() - at.getTimezoneOffset() * 60_000));

function showFieldsHere(root) {
  for (const field of root.querySelectorAll('input[type="datetime-local"]:not([data-here])')) {
    field.dataset.here = "";
    if (field.value) field.value = here(new Date(`${field.value}Z`));
    const zone = field.closest(".field")?.querySelector("[data-zone]");
    if (zone) zone.textContent = zoneName(field.value ? new Date(field.value) : new Date());
  }
  for (const field of root.querySelectorAll("input[data-own-zone]")) {
    field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    delete field.dataset.ownZone;
  }
}

document.addEventListener("formdata", ({ target, formData }) => {
  for (const { name, value } of target.querySelectorAll("input[data-here]")) {
    if (value) formData.set(name, inUtc(new Date(value)));
  }
});

// --- fields that mean nothing for what is chosen above them (ui.forms); one with an error is seen all the same ---

function showMeantFields(root) {
  for (const field of root.querySelectorAll("[data-meant]")) {
    const [name, answers] = field.dataset.meant.split("=");
    const place = field.closest(".field");
    const other = field.form?.elements[name]; // a page may have chosen it already
    const meant = !other || answers.split(" ").includes(other.value);
    place.hidden = !meant && !place.querySelector(".errors");
  }
}

document.addEventListener("change", ({ target }) => target.form && showMeantFields(target.form));

// --- an end by one click: chips beside a field for a time ---

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-hours], [data-clock]");
  if (!chip) return;
  const end = new Date();
  if (chip.dataset.hours) end.setTime(end.getTime() + chip.dataset.hours * 3_600_000);
  else {
    end.setHours(Number(chip.dataset.clock), 0, 0, 0);
    if (end < new Date()) end.setDate(end.getDate() + 1);
  }
  const field = document.getElementById(chip.closest("[data-chips]").dataset.chips);
  field.value = here(end);
  for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
});

// --- a moment, as short as it can be said: the whole of it stands in its title ---

const DAY = { month: "short", day: "numeric" };
const MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const STYLES = {
  whole: { dateStyle: "full", timeStyle: "long", hourCycle: "h23" },
  past: { ...MINUTE, second: "2-digit" },
  today: MINUTE,
  year: { ...DAY, ...MINUTE },
  ever: { ...DAY, ...MINUTE, year: "numeric" },
};
const made = {}; // each costs milliseconds, and few pages need all

function said(style, then) {
  made[style] ??= new Intl.DateTimeFormat(document.documentElement.lang, STYLES[style]);
  return made[style].format(then);
}

export function sayMoment(then, now = new Date()) {
  const exact = then <= now && then.getTime() % 60_000;
  if (then.toDateString() === now.toDateString()) return said(exact ? "past" : "today", then);
  return said(then.getFullYear() === now.getFullYear() ? "year" : "ever", then);
}

export function showLocalTimes(root) {
  showFieldsHere(root);
  showMeantFields(root);
  for (const time of root.querySelectorAll("time[data-local]")) {
    const then = new Date(time.dateTime);
    time.textContent = sayMoment(then);
    time.title = said("whole", then);
  }
}

showLocalTimes(document);

// --- the rail is longer than many a screen: it stays where it was, and shows where one is ---

const rail = document.getElementById("rail");

if (rail) {
  rail.scrollTop = Number(sessionStorage.getItem("rail") ?? 0);
  rail.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  addEventListener("pagehide", () => sessionStorage.setItem("rail", String(rail.scrollTop)));
}

// --- the trial of a revision: the kernel counts, the page only shows what is left ---

function showCountdowns() {
  for (const clock of document.querySelectorAll("[data-countdown]")) {
    const left = Math.max(0, Math.round((new Date(clock.dataset.countdown) - Date.now()) / 1000));
    const [hours, minutes, seconds] = [left / 3600, (left / 60) % 60, left % 60].map(Math.floor);
    const parts = hours ? [hours, minutes, seconds] : [minutes, seconds];
    clock.textContent = parts.map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(":");
  }
}

showCountdowns();
setInterval(showCountdowns, 500);
document.addEventListener("htmx:afterSwap", showCountdowns);
