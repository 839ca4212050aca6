// What stands over a chart: the values of its curves where the cursor is, each in its place.

import { colourOf } from "./ink.js";
import { clock } from "./ticks.js";
import { duration } from "./time.js";

/** Of more curves than this only the lowest, the middle and the highest value are told. */
export const MANY = 5;
/** Of more than these there is no room for the names: the colours say it, and a title. */
const NAMED = 3;

const WORDS = { time: clock, since: duration, step: (step) => `step ${step.toLocaleString("en")}` };

export class Legend {
  /** @param {HTMLElement} figure @param {import("./naming.js").Unit} unit */
  constructor(figure, unit) {
    this.place = figure.querySelector(".chart-legend");
    this.note = figure.querySelector(".chart-note");
    this.unit = unit;
    /** @type {HTMLOutputElement[]} */ this.cells = [];
    /** @type {number|undefined} the curve that the cursor is next to */ this.focused = undefined;
  }

  /** @param {import("./curves.js").Curve[]} curves */
  draw(curves) {
    this.curves = curves;
    const cells = this.isSummed
      ? ["min", "median", "max"].map((label) => legendCell(label))
      : curves.map((curve, index) => legendCell(curve.label, colourOf(curves, index), curve.isSlow));
    this.place.toggleAttribute("data-bare", !this.isSummed && curves.length > NAMED);
    this.place.replaceChildren(...cells.map((cell) => cell.item));
    this.cells = cells.map((cell) => cell.value);
  }

  get isSummed() {
    return this.curves.length > MANY;
  }

  /**
   * @param {number[]} xs
   * @param {(number|null|undefined)[][]} columns of each curve
   * @param {number|null} index where the cursor is; null: nowhere, and the newest values are told
   * @param {"step"|"time"|"since"} axis
   * @param {{kind: string, text: string}[]} marks close to it
   */
  tell(xs, columns, index, axis, marks) {
    const told = this.isSummed
      ? summed(columns, index).map((value) => (value === undefined ? "" : this.unit.write(value)))
      : columns.map((_, at) => this.#value(xs, columns, at, index));
    this.cells.forEach((cell, at) => { cell.textContent = told[at]; });
    this.note.textContent = index === null ? this.#usualWords() : this.#words(xs, columns, index, axis, marks);
  }

  #words(xs, columns, index, axis, marks) {
    const focused = this.isSummed ? this.curves[this.focused] : undefined;
    const nearest = focused ? [`${focused.label} ${this.#value(xs, columns, this.focused, index)}`] : [];
    return [...nearest, WORDS[axis](xs[index]), ...new Set(marks.map((mark) => mark.text || mark.kind))].join(" · ");
  }

  #usualWords() {
    const odd = this.curves.flatMap((curve) => curve.odd);
    const words = odd.length ? [`${odd.length} × ${[...new Set(odd.map(([, kind]) => kind))].join(", ")}`] : [];
    const slow = this.curves.filter((curve) => curve.isSlow).map((curve) => curve.rank);
    if (slow.length) words.push(`slow: ${slow.length > 1 ? "ranks" : "rank"} ${slow.join(", ")}`);
    return words.join(" · ");
  }

  #value(xs, columns, at, index) {
    const from = placeOf(columns[at], index);
    const y = columns[at][from];
    const odd = y === null && this.curves[at].odd.find(([x]) => x === xs[from]);
    if (odd) return odd[1];
    return y === null || y === undefined ? "" : this.unit.write(y);
  }
}

/** Where the newest point of a curve is at, or left of, an index; without one the last. */
function placeOf(ys, index) {
  let from = index ?? ys.length - 1;
  while (from > 0 && ys[from] === undefined) from -= 1;
  return from;
}

/** The lowest, the middle and the highest value of all curves. */
function summed(columns, index) {
  const values = columns.map((ys) => ys[placeOf(ys, index)])
    .filter((y) => y !== null && y !== undefined)
    .sort((one, other) => one - other);
  return [values[0], values[values.length >> 1], values.at(-1)];
}

/** @param {string} label @param {number} [colour] @param {boolean} [isSlow] */
function legendCell(label, colour, isSlow = false) {
  const item = document.createElement("span");
  item.className = "legend-item";
  item.toggleAttribute("data-slow", isSlow);
  if (colour !== undefined) {
    const swatch = document.createElement("i");
    swatch.className = "swatch";
    swatch.dataset.colour = String(colour);
    item.append(swatch);
  }
  if (label) {
    const words = document.createElement("span");
    words.className = "legend-label";
    words.textContent = item.title = label;
    item.append(words);
  }
  const value = document.createElement("output");
  item.append(value);
  return { item, value };
}
