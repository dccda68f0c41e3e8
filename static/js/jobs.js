// SPDX-License-Identifier: GPL-2.0-or-later
// A form whose work takes longer than a moment (data-job): while the answer is awaited, the live topic `jobs` says how
// far it is, in a line behind the buttons.

import { live } from "./live.js";

const HIDDEN_UNTIL = 500; // ms; what is quicker needs no line

function show(form, row) {
  const line = form.querySelector("[data-job-line]");
  const bar = line.querySelector("progress");
  if (row?.of) {
    bar.max = row.of;
    bar.value = row.done;
    line.querySelector("[data-job-count]").textContent = `${row.done} / ${row.of}`;
  } else {
    bar.removeAttribute("value");
    line.querySelector("[data-job-count]").textContent = "";
  }
}

for (const form of document.querySelectorAll("form[data-job]")) {
  form.addEventListener("submit", () => {
    const ident = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 12)}`;
    form.elements.job.value = ident;
    setTimeout(() => {
      form.querySelector("[data-job-line]").hidden = false;
    }, HIDDEN_UNTIL);
    show(form, null);
    live.addEventListener("change", (event) => {
      if (event.detail.topic === "jobs") show(form, live.rows("jobs").get(`job:${ident}`));
    });
  });
}
