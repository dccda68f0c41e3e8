// SPDX-License-Identifier: GPL-2.0-or-later
// One WebSocket per page: a copy of each subscribed topic, kept current by snapshot and numbered deltas.
// The frames are those of sipalg_core/contract/events.py. Nothing here touches the page.

const FIRST_RETRY = 500; // ms; doubles up to LAST_RETRY, with jitter so that many pages do not return at once
const LAST_RETRY = 8000;
const QUIET = 2000; // ms without a frame, then we ask for one
const PATIENCE = 2000; // ms to wait for the answer before the connection counts as lost
const SIGNED_OUT = 4401; // close code

class Live extends EventTarget {
  #copies = new Map(); // topic -> {rows: Map(id -> row), seq, asked}
  #socket = null;
  #retry = FIRST_RETRY;
  #heard = 0;
  #probe = 0;

  state = "connecting";
  since = Date.now() / 1000;
  offset = 0; // server clock minus ours, seconds

  /** Connect, and keep copies of these topics. */
  start(topics) {
    for (const topic of topics) this.#copy(topic);
    this.#open();
    setInterval(() => this.#watch(), 1000);
    addEventListener("online", () => this.#lost());
    document.addEventListener("visibilitychange", () => {
      this.#send({ hidden: document.hidden });
      if (!document.hidden) this.#ask();
    });
  }

  /** A copy of one more topic, from now on. */
  follow(topic) {
    if (this.#copies.has(topic)) return;
    this.#copy(topic);
    this.#send({ subscribe: [topic] });
  }

  /** Nobody is signed in any more: what is shown stays, nothing new comes. */
  end() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#become("signed_out");
  }

  /** What the page brought of a topic, until its first snapshot is there; before `start`, too. */
  seed(topic, rows) {
    const copy = this.#copy(topic);
    if (copy.seq === null) copy.rows = new Map(rows.map((row) => [row.id, row]));
  }

  rows(topic) {
    return this.#copies.get(topic).rows;
  }

  #copy(topic) {
    if (!this.#copies.has(topic)) this.#copies.set(topic, { rows: new Map(), seq: null, asked: false });
    return this.#copies.get(topic);
  }

  /** Server time, Unix seconds. */
  now() {
    return Date.now() / 1000 + this.offset;
  }

  #open() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`);
    this.#socket = socket;
    this.#heard = Date.now();
    socket.addEventListener("open", () => {
      this.#send({ subscribe: [...this.#copies.keys()] });
      if (document.hidden) this.#send({ hidden: true });
    });
    socket.addEventListener("message", (event) => {
      if (socket === this.#socket) this.#receive(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.#socket) return;
      if (event.code === SIGNED_OUT) this.end();
      else this.#lost();
    });
  }

  #lost() {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.close();
    this.#become("offline");
    setTimeout(() => this.#open(), this.#retry * (0.5 + Math.random()));
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY);
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #ask() {
    this.#probe = Date.now();
    this.#send({ resync: "health" }); // the smallest topic
  }

  #watch() {
    if (!this.#socket || document.hidden) return; // a hidden page hears a word in five seconds, if that
    const quiet = Date.now() - this.#heard;
    if (this.#probe > this.#heard && Date.now() - this.#probe > PATIENCE) this.#lost();
    else if (this.#probe <= this.#heard && quiet > QUIET) this.#ask();
  }

  #become(state, since = Date.now() / 1000) {
    if (state === this.state) return;
    this.state = state;
    this.since = since;
    this.dispatchEvent(new Event("state"));
  }

  #receive(frame) {
    this.#heard = Date.now();
    this.#retry = FIRST_RETRY;
    if (frame.t) this.offset = frame.t - Date.now() / 1000;
    if (frame.topic === "live") {
      this.#become(frame.state, frame.since);
      return;
    }
    if (this.state === "connecting" || this.state === "offline") this.#become("live");
    const copy = this.#copies.get(frame.topic);
    if (!copy || frame.error) return;
    if (frame.kind === "snapshot") {
      copy.rows = new Map(frame.rows.map((row) => [row.id, row]));
      copy.seq = frame.seq;
      copy.asked = false;
    } else if (frame.kind === "delta") {
      if (copy.seq === null || frame.seq <= copy.seq) return; // older than our snapshot
      if (frame.seq !== copy.seq + 1) {
        if (!copy.asked) this.#send({ resync: frame.topic });
        copy.asked = true;
        return;
      }
      copy.seq = frame.seq;
      for (const op of frame.ops) {
        if (op.op === "put") copy.rows.set(op.row.id, op.row);
        else copy.rows.delete(op.id);
      }
    }
    this.dispatchEvent(new CustomEvent("change", { detail: { topic: frame.topic, kind: frame.kind } }));
  }
}

export const live = new Live();
