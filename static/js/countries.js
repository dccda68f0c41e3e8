// SPDX-License-Identifier: GPL-2.0-or-later
// Names of countries while somebody types a list of them: the browser's own suggestions, for the last one of the list.

function suggest(event) {
  const field = event.target.form?.querySelector("[data-names]");
  const names = document.getElementById(field?.dataset.names);
  if (!names) return;
  const kind = field.form.elements.kind;
  if (kind && kind.value !== "country") {
    field.removeAttribute("list");
    return;
  }
  const comma = field.value.lastIndexOf(",");
  const before = comma < 0 ? "" : `${field.value.slice(0, comma + 1)} `;
  for (const option of names.options) option.value = before + option.dataset.name;
  field.setAttribute("list", names.id);
}

document.addEventListener("focusin", suggest);
document.addEventListener("input", suggest);
