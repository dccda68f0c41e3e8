// SPDX-License-Identifier: GPL-2.0-or-later
// A live table: keyed rows painted in one animation frame. While the pointer or the focus is in it, rows stay where
// they are: new ones wait behind a button and ended ones keep their place. Of thousands, those that can be seen are
// in the page (window.js).

import { kinds, property } from "./cells.js";
import { live } from "./live.js";
import { RowWindow } from "./window.js";

const SUMMARY_PAUSE = 10000; // ms between two spoken summaries
const CALM = 2000; // ms; a new row is marked where none came for so long: where they come all the time it says nothing

const texts = new WeakMap(); // row -> what a filter looks at; a row that changes is another object

function textOf(row) {
  let text = texts.get(row);
  if (text === undefined) {
    const words = Object.values(row).filter((value) => typeof value === "string");
    texts.set(row, (text = words.join(" ").toLowerCase()));
  }
  return text;
}

/** Whether one word of a filter holds: "dport:5060" exactly, any other word anywhere in the row's text. */
function holds(row, word) {
  const colon = word.indexOf(":");
  const [key, value] = [word.slice(0, colon), word.slice(colon + 1)];
  if (colon > 0 && value && Object.hasOwn(row, key)) return String(row[key]).toLowerCase() === value;
  return textOf(row).includes(word);
}

/** A test for rows: every word must hold; one with a leading "-" must not. As in appliance/kernel/kept_lines.py. */
export function matching(query) {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word && word !== "-");
  return (row) => words.every((word) => (word.startsWith("-") ? !holds(row, word.slice(1)) : holds(row, word)));
}

export class LiveTable {
  #table;
  #section; // the page's part with filter and pause, which several tables may share
  #body;
  #config;
  #window;
  #order = new Map(); // id -> row as it is shown, from top to bottom
  #fresh = new Set(); // ids that have come since the last frame
  #built = new Map(); // id -> {node, paint: [functions]}: the rows of #order that are in the page
  #scheduled = false;
  #ready = false;
  #paused = false;
  #inside = false;
  #following = false; // new rows come in whatever the pointer does
  #release = false; // the operator asked for the rows that wait
  #query = "";
  #arrived = 0;
  #cameLast = 0;
  #spoken = 0;
  #empty;
  #noMatch;
  #nothingWaits;
  #waiting;

  constructor(section) {
    this.#table = section;
    this.#section = section.closest("[data-live-page]") ?? section;
    this.#body = section.querySelector("tbody");
    this.#config = JSON.parse(document.getElementById(section.dataset.config).textContent);
    this.#window = new RowWindow(this.#body, this.#config.columns.length, () => this.schedule());
    this.#empty = property(this.#part("empty"), "hidden");
    this.#noMatch = property(this.#part("no-match"), "hidden");
    this.#nothingWaits = property(this.#part("arrivals"), "hidden");
    this.#waiting = property(this.#part("arrivals").querySelector("span"), "textContent");
    this.#listen();
  }

  get topic() {
    return this.#config.topic;
  }

  #part(name) {
    const wanted = `[data-part="${name}"]`;
    return this.#table.querySelector(wanted) ?? this.#section.querySelector(wanted);
  }

  #listen() {
    live.addEventListener("change", (event) => {
      if (event.detail.topic !== this.topic) return;
      this.#ready = true;
      this.schedule();
    });
    setInterval(() => this.schedule(), 1000); // durations
    this.#body.addEventListener("pointerenter", (event) => {
      this.#inside = event.pointerType === "mouse";
    });
    const arrivals = this.#part("arrivals");
    const left = ({ relatedTarget: next }) => {
      if (arrivals.contains(next) || this.#body.contains(next)) return; // from the rows to the button, or back
      this.#inside = false;
      this.schedule();
    };
    this.#body.addEventListener("pointerleave", left);
    arrivals.addEventListener("pointerleave", left);
    arrivals.addEventListener("click", (event) => {
      if (event.detail) this.#inside = false; // the button goes from below the pointer, which is over no row
      this.#release = true;
      this.schedule();
    });
    this.#part("pause")?.addEventListener("click", (event) => {
      this.#paused = !this.#paused;
      event.currentTarget.setAttribute("aria-pressed", String(this.#paused));
      this.schedule();
    });
    this.#part("follow")?.addEventListener("click", (event) => {
      this.#following = !this.#following;
      event.currentTarget.setAttribute("aria-pressed", String(this.#following));
      this.schedule();
    });
    this.#listenToFilter(this.#part("filter"));
    this.#listenToValues(this.#part("filter"));
  }

  /** A value of a row is a filter; with Shift, all but it is shown. A click beside values opens the row. */
  #listenToValues(input) {
    this.#body.addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-term]");
      if (chosen && input) {
        const term = (event.shiftKey ? "-" : "") + chosen.dataset.term;
        input.value = [...input.value.split(/\s+/).filter((word) => word && word !== term), term].join(" ");
        input.dispatchEvent(new Event("input"));
      } else if (!event.target.closest("a, button") && getSelection().isCollapsed) {
        event.target.closest("tr")?.querySelector("[data-opens]")?.click();
      }
    });
  }

  #listenToFilter(input) {
    if (!input) return;
    const address = new URL(location);
    input.value = this.#query = address.searchParams.get("q") ?? "";
    input.addEventListener("input", () => {
      this.#query = input.value;
      if (this.#query) address.searchParams.set("q", this.#query);
      else address.searchParams.delete("q");
      history.replaceState(null, "", address);
      this.#release = true;
      this.schedule();
    });
  }

  schedule() {
    if (this.#scheduled || !this.#ready) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      if (!this.#paused) this.#take();
      this.#show();
    });
  }

  #wanted() {
    const { key, descending } = this.#config.order;
    const sign = descending ? -1 : 1;
    return [...live.rows(this.topic).values()]
      .filter(matching(this.#query))
      .sort((one, other) => sign * (one[key] - other[key]) || (one.id < other.id ? -1 : 1));
  }

  /** Note what is to be shown, and in which order. */
  #take() {
    const wanted = this.#wanted();
    const before = this.#order;
    const busy = this.#inside || this.#body.contains(document.activeElement);
    const held = busy && !this.#following && before.size > 0 && !this.#release;
    this.#release = false;
    const arrived = wanted.filter((row) => !before.has(row.id));
    if (held) {
      for (const row of wanted) if (before.has(row.id)) before.set(row.id, row);
    } else {
      this.#order = new Map(wanted.map((row) => [row.id, row]));
      if (before.size && arrived.length) this.#note(arrived);
    }
    const known = live.rows(this.topic).size;
    this.#showWaiting(held ? arrived.length : 0);
    this.#empty(known > 0);
    this.#noMatch(known === 0 || this.#order.size > 0);
    this.#speak();
  }

  #note(arrived) {
    const calm = performance.now() - this.#cameLast > CALM;
    this.#cameLast = performance.now();
    if (calm) this.#fresh = new Set(arrived.map((row) => row.id));
    this.#arrived += arrived.length;
  }

  /** Bring the rows of the window into the page. */
  #show() {
    const rows = [...this.#order.values()];
    const [from, to] = this.#window.range(rows.length);
    this.#place(rows, from, to);
    this.#window.pad(from, to, rows.length);
    this.#fresh.clear();
    if (this.#paused) return;
    for (const [id, entry] of this.#built) this.#paint(entry, this.#order.get(id));
  }

  #place(rows, from, to) {
    const wanted = rows.slice(from, to);
    const ids = new Set(wanted.map((row) => row.id));
    for (const [id, entry] of this.#built) {
      if (ids.has(id)) continue;
      entry.node.remove();
      this.#built.delete(id);
    }
    const whole = wanted.length === rows.length;
    let next = this.#body.firstElementChild;
    for (const [place, row] of wanted.entries()) {
      const { node } = this.#built.get(row.id) ?? this.#build(row);
      if (node === next) next = next.nextElementSibling;
      else this.#body.insertBefore(node, next);
      const index = whole ? null : String(from + place + 2); // the head is the first
      if (node.ariaRowIndex !== index) node.ariaRowIndex = index;
    }
    const [table, count] = [this.#body.parentElement, whole ? null : String(rows.length + 1)];
    if (table.ariaRowCount !== count) table.ariaRowCount = count;
  }

  #build(row) {
    const node = document.createElement("tr");
    node.dataset.id = row.id;
    const paint = this.#config.columns.map((column) => {
      const cell = document.createElement("td");
      cell.dataset.col = column.key;
      cell.dataset.label = column.label;
      cell.className = column.css;
      node.append(cell);
      return kinds[column.kind](cell, column);
    });
    if (this.#fresh.has(row.id)) node.classList.add("arrived");
    const entry = { node, paint, state: property(node.dataset, "state"), ended: property(node.dataset, "ended") };
    this.#built.set(row.id, entry);
    this.#paint(entry, row);
    return entry;
  }

  #paint({ paint, state: saidState, ended }, row) {
    const state = row[this.#config.state];
    saidState(state);
    ended(String(this.#config.ended.includes(state)));
    for (const write of paint) write(row);
  }

  #showWaiting(waiting) {
    this.#nothingWaits(waiting === 0);
    this.#waiting(String(waiting));
  }

  #speak() {
    if (!this.#arrived || Date.now() - this.#spoken < SUMMARY_PAUSE) return;
    this.#part("summary").textContent = this.#config.summary
      .replace("{rows}", this.#order.size)
      .replace("{new}", this.#arrived);
    this.#spoken = Date.now();
    this.#arrived = 0;
  }
}
