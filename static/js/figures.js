// SPDX-License-Identifier: GPL-2.0-or-later
// Loss and jitter of the calls that stand in the page, as last measured; asked for again and again while one looks.

const PAUSE = 10000; // ms; samples come as often
const FIRST = 1500; // ms; by then the rows are there
const MUCH = { loss: 0.02, jitter: 30 }; // a share of the packets, and ms: what one begins to hear

const known = new Map(); // id of a call -> {out, in}
let asking = false;

async function ask(address) {
  const cells = [...document.querySelectorAll("[data-measured]")];
  if (!cells.length || document.hidden) return;
  const calls = new URLSearchParams(cells.map((cell) => ["call", cell.parentElement.dataset.id]));
  // Asked as a part of the page: it says nothing of whether somebody sits before it (appliance/gate.py).
  const answer = await fetch(`${address}?${calls}`, { headers: { "HX-Request": "true" } });
  if (!answer.headers.get("Content-Type")?.startsWith("application/json")) return;
  const told = await answer.json();
  known.clear();
  for (const [call, figures] of Object.entries(told)) known.set(call, figures);
}

/** The map of all figures, which grows and shrinks with what is measured. */
export function figuresFrom(address) {
  const round = () =>
    ask(address)
      .catch(() => {}) // the banner of the live state says what is away
      .finally(() => setTimeout(round, PAUSE));
  if (!asking) setTimeout(round, FIRST);
  asking = true;
  return known;
}

export function isPoor({ packets, lost, jitter }) {
  return lost / packets > MUCH.loss || jitter > MUCH.jitter;
}
