// SPDX-License-Identifier: GPL-2.0-or-later
// How one value of a live row is shown. A kind builds its nodes once and returns the function that paints a row into
// them. Data reaches the page as text only, never as markup.

import { figuresFrom, isPoor } from "./figures.js";
import { live } from "./live.js";
import { clock, fill, number, partsOfUri, sentence, share, timeOfDay } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const NOTHING = "–";

function element(name, className, parent) {
  const node = document.createElement(name);
  if (className) node.className = className;
  parent.append(node);
  return node;
}

function icon(parent) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon icon-s");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  svg.append(use);
  parent.append(svg);
  let shown = null;
  return (name) => {
    if (name !== shown) use.setAttribute("href", `${document.body.dataset.icons}#${(shown = name)}`);
  };
}

/** Writes a property only where it is new: a browser styles and lays out anew whatever is written, the same as well. */
export function property(node, name) {
  let shown = null;
  return (value) => {
    if (value !== shown) node[name] = shown = value;
  };
}

const writer = (node) => property(node, "textContent");

/** The mark of a state: its colour and shape. */
function marker(node) {
  const name = property(node, "className");
  return (mark) => name(`mark mark-${mark ?? ""}`);
}

/** An address and its port, which may stand on a line of its own where there is no room: nothing else breaks. */
function endpointWriter(cell) {
  const line = element("span", "mono endpoint", cell);
  const [host, port] = [writer(element("span", "", line)), writer(element("span", "", line))];
  return (text) => {
    const [, before, after] = /^(.*)(:\d+|:\*)$/.exec(text) ?? ["", text, ""];
    host(before);
    port(after);
  };
}

/** A button with a value; static/js/table.js makes it a filter. */
function valueButton(parent, className, key) {
  const button = element("button", `value ${className}`, parent);
  button.type = "button";
  const mark = element("span", "mark", button);
  const write = writer(element("span", "", button));
  const [paint, unmarked] = [marker(mark), property(mark, "hidden")];
  const [hidden, disabled, term] = [property(button, "hidden"), property(button, "disabled"), property(button.dataset, "term")];
  return (value, word) => {
    unmarked(!word?.mark);
    paint(word?.mark);
    hidden(!value && !word);
    disabled(!value);
    term(`${key}:${value}`);
    write(word?.label ?? value);
  };
}

export const kinds = {
  text(cell, { key, words, below, said_below: said, sentences }) {
    const write = writer(below ? element("span", "", cell) : cell);
    const more = below ? writer(element("span", "below", cell)) : null;
    return (row) => {
      write(words[row[key]]?.label || row[key] || NOTHING);
      more?.(said ? fill(said, row) : sentences[row[below]]?.label);
    };
  },

  number(cell, { key }) {
    const write = writer(cell);
    return (row) => write(number(row[key]));
  },

  seconds(cell, { key }) {
    const write = writer(cell);
    return (row) => write(row[key] ? `${number(row[key])} s` : NOTHING);
  },

  time(cell, { key }) {
    const write = writer(cell);
    return (row) => write(timeOfDay(row[key]));
  },

  address(cell, { key, below, said_below: said }) {
    const write = endpointWriter(cell);
    const more = below ? writer(element("span", "below", cell)) : null;
    return (row) => {
      write(row[key] || NOTHING);
      more?.(row[below] ? fill(said, { peer: row[below] }) : "");
    };
  },

  uri(cell, { key, link }) {
    const name = element(link ? "a" : "span", "party", cell);
    if (link) name.dataset.opens = "";
    const user = writer(name);
    const host = writer(element("span", "below mono", cell));
    return (row) => {
      const [who, place] = partsOfUri(row[key]);
      user(who || place);
      host(who ? place : "");
      if (link && !name.href) name.href = link.replace("{id}", encodeURIComponent(row.id));
    };
  },

  /** A contact as it stood in a message: what it names, and below it where that is. */
  contact(cell, { key }) {
    const name = writer(element("span", "mono uri", cell));
    const place = endpointWriter(cell);
    const whole = property(cell, "title"); // of a long user the line shows the beginning
    return (row) => {
      const said = row[key] ?? "";
      const at = said.lastIndexOf("@") + 1;
      whole(said);
      name(said.slice(0, at).replace(/^sip:/i, "")); // what all begin with; sips: is worth a look
      place(said.slice(at) || NOTHING);
    };
  },

  direction(cell, { key, words }) {
    const line = element("span", "direction", cell);
    const draw = icon(line);
    const write = writer(element("span", "", line));
    return (row) => {
      draw(row[key]);
      write(words[row[key]]?.label ?? row[key]);
    };
  },

  state(cell, { key, below, words, sentences }) {
    const line = element("span", "state", cell);
    const paint = marker(element("span", "mark", line));
    const write = writer(element("span", "", line));
    const why = writer(element("span", "below", cell));
    return (row) => {
      const word = words[row[key]] ?? { label: row[key], mark: "" };
      paint(word.mark);
      write(word.label);
      why(below ? sentence(row[below], sentences) : "");
    };
  },

  /** A word that can be filtered by. */
  value(cell, { key, below, words }) {
    const value = valueButton(cell, "", key);
    const more = below ? writer(element("span", "below", cell)) : null;
    return (row) => {
      value(row[key], words[row[key]]);
      more?.(row[below]);
    };
  },

  /** An address with its port; either can be filtered by. */
  end(cell, { key, below }) {
    const line = element("span", "endpoint", cell);
    const host = valueButton(line, "mono", key);
    const port = valueButton(line, "mono quiet", below);
    return (row) => {
      host(row[key]);
      port(row[below], row[below] ? { label: `:${row[below]}` } : undefined);
    };
  },

  /** A link into the side panel. */
  opens(cell, { key, link, action }) {
    const node = element("a", "", cell);
    node.textContent = action;
    node.dataset.opens = "";
    node.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      window.htmx.ajax("GET", node.href, { target: "#panel" });
    });
    return (row) => {
      const url = link.replace("{id}", encodeURIComponent(row[key]));
      if (node.getAttribute("href") !== url) node.href = url;
    };
  },

  /** A link, or a button that asks first and then posts. */
  action(cell, { key, link, action, asks }) {
    const node = element(asks ? "button" : "a", asks ? "btn btn-plain btn-s" : "", cell);
    node.textContent = action;
    let url = "";
    if (asks) {
      node.type = "button";
      node.addEventListener("click", () => {
        if (confirm(asks)) window.htmx.ajax("POST", url, { source: node, swap: "none" });
      });
    }
    return (row) => {
      url = link.replace("{id}", encodeURIComponent(row[key]));
      if (!asks && node.getAttribute("href") !== url) node.href = url;
    };
  },

  said(cell, { key, words }) {
    const line = element("span", "said", cell);
    const paint = marker(element("span", "mark", line));
    const write = writer(element("span", "", line));
    const hidden = property(line, "hidden");
    return (row) => {
      const word = words[row[key]?.code];
      const text = word?.label === "" ? "" : sentence(row[key], words);
      hidden(!text);
      cell.toggleAttribute("data-nothing", !text);
      paint(word?.mark);
      write(text);
    };
  },

  /** Ticks until the row has ended. */
  duration(cell, { key }) {
    const write = writer(cell);
    return (row) => write(clock((row.ended ?? live.now()) - row[key]));
  },

  /** Ticks down to nothing. */
  countdown(cell, { key }) {
    const write = writer(cell);
    return (row) => write(row[key] === null ? NOTHING : clock(row[key] - live.now()));
  },

  audio(cell, { key, arrow, words }) {
    const line = element("span", "audio", cell);
    icon(line)(arrow);
    const write = writer(element("span", "", line));
    const packets = writer(element("span", "below", cell));
    const flows = property(cell.dataset, "active");
    return (row) => {
      const active = row[key].active;
      flows(String(active));
      write(words[active ? "on" : row.ended && row[key].packets ? "was" : "none"].label);
      packets(row[key].packets ? number(row[key].packets) : "");
    };
  },

  /** Loss and jitter of the last sample, a line for each direction. */
  measured(cell, { words, link }) {
    const known = figuresFrom(link);
    cell.dataset.measured = "";
    const lines = Object.entries({ out: "up", in: "down" }).map(([direction, arrow]) => {
      const line = element("span", "audio", cell);
      icon(line)(arrow);
      element("span", "visually-hidden", line).textContent = words[direction].label;
      const write = writer(element("span", "", line));
      const [hidden, poor] = [property(line, "hidden"), property(line.dataset, "poor")];
      return (figures) => {
        hidden(!figures);
        if (!figures) return;
        poor(String(isPoor(figures)));
        const loss = share(figures.lost / figures.packets);
        write(figures.jitter === null ? loss : `${loss}, ${number(Math.round(figures.jitter))} ms`);
      };
    });
    const none = property(element("span", "quiet", cell), "textContent");
    return (row) => {
      const told = known.get(row.id);
      lines[0](told?.out);
      lines[1](told?.in);
      none(told ? "" : NOTHING);
      cell.toggleAttribute("data-nothing", !told);
    };
  },
};
