// SPDX-License-Identifier: GPL-2.0-or-later
// The wizard's choice of a theme: it belongs to this browser and is never sent.

for (const choice of document.querySelectorAll("[data-theme-choice]")) {
  choice.checked = choice.value === theme.choice;
  choice.addEventListener("change", () => theme.choose(choice.value));
}
