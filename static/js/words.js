// SPDX-License-Identifier: GPL-2.0-or-later
// How times, numbers, addresses of calls and what the engine says are written, in the reader's language.

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

export function timeOfDay(seconds) {
  const at = new Date(seconds * 1000);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((each) => String(each).padStart(2, "0")).join(":");
}

const THOUSANDS = { en: ",", de: ".", tr: "." }; // Intl knows them, too, but its first word takes 15 ms of a page
let numbers = null;

export function number(value) {
  const between = THOUSANDS[document.documentElement.lang];
  if (between && Number.isInteger(value)) return String(value).replace(/\B(?=(\d{3})+$)/g, between);
  numbers ??= new Intl.NumberFormat(document.documentElement.lang);
  return numbers.format(value);
}

let shares = null;

export function share(value) {
  shares ??= new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 });
  return shares.format(value);
}

/** "sip:101@192.168.0.10:5060;transport=udp" is 101 at 192.168.0.10:5060. */
export function partsOfUri(uri) {
  const bare = uri.replace(/^[^<]*<|>.*$/g, "").replace(/^sips?:/i, "").split(";")[0];
  const at = bare.lastIndexOf("@");
  return at < 0 ? ["", bare] : [bare.slice(0, at), bare.slice(at + 1)];
}

/** 101, or the host where there is no user. */
export function party(uri) {
  const [user, host] = partsOfUri(uri);
  return user || host;
}

/** What the engine says (contract.events.Said) in the reader's language; a code that is new here in its own English. */
export function sentence(said, sentences) {
  if (!said || typeof said === "string") return said ?? "";
  const word = sentences[said.code];
  return fill(word ? word.label : said.text, said.params);
}

/** "{n} changes" with {n: 3} is "3 changes". */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
