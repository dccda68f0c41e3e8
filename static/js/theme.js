// SPDX-License-Identifier: GPL-2.0-or-later
// The theme and how dense tables are, applied before the first paint: a classic blocking script, since inline scripts are forbidden.
"use strict";

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = (name, otherwise) => {
    try {
      return localStorage.getItem(name) || otherwise;
    } catch {
      return otherwise; // storage may be forbidden
    }
  };
  const store = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      // it holds for this page at least
    }
  };
  let choice = stored("theme", "auto");

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
      store("theme", next);
      paint();
    },
  };
  globalThis.manners = { stored, store };
  document.documentElement.dataset.density = stored("density", "compact");
  system.addEventListener("change", paint);
  paint();
})();
