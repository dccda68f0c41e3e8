// SPDX-License-Identifier: GPL-2.0-or-later
// The filter of the list of rules. What a row is about stands in it (Sought in firewall/views/rule_list.py, which says
// the same of a permanent link); only which objects hold an address or a country is asked of the server, once for each.

const PAUSE = 150; // ms without a key before the server is asked
const DAY = 86_400; // s
const COUNTRY = /^\p{L}{3,}$/u; // a part of its name, where some object names countries
const ADDRESS = /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*$/;

const form = document.querySelector("[data-rules-filter]");
const field = document.getElementById("rule-filter");
const held = new Map(); // address or word → the objects that hold it
let pause = 0;

const folded = (text) => text.toLowerCase().replaceAll("ß", "ss");

function asked() {
  const words = folded(field.value).split(/\s+/).filter(Boolean);
  return words.map((word) => ({ word: word.replace(/^-+/, ""), excluded: word.startsWith("-") }));
}

function atPort(ports, port) {
  return ports.split(",").some((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return first <= port && port <= last;
  });
}

function endsWithin(ends, days) {
  if (!ends || !days) return Boolean(ends) && !days;
  return /^\d+$/.test(days) && Number(ends) - Date.now() / 1000 <= Number(days) * DAY;
}

function isIn(row, state) {
  return row.querySelector("[data-rule-state]").dataset.ruleState === state
    || (state === "changed" && row.querySelector("[data-draft]") !== null);
}

const fact = (row, word) => row.dataset.facts.split(" ").includes(word);

const ONLY = { // words that look at one thing, by what stands before their colon
  tag: (row, _word, rest) => row.dataset.tags.split("\n").includes(rest),
  is: (row, word, rest) => isIn(row, rest) || fact(row, word),
  from: fact,
  to: fact,
  ends: (row, _word, rest) => endsWithin(row.dataset.ends, rest),
};

function has(row, word) {
  const { words, ports, objects } = row.dataset;
  const colon = word.indexOf(":");
  const only = colon > 0 && Object.hasOwn(ONLY, word.slice(0, colon)) && ONLY[word.slice(0, colon)];
  if (only) return only(row, word, word.slice(colon + 1));
  if (words.includes(word)) return true;
  if (/^\d+$/.test(word)) return ports !== "" && atPort(ports, Number(word));
  const holding = held.get(word);
  return holding !== undefined && objects.split(" ").some((each) => holding.has(each));
}

/** Show what the filter lets through; what it hides is no longer chosen. */
function show() {
  const words = asked();
  const filled = new Set();
  for (const row of document.querySelectorAll("#rule-list tr[data-words]")) {
    row.hidden = !words.every(({ word, excluded }) => word && has(row, word) !== excluded);
    if (!row.hidden) filled.add(row.dataset.section);
    else if (row.querySelector("input[name=rule]:checked")) row.querySelector("input[name=rule]").click();
  }
  for (const head of document.querySelectorAll("#rule-list tr[data-of]")) head.hidden = !filled.has(head.dataset.of);
  const none = document.getElementById("no-rule-shown");
  if (none) none.hidden = filled.size > 0;
}

async function learn() {
  const asks = (word) => ADDRESS.test(word) || ("countries" in form.dataset && COUNTRY.test(word));
  const unknown = asked().filter(({ word }) => asks(word) && !held.has(word));
  for (const { word } of unknown) {
    const answer = await fetch(`${form.dataset.holding}?${new URLSearchParams({ address: word })}`);
    if (!answer.ok) return;
    held.set(word, new Set((await answer.json()).objects.map(String)));
  }
  if (unknown.length) show();
}

function changed() {
  show();
  clearTimeout(pause);
  pause = setTimeout(learn, PAUSE);
  const address = new URL(location.href);
  if (field.value) address.searchParams.set("q", field.value);
  else address.searchParams.delete("q");
  history.replaceState(history.state, "", address);
  for (const words of document.querySelectorAll("[data-filter-words]")) words.value = field.value;
}

if (form) {
  field.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-clear-filter]")) return;
    event.preventDefault();
    field.value = "";
    changed();
    field.focus();
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (field.value && event.target.closest("#rule-list")) changed();
  });
}
