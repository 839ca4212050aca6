// What charts do to curves before they draw them. Pure.

/**
 * @typedef {object} Curve
 * @property {string} key what tells it from the others of its chart
 * @property {string} label
 * @property {number[]} xs ascending; values may come twice
 * @property {(number|null)[]} ys null where a value is no number
 * @property {[number, string][]} odd what those are: nan, inf or -inf
 * @property {boolean} [isSlow] of a rank that is slower than the others
 */

/**
 * An exponential moving average without pull towards zero at its beginning.
 * @param {(number|null)[]} ys
 * @param {number} weight of what was before, from 0 (as it is) to below 1
 */
export function smooth(ys, weight) {
  if (!weight) return ys;
  let mean = 0;
  let mass = 0;
  return ys.map((y) => {
    if (y === null || y === undefined) return y;
    mean = mean * weight + y * (1 - weight);
    mass = mass * weight + (1 - weight);
    return mean / mass;
  });
}

/**
 * Curves over one axis: `undefined` where a curve has no point of its own.
 * @param {{xs: number[], ys: (number|null)[]}[]} curves
 * @returns {{xs: number[], ys: (number|null|undefined)[][]}}
 */
export function align(curves) {
  if (!curves.length) return { xs: [], ys: [] };
  const first = curves[0].xs;
  if (curves.every((curve) => isSame(curve.xs, first))) {
    return { xs: first, ys: curves.map((curve) => curve.ys) };
  }
  const next = curves.map(() => 0);
  const ys = curves.map(() => []);
  const xs = [];
  for (;;) {
    let x = Infinity;
    curves.forEach((curve, i) => {
      if (next[i] < curve.xs.length && curve.xs[next[i]] < x) x = curve.xs[next[i]];
    });
    if (x === Infinity) return { xs, ys };
    xs.push(x);
    curves.forEach((curve, i) => {
      ys[i].push(curve.xs[next[i]] === x ? curve.ys[next[i]++] : undefined);
    });
  }
}

function isSame(xs, others) {
  if (xs === others) return true;
  return xs.length === others.length && xs.every((x, i) => x === others[i]);
}

/** What a logarithmic axis can show: nothing at or below zero. */
export function positive(ys) {
  return ys.map((y) => (y === null || y === undefined || y > 0 ? y : null));
}

/**
 * Where a curve's own axis has room for its values, with a little air.
 * @returns {[number, number]}
 */
export function room(low, high, isLog, fromZero = false) {
  if (low === null || low === undefined || !Number.isFinite(low)) return isLog ? [0.1, 1] : [0, 1];
  if (isLog) {
    return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  }
  if (low === high) {
    const air = Math.abs(low) * 0.1 || 0.5;
    return [fromZero && low >= 0 ? 0 : low - air, high + air];
  }
  const air = (high - low) * 0.06;
  return [fromZero && low >= 0 ? 0 : low - air, high + air];
}

/** A number in few characters: 0.1235, 1.2e-5, 12.3k. */
export function short(value, digits = 4) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-4) return tidy(value.toExponential(digits - 2));
  for (const [unit, sign] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) return plain((value / (sign === "k" ? 1e3 : unit)).toPrecision(digits)) + sign;
  }
  return plain(value.toPrecision(size >= 1000 ? Math.max(digits, 4) : digits));
}

function plain(text) {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function tidy(text) {
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}

/**
 * Append a point that was just reported. False when it belongs before what is there already:
 * then the curve has to be asked for anew.
 * @param {Curve} curve
 * @param {number} x
 * @param {number|string} value as the API writes it: what is no number is a text
 */
export function append(curve, x, value) {
  const last = curve.xs.at(-1);
  if (last !== undefined && x < last) return false;
  const isNumber = typeof value === "number";
  curve.xs.push(x);
  curve.ys.push(isNumber ? value : null);
  if (!isNumber) curve.odd.push([x, String(value)]);
  return true;
}

/** `most` of the numbers, evenly spread, the first and the last among them. */
export function spread(numbers, most) {
  if (numbers.length <= most) return numbers;
  const step = (numbers.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => numbers[Math.round(i * step)]);
}

/** The part of a series' name before its last slash; series of one group stand together. */
export function groupOf(name) {
  const slash = name.lastIndexOf("/");
  return slash > 0 ? name.slice(0, slash) : "";
}
