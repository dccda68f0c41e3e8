// SPDX-License-Identifier: GPL-2.0-or-later
// The page of one call: its verdict, media and messages, kept current by the topic call:<id>.

import { Ladder, collapsed, isInterrupted, picture, silentText, stateOf, what } from "./ladder.js";
import { live } from "./live.js";
import { clock, fill, number, party, sentence, timeOfDay } from "./words.js";

const SAMPLES = 60; // of a direction's packets, one a second
const article = document.querySelector("[data-call]");
if (article) start();

function start() {
  const config = JSON.parse(document.getElementById("call-config").textContent);
  const topic = article.dataset.liveTopic;
  const part = (name, root = article) => root.querySelector(`[data-part="${name}"]`);
  const ladder = new Ladder(part("lines"), part("lanes"), config);
  const rates = { in: [], out: [] };
  const counted = { in: null, out: null };
  let drawn = "";
  let counts = "";
  let scheduled = false;

  const all = () => [...live.rows(topic).values()];
  const of = (kind) => all().filter((row) => row.part === kind);

  // --- the call's other legs, where the reader wants them in the same ladder ---

  const own = topic.slice(topic.indexOf(":") + 1);
  const legs = []; // their boxes
  const topics = new Set([topic]);
  const named = (id, call) => (id && call !== own ? `${call}/${id}` : id);

  /** With ids of their own, and the phone that they are of. */
  const ofLegs = (kind) =>
    legs
      .filter((box) => box.checked)
      .flatMap(({ dataset: { liveTopic, leg, phone } }) =>
        [...live.rows(liveTopic).values()]
          .filter((row) => row.part === kind)
          .map((row) => ({ ...row, id: named(row.id, leg), repeats: named(row.repeats, leg), leg: phone })),
      );

  /** A leg that comes while the page is open is there at once; what the page has shown it keeps. */
  function renderLegs(call) {
    const nav = part("legs");
    for (const { id, from_uri: from, to_uri: to, internal } of call.legs) {
      if (legs.some((box) => box.dataset.leg === id)) continue;
      const entry = nav.querySelector("template").content.firstElementChild.cloneNode(true);
      const [link, box] = [entry.querySelector("a"), entry.querySelector("input")];
      link.href = link.getAttribute("href").replace("LEG", id);
      link.textContent = `${party(from)} → ${party(to)} (${internal})`;
      const { messageUrl } = box.dataset;
      Object.assign(box.dataset, { leg: id, phone: internal, liveTopic: `call:${id}`, messageUrl: messageUrl.replace("LEG", id) });
      box.addEventListener("change", () => {
        topics.add(box.dataset.liveTopic);
        live.follow(box.dataset.liveTopic);
        schedule();
      });
      legs.push(box);
      nav.append(entry);
    }
    nav.hidden = legs.length === 0;
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      render();
    });
  }

  live.addEventListener("change", (event) => {
    if (topics.has(event.detail.topic)) schedule();
  });
  addEventListener("resize", () => {
    drawn = "";
    schedule();
  });
  setInterval(() => {
    sample();
    schedule();
  }, 1000);

  function write(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function render() {
    const [call] = of("call");
    const messages = [...of("message"), ...ofLegs("message")];
    const carrying = (row) => row.component === "rtp" && (row.kind === "exact" || row.packets_in + row.packets_out > 0);
    const streams = of("stream").filter(carrying);
    const shown = [...streams, ...ofLegs("stream").filter(carrying)];
    if (call) renderCall(call);
    for (const way of ["out", "in"]) renderMedia(way, streams, Boolean(call?.ended));
    const options = { delta: part("delta").checked, repeats: part("repeats").checked };
    const silent = shown.some((row) => [...row.silent_in, ...row.silent_out].some(({ until }) => until === null));
    const grown = silent && Math.floor(live.now()); // a gap that lasts gets longer
    const bars = shown.map((row) => [row.id, row.external, isInterrupted(row)]);
    const fresh = JSON.stringify([messages.map((row) => row.id), bars, options, call?.internal, call?.ended]);
    const count = JSON.stringify([shown, grown]);
    if (fresh === drawn && count === counts) return;
    if (!ladder.room) return schedule(); // the page is not laid out yet
    if (fresh === drawn) ladder.recount(shown, live.now());
    else {
      ladder.draw(call, messages, shown, { ...options, now: live.now() });
      renderTable(messages, options.repeats);
    }
    [drawn, counts] = [fresh, count];
    renderOpenings(of("stream"));
  }

  function renderCall(call) {
    renderLegs(call);
    const { words, sentences } = config;
    const verdict = part("verdict");
    const well = sentences[call.verdict?.code]?.mark === "ok"; // of a call that is over, only what was wrong is worth a word
    const text = call.ended ? [call.ending, well ? null : call.verdict] : [call.verdict];
    const said = text.map((each) => sentence(each, sentences)).filter(Boolean);
    verdict.dataset.code = call.verdict?.code ?? "";
    verdict.querySelector(".mark").className = `mark mark-${sentences[call.verdict?.code]?.mark ?? ""}`;
    write(verdict.querySelector("strong"), said.join(" · ") || (call.answered ? words.waiting : words.ringing));
    const state = part("state");
    if (state.firstChild.nodeValue !== call.state) state.firstChild.nodeValue = config.states[call.state];
    write(state.querySelector("small"), timeOfDay(call.since));
    write(part("duration"), clock((call.ended ?? live.now()) - call.since));
    write(part("codec"), call.codec || "–");
    write(part("pinholes"), String(call.pinholes));
    renderTimers(call);
  }

  function renderTimers(call) {
    const { words } = config;
    const { silence, session, session_due: due, next_step: next } = call.timers;
    const lines = [];
    if (silence && !call.ended) lines.push(fill(words.silence, { seconds: silence }));
    if (session) lines.push(fill(words.session, { seconds: session, time: clock(due - live.now()) }));
    if (next !== null && next > live.now()) {
      const text = !call.ended ? words.longest : call.pinholes ? words.drained : words.forgotten;
      lines.push(fill(text, { time: clock(next - live.now()) }));
    }
    const list = part("timers");
    while (list.children.length > lines.length) list.lastChild.remove();
    lines.forEach((line, at) => write(list.children[at] ?? list.appendChild(document.createElement("li")), line));
  }

  // --- media cards ---

  /** What comes in may come from elsewhere than described. */
  const main = (streams, way) => {
    const kinds = way === "in" ? ["learnt", "exact"] : ["exact"];
    const audio = streams.filter((row) => row.media === "audio" && kinds.includes(row.kind));
    const open = audio.filter((row) => row.closed === null);
    return open.find((row) => row.kind === kinds[0]) ?? open[0] ?? audio.at(-1);
  };

  function renderMedia(way, streams, ended) {
    const card = article.querySelector(`[data-direction="${way}"]`);
    const stream = main(streams, way);
    const [kind, word] = stream ? stateOf(stream, way, config.words, ended) : ["over", config.words.none];
    card.dataset.state = kind;
    card.querySelector(".mark").className = `mark mark-${{ flows: "ok", none: "error", silent: "error" }[kind] ?? ""}`;
    write(part("state", card), word);
    const ends = stream && [stream.internal, stream.mapped, stream.external];
    write(part("path", card), ends ? (way === "out" ? ends : ends.reverse()).join(" → ") : "–");
    const packets = stream ? stream[`packets_${way}`] : 0;
    const running = stream && stream.closed === null && !ended;
    const rate = running ? rates[way].at(-1) : undefined;
    write(part("packets", card), fill(running ? config.packets : config.packets_in_all, { n: packets, rate: rate === undefined ? "–" : Math.round(rate) }));
    write(part("silences", card), stream ? silentText(stream, way, config.words).at(-1) : "");
    card.querySelector(".spark").toggleAttribute("hidden", !running);
  }

  /** Packets a second, from the kernel's counts; what is between two samples is not known. */
  function sample() {
    const streams = of("stream").filter((row) => row.component === "rtp");
    for (const way of ["out", "in"]) {
      const stream = main(streams, way);
      const now = stream && stream.closed === null ? { id: stream.id, t: live.now(), packets: stream[`packets_${way}`] } : null;
      const before = counted[way];
      if (now && before?.id === now.id) rates[way].push(Math.max(0, (now.packets - before.packets) / (now.t - before.t)));
      counted[way] = now;
      rates[way].splice(0, rates[way].length - SAMPLES);
      const top = Math.max(60, ...rates[way]);
      const points = rates[way].map((rate, at) => `${(at * 120) / (SAMPLES - 1)},${(23 - (rate / top) * 22).toFixed(1)}`);
      article.querySelector(`[data-direction="${way}"] polyline`).setAttribute("points", points.join(" "));
    }
  }

  // --- the same as tables ---

  function cell(row, text, className, label) {
    const td = document.createElement("td");
    td.className = className ?? "";
    if (label) td.dataset.label = label;
    td.textContent = text;
    row.append(td);
    return td;
  }

  /** It breaks before its port and nowhere else. */
  function endpoint(row, text, label) {
    const td = cell(row, "", "mono", label);
    const both = td.appendChild(document.createElement("span"));
    both.className = "endpoint";
    for (const part of [text.slice(0, text.lastIndexOf(":")), text.slice(text.lastIndexOf(":"))]) {
      both.appendChild(document.createElement("span")).textContent = part;
    }
    return td;
  }

  const labels = (body) => [...body.closest("table").tHead.rows[0].cells].map((head) => head.textContent);

  function renderTable(messages, expanded) {
    const body = part("messages");
    const [, , from, to, changes, fate] = labels(body);
    body.replaceChildren(
      ...collapsed(messages, expanded).map(({ message, repeated }) => {
        const row = document.createElement("tr");
        cell(row, timeOfDay(message.t));
        const name = cell(row, "");
        const link = document.createElement("a");
        link.className = "party";
        link.href = urlOf(message.id);
        link.textContent = what(message, config) + (repeated > 1 ? ` ×${repeated}` : "");
        link.addEventListener("click", (event) => {
          event.preventDefault();
          open(message.id);
        });
        name.append(link);
        cell(row, message.source, "mono", from);
        cell(row, message.sent_to || "–", "mono", to);
        cell(row, String(message.changes), "", changes);
        cell(row, message.verdict, "", fate);
        return row;
      }),
    );
  }

  function renderOpenings(openings) {
    const { words, lanes, closed } = config;
    const body = part("openings");
    const [, phone, mapped, peer, why, state, out, inward] = labels(body);
    const inOrder = [...openings].sort((one, other) => one.opened - other.opened || one.line - other.line);
    body.replaceChildren(
      ...inOrder.map((each) => {
        const row = document.createElement("tr");
        cell(row, `${each.media} ${each.component.toUpperCase()} · ${fill(words.line, { n: each.line })}`);
        endpoint(row, each.internal, phone);
        endpoint(row, each.mapped, mapped);
        const from = endpoint(row, each.external, peer);
        if (each.instead_of) {
          const said = from.appendChild(document.createElement("span"));
          said.className = "below";
          said.textContent = fill(words.learnt, { peer: each.instead_of });
        }
        const lane = each.opened_from === "external" ? lanes.provider : lanes.phone;
        cell(row, fill(words.in_order, { message: each.opened_by, lane }), "", why);
        cell(row, closed[each.why] ?? each.why, "", state);
        silences(cell(row, number(each.packets_out), "number", out), each, "out");
        silences(cell(row, number(each.packets_in), "number", inward), each, "in");
        return row;
      }),
    );
  }

  function silences(packets, opening, way) {
    const text = silentText(opening, way, config.words).at(-1);
    if (!text) return;
    const below = packets.appendChild(document.createElement("span"));
    below.className = "below";
    below.textContent = text;
  }

  // --- a message in the side panel, and the keyboard ---

  const panel = document.getElementById("panel");
  const urlOf = (id) => {
    const [leg, message] = id.includes("/") ? id.split("/") : [own, id];
    const { messageUrl } = legs.find((box) => box.dataset.leg === leg)?.dataset ?? article.dataset;
    return messageUrl.replace("ID", message);
  };

  function open(id) {
    ladder.select(id, false);
    panel.classList.add("panel-wide");
    window.htmx.ajax("GET", urlOf(id), "#panel");
  }

  panel.addEventListener("close", () => {
    panel.classList.remove("panel-wide");
    ladder.select(ladder.selected, true);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    const shown = panel.querySelector("[data-message]")?.dataset;
    if (shown) ladder.select(named(shown.message, shown.call), false);
  });
  part("lines").addEventListener("click", (event) => {
    const entry = event.target.closest("[data-message]");
    if (entry) open(entry.dataset.message);
  });
  for (const box of [part("delta"), part("repeats")]) box.addEventListener("change", schedule);

  const typing = (node) => node.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
    const inside = part("lines").contains(event.target);
    const step = { j: 1, k: -1, ArrowDown: inside ? 1 : 0, ArrowUp: inside ? -1 : 0 }[event.key];
    if (step) {
      move(step);
      event.preventDefault();
    } else if (inside && (event.key === "Enter" || event.key === " ")) {
      open(event.target.closest("[data-message]").dataset.message);
      event.preventDefault();
    } else if (event.key === "Escape" && !panel.open && !document.querySelector("details.menu[open]")) {
      document.querySelector('[data-part="back"]').click();
    }
  });

  function move(step) {
    if (panel.open) {
      const places = ladder.entries.map((entry) => entry.dataset.message);
      const next = places[places.indexOf(ladder.selected) + step];
      if (next) open(next);
      return;
    }
    const places = ladder.entries.map((entry) => entry.dataset.message);
    const at = places.indexOf(ladder.selected);
    const next = places[Math.max(0, Math.min(places.length - 1, at < 0 ? 0 : at + step))];
    if (next) ladder.select(next, true);
  }

  // --- the drawing as a file ---

  part("svg").addEventListener("click", () => {
    const named = !article.querySelector('[name="pseudonyms"]').checked;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(picture(part("lines"), ladder.lanes, named));
    link.download = `${topic.replace(":", "-")}.svg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  // What the page brought is drawn at once; the topic's first snapshot may take as long again.
  live.seed(topic, JSON.parse(document.getElementById("call-rows").textContent));
  render();
}
