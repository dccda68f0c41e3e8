// SPDX-License-Identifier: GPL-2.0-or-later
// Moving a rule by its handle, with mouse, pen or finger. Everything it does, buttons, keys and the menu do as well.

const EDGE = 48; // pixels to the window's within which the page rolls
const STEP = 12; // pixels of a turn

let row = null; // that is dragged
let place = null; // {other, below}
let at = 0; // of the pointer, in the window
let frame = 0;

const rows = () => [...document.querySelectorAll("#rule-list tr[data-row]")].filter((each) => each.checkVisibility());

/** Above or below which row the pointer is. */
function find() {
  const all = rows().filter((each) => each !== row);
  for (const other of all) {
    const { top, bottom } = other.getBoundingClientRect();
    if (at < bottom) return { other, below: at > (top + bottom) / 2 };
  }
  return all.length ? { other: all.at(-1), below: true } : null;
}

/** Whether the row stands there already. */
function there(dragged, { other, below }) {
  const all = rows();
  const neighbour = all[all.indexOf(dragged) + (below ? -1 : 1)];
  return neighbour === other && other.dataset.section === dragged.dataset.section;
}

function mark() {
  for (const each of document.querySelectorAll("[data-drop]")) delete each.dataset.drop;
  place = find();
  if (place) place.other.dataset.drop = place.below ? "below" : "above";
}

function roll() {
  if (!row) return;
  const step = at < EDGE ? -STEP : at > innerHeight - EDGE ? STEP : 0;
  if (step) {
    scrollBy(0, step);
    mark();
  }
  frame = requestAnimationFrame(roll);
}

function end() {
  cancelAnimationFrame(frame);
  for (const each of document.querySelectorAll("[data-drop]")) delete each.dataset.drop;
  row?.classList.remove("is-dragged");
  row = place = null;
}

document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest("[data-grip]");
  if (!grip || event.button) return;
  event.preventDefault(); // no text is selected
  grip.setPointerCapture(event.pointerId);
  row = grip.closest("tr");
  row.classList.add("is-dragged");
  at = event.clientY;
  frame = requestAnimationFrame(roll);
});

document.addEventListener("pointermove", (event) => {
  if (!row) return;
  at = event.clientY;
  mark();
});

document.addEventListener("pointerup", () => {
  if (!row) return;
  const [dragged, target] = [row, place];
  end();
  if (!target || there(dragged, target)) return;
  const form = dragged.querySelector("[data-move]");
  htmx.ajax("POST", form.action, {
    source: form,
    target: "#rule-list",
    select: "#rule-list",
    swap: "outerHTML settle:0ms",
    values: { [target.below ? "after" : "before"]: target.other.dataset.id },
  });
});

document.addEventListener("pointercancel", end);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && row) end();
});
