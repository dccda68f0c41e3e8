// SPDX-License-Identifier: GPL-2.0-or-later
// The proof before changes on trial are kept. That this page still loads proves nothing: connections that stand outlive
// a rule that cuts off new ones. A WebSocket of its own is a new connection, and only who is signed in hears its first
// word. Until one got through, *Keep changes* waits; what nobody keeps goes back by itself.

const PAUSE = 1500; // ms between two attempts
const PATIENCE = 4000; // ms for one

let proven = ""; // number of the revision
let trying = false;
let failed = false;

function show() {
  const keep = document.querySelector("[data-keep]");
  if (!keep) return;
  const through = keep.dataset.keep === proven;
  for (const button of document.querySelectorAll("[data-keep]")) button.disabled = !through;
  for (const said of document.querySelectorAll("[data-cut-off]")) said.hidden = through || !failed;
  if (!through && !trying) prove(keep.dataset.keep);
}

function prove(number) {
  trying = true;
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`);
  const patience = setTimeout(() => socket.close(), PATIENCE);
  socket.addEventListener("open", () => socket.send(JSON.stringify({ subscribe: ["health"] })));
  socket.addEventListener("message", () => {
    proven = number;
    socket.close();
  });
  socket.addEventListener("close", () => {
    clearTimeout(patience);
    failed = proven !== number;
    setTimeout(() => {
      trying = false;
      show();
    }, failed ? PAUSE : 0);
    if (failed) show();
  });
}

document.body.addEventListener("htmx:afterSwap", show);
show();
