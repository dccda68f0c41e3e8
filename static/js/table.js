// SPDX-License-Identifier: GPL-2.0-or-later
// A live table: keyed rows painted in one animation frame. While the pointer or the focus is in it, rows stay where
// they are: new ones wait behind a button and ended ones keep their place.

import { kinds } from "./cells.js";
import { live } from "./live.js";

const SUMMARY_PAUSE = 10000; // ms between two spoken summaries

/** Every word must occur; one with a leading "-" must not. */
export function matches(row, query) {
  const text = Object.values(row)
    .map((value) => (typeof value === "string" ? value.toLowerCase() : ""))
    .join(" ");
  return query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word && word !== "-")
    .every((word) => (word.startsWith("-") ? !text.includes(word.slice(1)) : text.includes(word)));
}

export class LiveTable {
  #section;
  #body;
  #config;
  #shown = new Map(); // id -> {node, paint: [functions], row}
  #scheduled = false;
  #ready = false;
  #paused = false;
  #inside = false;
  #release = false; // the operator asked for the rows that wait
  #query = "";
  #arrived = 0;
  #spoken = 0;

  constructor(section) {
    this.#section = section.closest("[data-live-page]") ?? section;
    this.#body = section.querySelector("tbody");
    this.#config = JSON.parse(document.getElementById(section.dataset.config).textContent);
    this.#listen();
  }

  get topic() {
    return this.#config.topic;
  }

  #part(name) {
    return this.#section.querySelector(`[data-part="${name}"]`);
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
    this.#body.addEventListener("pointerleave", () => {
      this.#inside = false;
      this.schedule();
    });
    this.#part("arrivals").addEventListener("click", () => {
      this.#release = true;
      this.schedule();
    });
    this.#part("pause")?.addEventListener("click", (event) => {
      this.#paused = !this.#paused;
      event.currentTarget.setAttribute("aria-pressed", String(this.#paused));
      this.schedule();
    });
    this.#listenToFilter(this.#part("filter"));
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
      if (!this.#paused) this.#render();
    });
  }

  #wanted() {
    const { key, descending } = this.#config.order;
    const sign = descending ? -1 : 1;
    return [...live.rows(this.topic).values()]
      .filter((row) => matches(row, this.#query))
      .sort((one, other) => sign * (one[key] - other[key]) || (one.id < other.id ? -1 : 1));
  }

  #render() {
    const wanted = this.#wanted();
    const held = (this.#inside || this.#body.contains(document.activeElement)) && this.#shown.size > 0 && !this.#release;
    const waiting = held ? wanted.filter((row) => !this.#shown.has(row.id)).length : 0;
    this.#release = false;
    if (held) {
      for (const row of wanted) if (this.#shown.has(row.id)) this.#shown.get(row.id).row = row;
    } else {
      this.#place(wanted);
    }
    for (const entry of this.#shown.values()) this.#paint(entry);
    this.#showWaiting(waiting);
    const known = live.rows(this.topic).size;
    this.#part("empty").hidden = known > 0;
    this.#part("no-match").hidden = known === 0 || this.#shown.size > 0;
    this.#speak();
  }

  #place(wanted) {
    const ids = new Set(wanted.map((row) => row.id));
    const first = this.#shown.size === 0;
    for (const [id, entry] of this.#shown) {
      if (ids.has(id)) continue;
      entry.node.remove();
      this.#shown.delete(id);
    }
    let next = this.#body.firstElementChild;
    for (const row of wanted) {
      const entry = this.#shown.get(row.id) ?? this.#build(row, first);
      entry.row = row;
      if (entry.node === next) next = next.nextElementSibling;
      else this.#body.insertBefore(entry.node, next);
    }
  }

  #build(row, quietly) {
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
    if (!quietly) {
      node.classList.add("arrived");
      this.#arrived += 1;
    }
    const entry = { node, paint, row };
    this.#shown.set(row.id, entry);
    return entry;
  }

  #paint({ node, paint, row }) {
    const state = row[this.#config.state];
    node.dataset.state = state;
    node.dataset.ended = String(this.#config.ended.includes(state));
    for (const write of paint) write(row);
  }

  #showWaiting(waiting) {
    const button = this.#part("arrivals");
    button.hidden = waiting === 0;
    button.querySelector("span").textContent = String(waiting);
  }

  #speak() {
    if (!this.#arrived || Date.now() - this.#spoken < SUMMARY_PAUSE) return;
    this.#part("summary").textContent = this.#config.summary
      .replace("{rows}", this.#shown.size)
      .replace("{new}", this.#arrived);
    this.#spoken = Date.now();
    this.#arrived = 0;
  }
}
