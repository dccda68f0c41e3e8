// SPDX-License-Identifier: GPL-2.0-or-later
// The list of rules under one's hands: choosing several, the menu of a row, finding a place to move to. Filtering it
// and dragging are files of their own.

import "./drag.js";
import "./filter.js";

// --- choosing: with Shift from the last one to this one ---

let last = null;

const boxes = () =>
  [...document.querySelectorAll('input[form="chosen"][name="rule"]')].filter((box) => box.checkVisibility());

function showChosen() {
  const bar = document.getElementById("chosen");
  if (!bar) return;
  const count = boxes().filter((box) => box.checked).length;
  bar.hidden = !count;
  document.documentElement.toggleAttribute("data-choosing", count > 0); // what has the focus is seen below the bar
  bar.querySelector("[data-count]").textContent = count;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest('input[form="chosen"]');
  if (!box) return;
  const all = boxes();
  const from = all.findIndex((each) => each.value === last);
  if (event.shiftKey && from >= 0) {
    const [first, end] = [from, all.indexOf(box)].sort((a, b) => a - b);
    for (const each of all.slice(first, end + 1)) each.checked = box.checked;
  }
  last = box.value;
  showChosen();
});

// --- sections can be folded, as long as the browser's window is open; what a filter finds is shown all the same ---

const FOLDED = "folded-sections";
const folded = new Set(JSON.parse(sessionStorage.getItem(FOLDED) ?? "[]"));

function showFolds() {
  for (const button of document.querySelectorAll("[data-fold]")) {
    const section = button.dataset.fold;
    const rows = document.querySelectorAll(`#rule-list tr[data-row][data-section="${CSS.escape(section)}"]`);
    button.setAttribute("aria-expanded", String(!folded.has(section)));
    button.querySelector("[data-count]").textContent = folded.has(section) ? rows.length : "";
    for (const row of rows) row.toggleAttribute("data-folded", folded.has(section));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fold]");
  if (!button) return;
  const section = button.dataset.fold;
  if (!folded.delete(section)) folded.add(section);
  sessionStorage.setItem(FOLDED, JSON.stringify([...folded]));
  showFolds();
  for (const box of document.querySelectorAll("tr[data-folded] input[name=rule]:checked")) box.click();
});

folded.delete(document.getElementById(location.hash.slice(1))?.closest("[data-row]")?.dataset.section); // a link's rule
showFolds();

// --- the menu of a row: one for all of them, beside the button that opened it ---

const menu = document.getElementById("row-menu");
const EDGE = 8; // pixels to the window's

function beside(popup, button) {
  const place = button.getBoundingClientRect();
  const below = place.bottom + popup.offsetHeight + EDGE < innerHeight;
  popup.style.top = `${Math.max(EDGE, below ? place.bottom : place.top - popup.offsetHeight)}px`;
  popup.style.left = `${Math.max(EDGE, Math.min(place.right, innerWidth - EDGE) - popup.offsetWidth)}px`;
}

for (const popup of document.querySelectorAll(".popup.beside")) {
  popup.addEventListener("toggle", (event) => {
    const button = document.activeElement.closest(`[popovertarget="${popup.id}"]`);
    if (event.newState === "open" && button) beside(popup, button);
  });
  popup.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...popup.querySelectorAll("a, button")];
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  });
  popup.addEventListener("click", (event) => {
    if (event.target.closest("a, button")) setTimeout(() => popup.hidePopover());
  });
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target === menu) menu.replaceChildren();
});

// --- after a change the list is another: the focus is kept, what is chosen is not ---

let focused = "";

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "rule-list") {
    focused = document.activeElement?.closest("[data-row]")?.querySelector("[id^='rule-']")?.closest("[data-row]").dataset.id;
  }
});

document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.closest("#row-menu")) {
    beside(menu, document.activeElement.closest("[popovertarget]") ?? menu);
    menu.querySelector("a, button")?.focus();
  }
  if (event.target.closest("#rule-list")) {
    showChosen();
    showFolds();
    if (focused) document.getElementById(`rule-${focused}`)?.focus();
    focused = "";
  }
});

// --- one rule was switched: others may be covered, or free, now ---

function showStates() {
  const told = document.getElementById("rule-states");
  if (!told) return;
  const [states, draft] = [document.querySelectorAll("template[data-state]"), document.getElementById("draft-mark")];
  const marks = new Map([...states].map((template) => [template.dataset.state, template.content]));
  for (const [id, name, changed] of JSON.parse(told.textContent)) {
    const cell = document.getElementById(`rule-${id}-state`);
    const now = cell?.querySelector("[data-rule-state]").dataset.ruleState;
    if (!cell || (now === name && Boolean(cell.querySelector("[data-draft]")) === changed)) continue;
    cell.replaceChildren(marks.get(name).cloneNode(true), ...(changed ? [draft.content.cloneNode(true)] : []));
  }
}

document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "rules-bar") showStates();
});

// --- a list that grows narrow while one types; Enter takes the first ---

document.addEventListener("input", (event) => {
  if (!event.target.dataset.narrow) return;
  const words = event.target.value.toLocaleLowerCase().split(/\s+/);
  for (const item of document.querySelectorAll(`${event.target.dataset.narrow} > li`)) {
    const text = item.textContent.toLocaleLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.dataset?.narrow) return;
  event.preventDefault();
  document.querySelector(`${event.target.dataset.narrow} > li:not([hidden]) button`)?.click();
});
