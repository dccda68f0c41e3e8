// SPDX-License-Identifier: GPL-2.0-or-later
// The command palette: opened by its button, which has keys (keys.js), moved through with the arrows, the answer comes from the server.

const palette = document.getElementById("palette");
const field = palette.querySelector("input");
const list = palette.querySelector("[role=listbox]");

function open() {
  if (palette.open) return;
  palette.showModal();
  field.select();
  field.dispatchEvent(new Event("opened"));
}

const options = () => [...list.querySelectorAll("[role=option]")];

function choose(index) {
  const all = options();
  if (!all.length) return;
  const at = (index + all.length) % all.length;
  for (const [number, option] of all.entries()) option.setAttribute("aria-selected", String(number === at));
  field.setAttribute("aria-activedescendant", all[at].id);
  all[at].scrollIntoView({ block: "nearest" });
}

const chosen = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

for (const button of document.querySelectorAll("[data-palette]")) button.addEventListener("click", open);

palette.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") choose(chosen() + 1);
  else if (event.key === "ArrowUp") choose(chosen() - 1);
  else if (event.key === "Enter") options()[chosen()]?.querySelector("a").click();
  else return;
  event.preventDefault();
});

palette.addEventListener("click", (event) => {
  if (event.target === palette) palette.close();
});

list.addEventListener("htmx:afterSwap", () => choose(0));
