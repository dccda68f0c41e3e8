// SPDX-License-Identifier: GPL-2.0-or-later
// The keys of the console, from the one table that the server gives (appliance/ui/columns.py): a key leads to a page
// or clicks what is marked with it (in a form: goes to its first field). Single keys can be switched off.

const TABLE = JSON.parse(document.getElementById("keys").textContent);
const TYPED_INTO = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const PATIENCE = 1500; // ms between two keys of one

const list = document.getElementById("keys-list");
const single = document.getElementById("single-keys");
let before = "";
let forget = 0;

single.checked = manners.stored("single-keys", "on") === "on";
single.addEventListener("change", () => manners.store("single-keys", single.checked ? "on" : "off"));

for (const button of document.querySelectorAll("[data-keys]")) {
  button.addEventListener("click", () => {
    document.getElementById("user-menu").hidePopover();
    list.showModal();
  });
}

list.addEventListener("click", (event) => {
  if (event.target === list || event.target.closest("[data-close]")) list.close();
});

/** What is marked with the keys: in the row that has the focus, in the dialog that is open, on the page. */
function marked({ keys, row }) {
  const within = row
    ? document.activeElement.closest("[data-row]")
    : [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  return within?.querySelector(`[data-shortcut~="${CSS.escape(keys)}"]`);
}

document.addEventListener("keydown", (event) => {
  const chord = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "");
  const alone = !chord;
  if (event.defaultPrevented || (alone && (!single.checked || event.target.closest(TYPED_INTO)))) return;
  const said = chord + event.key;
  const keys = before ? `${before} ${said}` : said;
  const entry = TABLE.find((each) => each.keys === keys);
  clearTimeout(forget);
  before = !entry && TABLE.some((each) => each.keys.startsWith(`${keys} `)) ? keys : "";
  forget = setTimeout(() => (before = ""), PATIENCE);
  const target = entry && !entry.address && marked(entry);
  if (!entry || (!entry.address && !target)) return;
  event.preventDefault();
  if (entry.address) location.assign(entry.address);
  else if (target.matches("form")) target.querySelector(":is(input, select, textarea):not([type=hidden])").focus();
  else if (!target.disabled) target.click();
});
