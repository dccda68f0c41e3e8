// SPDX-License-Identifier: GPL-2.0-or-later
// The part of a long list of rows that stands in the page: what can be seen and some rows beyond; the rest is height.
// A short list stands there whole.

const WHOLE = 150; // rows; up to so many nothing is left out, so that the browser's own search finds them
const MARGIN = 20; // rows beyond each edge of the screen: what the Tab key reaches next is always there
const STEP = 10; // rows; a window that moves by less stays

export class RowWindow {
  #body;
  #above;
  #below;
  #whole = true;
  #height = 0; // px of a row, measured once for each width: a height that changed would move what is looked at

  constructor(body, columns, moved) {
    this.#body = body;
    this.#above = this.#spacer(columns);
    this.#below = this.#spacer(columns);
    body.before(this.#above);
    body.after(this.#below);
    addEventListener("scroll", moved, { passive: true });
    addEventListener("resize", () => {
      this.#height = 0;
      moved();
    });
  }

  #spacer(columns) {
    const spacer = document.createElement("tbody");
    spacer.className = "spacer";
    spacer.hidden = true;
    spacer.setAttribute("aria-hidden", "true");
    spacer.insertRow().insertCell().colSpan = columns;
    return spacer;
  }

  /** The first row of `count` that must be in the page, and the first one behind that need not. */
  range(count) {
    if (count <= WHOLE) return [0, count];
    if (!this.#height) return [0, WHOLE];
    const start = (this.#above.hidden ? this.#body : this.#above).getBoundingClientRect().top;
    const first = Math.floor(-start / this.#height / STEP) * STEP - MARGIN;
    const last = Math.ceil((innerHeight - start) / this.#height / STEP) * STEP + MARGIN;
    const from = Math.max(0, Math.min(first, count - 2 * MARGIN));
    return [from, Math.min(count, Math.max(last, from + 2 * MARGIN))];
  }

  /** Let the rows that are left out take their place. */
  pad(from, to, count) {
    const whole = to - from === count;
    if (!whole) this.#height ||= this.#body.getBoundingClientRect().height / (to - from);
    // The browser would hold on to what stands in a spacer, and scroll back when rows take its place.
    if (whole !== this.#whole) document.documentElement.style.overflowAnchor = whole ? "" : "none";
    this.#whole = whole;
    this.#stretch(this.#above, from);
    this.#stretch(this.#below, count - to);
  }

  #stretch(spacer, rows) {
    if (spacer.hidden !== (rows === 0)) spacer.hidden = rows === 0;
    const height = `${Math.round(rows * this.#height)}px`;
    if (spacer.rows[0].style.height !== height) spacer.rows[0].style.height = height;
  }
}
