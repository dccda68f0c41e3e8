// SPDX-License-Identifier: GPL-2.0-or-later
// The ladder of one call as SVG: lanes, one line a message, two bars a media stream. It draws what it is given and
// knows nothing of where that comes from. Order is the engine's numbering, never the clock.

import { fill, number, timeOfDay } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const NARROW = 640; // px; below it the firewall is one lane
const ROW = 46;
const BAR = 26;
const TOP = 10;
const HEAD = 8; // length of an arrow's head
const TIP = 9; // length of a bar's
const AXIS = 14; // below bars of which one has a gap
const NARROWEST = 3; // px; a gap that is shorter would not be seen

function add(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

export function hostOf(endpoint) {
  return endpoint.replace(/:[^:\]]*$/, "").replace(/^\[|\]$/g, "");
}

const numberOf = (row) => Number(row.id.slice(row.id.lastIndexOf("m") + 1));

/** By the engine's numbering in each leg; several legs are laid together by time, and each keeps its own order. */
function inOrder(messages) {
  const legs = new Map();
  for (const row of messages) legs.set(row.leg, [...(legs.get(row.leg) ?? []), row]);
  const waiting = [...legs.values()].map((rows) => rows.sort((one, other) => numberOf(one) - numberOf(other)));
  const all = [];
  for (let left = messages.length; left; left--) {
    const next = waiting.filter((rows) => rows.length).reduce((one, other) => (other[0].t < one[0].t ? other : one));
    all.push(next.shift());
  }
  return all;
}

/** "INVITE" or "486 Busy Here"; a phrase that is missing is said in our words. */
export function what(message, config) {
  if (!message.status) return message.method;
  return `${message.status} ${message.phrase || config.statuses[message.status] || message.method}`;
}

/** Messages in order, each with how often it came; its repetitions are left out, or follow it as rows of their own. */
export function collapsed(messages, expanded) {
  const sorted = inOrder(messages);
  const times = new Map();
  for (const row of sorted) times.set(row.repeats || row.id, (times.get(row.repeats || row.id) ?? 0) + 1);
  const rows = [];
  const told = new Set();
  for (const message of sorted) {
    if (!message.repeats) rows.push({ message, repeated: 0 });
    else if (expanded) rows.push({ message, repeated: 1 });
    else if (!told.has(message.repeats)) rows.push({ message, repeated: times.get(message.repeats) - 1 });
    told.add(message.repeats);
  }
  return rows;
}

const ASKS = new Set([401, 407]); // for a password: an ordinary step, and no failure

export class Ladder {
  #svg;
  #head;
  #config;
  #lanes = [];
  #width = 0;
  #ended = null; // when the call did, or null
  #now = 0;
  #bars = new Map(); // id of a stream -> {group, y}
  selected = null; // id of a message

  get lanes() {
    return this.#lanes;
  }

  constructor(svg, head, config) {
    this.#svg = svg;
    this.#head = head;
    this.#config = config;
  }

  /** Pixels across; 0 before the page is laid out, when there is nothing to draw on. */
  get room() {
    return this.#svg.parentElement.clientWidth;
  }

  /** `streams` are openings that carry media; what is of another leg than the call's own says so by its `leg`; `options`: delta (times since the message before), repeats (shown each), now. */
  draw(call, messages, streams, options) {
    this.#width = this.room;
    this.#ended = call?.ended ?? null;
    this.#now = options.now;
    this.#layOut(call, messages, streams);
    const focused = this.#svg.contains(document.activeElement);
    this.#svg.replaceChildren();
    this.#bars.clear();
    const lines = add(this.#svg, "g", { class: "lifelines" });
    let y = TOP;
    let before = null;
    for (const row of this.#withStreams(collapsed(messages, options.repeats), streams)) {
      if (row.stream) y = this.#stream(row.stream, y);
      else {
        this.#message(row, y, options.delta && before ? `+${(row.message.t - before).toFixed(3)}` : clock(row.message.t, this.narrow));
        before = row.message.t;
        y += ROW;
      }
    }
    for (const lane of this.#lanes) add(lines, "line", { x1: lane.x, x2: lane.x, y1: 0, y2: y, class: "lifeline" });
    this.#svg.setAttribute("height", y);
    this.#svg.setAttribute("width", this.#width);
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${y}`);
    this.#mark(focused);
  }

  /** The bars anew, and nothing else: messages are pressed and read while packets are counted. */
  recount(streams, now) {
    this.#now = now;
    for (const stream of streams) {
      const { group, y } = this.#bars.get(stream.id);
      group.replaceChildren();
      this.#fill(group, stream, y);
    }
  }

  get narrow() {
    return this.#width < NARROW;
  }

  /** The groups of the messages, in their order. */
  get entries() {
    return [...this.#svg.querySelectorAll("[data-message]")];
  }

  select(id, focus) {
    this.selected = id;
    this.#mark(focus);
  }

  #mark(focus) {
    const entries = this.entries;
    const current = entries.find((entry) => entry.dataset.message === this.selected) ?? entries[0];
    for (const entry of entries) {
      entry.setAttribute("tabindex", entry === current ? "0" : "-1");
      entry.classList.toggle("is-selected", entry.dataset.message === this.selected);
    }
    if (focus) current?.focus();
  }

  // --- lanes ---

  #layOut(call, messages, streams) {
    const text = this.#config.lanes;
    const outward = messages.find((row) => row.side === "internal" && row.sent_to);
    const inward = messages.find((row) => row.side === "external");
    const provider = outward ? outward.sent_to : (inward?.source ?? "");
    const ours = outward ? outward.sent_from : (inward?.destination ?? "");
    const media = streams.map((row) => hostOf(row.external)).find((host) => host && host !== hostOf(provider));
    const lanes = [["phone", text.phone, call ? call.internal : (messages[0]?.source ?? "")]];
    if (this.narrow) lanes.push(["firewall", text.firewall, ours]);
    else lanes.push(["inside", text.inside, provider ? `= ${provider}` : ""], ["outside", text.outside, ours]);
    lanes.push(["provider", call?.provider || text.provider, provider]);
    if (media) lanes.push(["media", text.media, media]);
    const left = this.narrow ? 62 : 104;
    const step = (this.#width - left) / lanes.length;
    this.#lanes = lanes.map(([key, name, address], at) => ({ key, name, address, x: left + step * (at + 0.5) }));
    this.#head.style.setProperty("--time", `${left}px`);
    this.#head.replaceChildren(
      ...this.#lanes.map(({ name, address }) => {
        const lane = document.createElement("div");
        const title = document.createElement("strong");
        const below = document.createElement("small");
        title.textContent = name;
        below.textContent = address;
        lane.title = address;
        lane.append(title, below);
        return lane;
      }),
    );
  }

  #x(key) {
    const lane = this.#lanes.find((each) => each.key === key) ?? this.#lanes.find((each) => each.key === "firewall");
    return lane ? lane.x : this.#lanes.at(-2).x;
  }

  /** A stream stands behind the message that opened it. */
  #withStreams(rows, streams) {
    const all = [...rows];
    for (const stream of [...streams].sort((one, other) => one.opened - other.opened)) {
      let at = all.findLastIndex((row) => row.message?.t <= stream.opened) + 1;
      while (all[at]?.stream) at++;
      all.splice(at, 0, { stream });
    }
    return all;
  }

  // --- a message ---

  #message({ message, repeated }, y, time) {
    const inward = message.side === "external";
    const name = what(message, this.#config);
    const group = add(this.#svg, "g", {
      class: `entry${message.status ? ` status-${ASKS.has(message.status) ? "asks" : Math.floor(message.status / 100)}` : " request"}${repeated ? " repeated" : ""}`,
      role: "button",
      "data-message": message.id,
      "aria-label": this.#spoken(message, repeated, name),
    });
    const base = y + ROW - 14;
    add(group, "rect", { x: 2, y: y + 1, width: this.#width - 4, height: ROW - 2, rx: 6, class: "hit" });
    add(group, "text", { x: 10, y: base + 4, class: "time" }, time);
    const [from, near, far, to] = inward
      ? [this.#x("provider"), this.#x("outside"), this.#x("inside"), this.#x("phone")]
      : [this.#x("phone"), this.#x("inside"), this.#x("outside"), this.#x("provider")];
    this.#label(group, message, repeated, name, { x: inward ? from - 4 : from + 4, y: base - 13, "text-anchor": inward ? "end" : "start" });
    this.#arrow(group, from, near, base, message.sent_to && near === far ? "" : "head");
    if (message.sent_to) this.#through(group, message, near, far, to, base);
    else this.#stop(group, message, from, near, base);
  }

  /** Above the line, from where the message comes; it may reach over the firewall. */
  #label(group, message, repeated, name, place) {
    const shown = this.narrow && name.length > 18 ? `${name.slice(0, 17)}…` : name;
    const label = add(group, "text", { ...place, class: "label" });
    add(label, "tspan", {}, shown);
    if (message.sdp) add(label, "tspan", { class: "sdp", dx: 6 }, this.#config.words.sdp);
    if (message.leg) add(label, "tspan", { class: "leg", dx: 6 }, message.leg);
    if (repeated > 1) add(label, "tspan", { dx: 6, class: "times" }, `×${repeated}`);
    else if (repeated) add(label, "tspan", { dx: 6, class: "times" }, this.#config.words.repeated);
  }

  #arrow(group, from, to, y, kind) {
    const way = Math.sign(to - from);
    add(group, "line", { x1: from, x2: kind ? to - way * HEAD : to, y1: y, y2: y, class: "wire" });
    if (kind) add(group, "path", { d: `M${to} ${y} l${-way * HEAD} -4 v8 z`, class: "head" });
  }

  #through(group, message, near, far, to, y) {
    const { words } = this.#config;
    this.#arrow(group, far, to, y, "head");
    const changed = message.changes > 0;
    const text = !changed ? "=" : this.narrow ? String(message.changes) : this.#changes(message);
    const width = this.narrow ? 24 : Math.max(Math.abs(far - near) - 18, 30);
    const middle = (near + far) / 2;
    const kind = !message.applied ? "would" : changed ? "changed" : "same";
    add(group, "rect", { x: middle - width / 2, y: y - 10, width, height: 20, rx: 10, class: `pill ${kind}` });
    const shown = kind === "same" && !this.narrow ? words.unchanged : text;
    add(group, "text", { x: middle, y: y + 4, "text-anchor": "middle", class: `pill-text ${kind}` }, shown);
  }

  #changes(message) {
    const { words } = this.#config;
    if (!message.applied) return fill(words.would_change, { n: message.changes });
    return message.changes === 1 ? words.change : fill(words.changes, { n: message.changes });
  }

  /** It did not go on; where we answered it ourselves, the answer goes back on the same line. */
  #stop(group, message, from, near, y) {
    const { words } = this.#config;
    add(group, "path", { d: `M${near - 5} ${y - 5} l10 10 m0 -10 l-10 10`, class: "stopped" });
    const text = message.answered ? fill(words.answered, { status: message.answered }) : words.stopped;
    const inward = from > near;
    add(group, "text", { x: near + (inward ? -10 : 10), y: y + 4, "text-anchor": inward ? "end" : "start", class: "why" }, text);
  }

  #spoken(message, repeated, name) {
    const { words, lanes } = this.#config;
    let text = message.sdp ? fill(words.with_sdp, { what: name }) : name;
    if (repeated > 1) text = fill(words.repeats, { what: text, n: repeated });
    else if (repeated) text = `${text}, ${words.repeated}`;
    if (message.leg) text = `${text}, ${message.leg}`;
    const changes = message.sent_to ? (message.changes ? this.#changes(message) : words.unchanged) : words.stopped;
    const lane = message.side === "external" ? lanes.provider : lanes.phone;
    return fill(words.message, { time: clock(message.t, false), what: text, lane, changes });
  }

  // --- media ---

  /** Returns where the next row begins. */
  #stream(stream, y) {
    const group = add(this.#svg, "g", { class: "stream" });
    this.#bars.set(stream.id, { group, y });
    this.#fill(group, stream, y);
    return y + 2 * BAR + 10 + (isInterrupted(stream) ? AXIS : 0);
  }

  /** Within a bar time runs from left to right whichever way the packets go, so that gaps can be compared. */
  #fill(group, stream, y) {
    const far = this.#lanes.some((lane) => lane.key === "media") && hostOf(stream.external) === this.#lanes.at(-1).address;
    const ends = [this.#x("phone"), this.#x(far ? "media" : "provider")];
    const until = Math.min(stream.closed ?? Infinity, this.#ended ?? Infinity, this.#now);
    this.#bar(group, stream, ends, y + 4, "out", until);
    this.#bar(group, stream, ends, y + 4 + BAR, "in", until);
    if (!isInterrupted(stream)) return;
    const axis = { y: y + 2 * BAR + 13, class: "axis", "aria-hidden": "true" };
    add(group, "text", { ...axis, x: ends[0] + 4 }, timeOfDay(stream.opened));
    add(group, "text", { ...axis, x: ends[1] - 4, "text-anchor": "end" }, timeOfDay(until));
  }

  #bar(group, stream, [left, right], y, way, until) {
    const { words } = this.#config;
    const packets = stream[`packets_${way}`];
    const [kind, word] = stateOf(stream, way, words, this.#ended !== null);
    const silent = silentText(stream, way, words);
    const media = { media: `RTP ${stream.media}`, packets: number(packets) };
    const text = [this.narrow ? media.packets : fill(words.stream, media), word, this.narrow ? "" : silent[0]];
    const spoken = fill(words.bar, { way: words[way], text: [fill(words.stream, media), word, silent.at(-1)].filter(Boolean).join(" · ") });
    const bar = add(group, "g", { role: "img", "aria-label": spoken });
    const tip = way === "out" ? `M${right} ${y + 10} l${-TIP} -10 v20 z` : `M${left} ${y + 10} l${TIP} -10 v20 z`;
    const [x, end] = way === "out" ? [left, right - TIP] : [left + TIP, right];
    const width = Math.max(end - x, 0);
    add(bar, "rect", { x, y: y + 1, width, height: 18, class: `bar ${kind}` });
    add(bar, "path", { d: tip, class: `bar ${kind}` });
    const at = (t) => Math.min(1, Math.max(0, (t - stream.opened) / Math.max(until - stream.opened, 1))) * width;
    for (const silence of silencesOf(stream, way)) {
      const gap = Math.max(at(silence.until ?? until) - at(silence.since), NARROWEST);
      const place = { x: x + Math.min(at(silence.since), width - gap), y: y + 1, width: gap, height: 18 };
      add(add(bar, "rect", { ...place, class: "gap" }), "title", {}, silenceText(silence, words));
    }
    const label = { x: (left + right) / 2, y: y + 14, "text-anchor": "middle", class: `bar-text ${kind}` };
    add(bar, "text", label, text.filter(Boolean).join(" · "));
  }
}

/** Where it had packets at all; "no packets" says the rest. */
function silencesOf(stream, way) {
  return stream[`packets_${way}`] ? stream[`silent_${way}`] : [];
}

/** Whether there is a gap in one of its bars, and thus an axis of time below them. */
export function isInterrupted(stream) {
  return silencesOf(stream, "out").length + silencesOf(stream, "in").length > 0;
}

function silenceText({ since, until }, words) {
  if (until === null) return fill(words.silent_since, { since: timeOfDay(since) });
  return fill(words.silent_from, { since: timeOfDay(since), until: timeOfDay(until) });
}

/** When this direction was silent: in brief, then each time where there are several. */
export function silentText(stream, way, words) {
  const silences = silencesOf(stream, way);
  const each = silences.map((silence) => silenceText(silence, words)).join(", ");
  return silences.length > 1 ? [fill(words.silent_times, { n: silences.length }), each] : [each];
}

/** How one direction of a stream does: its class and its word. Of a call that has ended, its media are over. */
export function stateOf(stream, way, words, ended) {
  if (ended || stream.closed !== null) return ["over", words.over];
  if (stream[`active_${way}`]) return ["flows", words.flows];
  if (stream.held) return ["over", words.held];
  return stream[`packets_${way}`] ? ["silent", words.silent] : ["none", words.no_packets];
}

function clock(seconds, brief) {
  if (brief) return timeOfDay(seconds);
  const thousandths = String(Math.floor((seconds % 1) * 1000)).padStart(3, "0");
  return `${timeOfDay(seconds)}.${thousandths}`;
}

/** The drawing as a file of its own: colours and fonts as they are now, lanes above. */
export function picture(svg, lanes, withAddresses) {
  const copy = svg.cloneNode(true);
  const styled = ["fill", "stroke", "stroke-width", "stroke-dasharray", "paint-order", "font-size", "font-weight", "opacity"];
  const originals = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((node, at) => {
    const style = getComputedStyle(originals[at]);
    for (const name of styled) node.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["tabindex", "role", "class", "data-message"]) node.removeAttribute(name);
  });
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("viewBox", `0 -44 ${width} ${height + 44}`);
  copy.setAttribute("height", height + 44);
  copy.setAttribute("font-family", "sans-serif");
  const page = getComputedStyle(document.body);
  copy.prepend(add(copy, "rect", { x: 0, y: -44, width, height: height + 44, fill: page.backgroundColor }));
  for (const { name, address, x } of lanes) {
    const key = { x, "text-anchor": "middle", fill: page.color };
    add(copy, "text", { ...key, y: -26, "font-size": 12, "font-weight": 600 }, name);
    if (withAddresses) add(copy, "text", { ...key, y: -11, "font-size": 11 }, address);
  }
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}
