// SPDX-License-Identifier: GPL-2.0-or-later
// The theme, applied before the first paint: a classic blocking script, since inline scripts are forbidden.
"use strict";

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme") || "auto";
    } catch {
      return "auto"; // storage may be forbidden; the page follows the system then
    }
  };
  let choice = stored();

  const paint = () => {
    const dark = choice === "dark" || (choice === "auto" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    document.documentElement.dataset.themeChoice = choice;
  };

  globalThis.theme = {
    get choice() {
      return choice;
    },
    choose(next) {
      choice = next;
      try {
        localStorage.setItem("theme", next);
      } catch {
        // it holds for this page at least
      }
      paint();
    },
  };
  system.addEventListener("change", paint);
  paint();
})();
