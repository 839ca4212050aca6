// Small curves in tables: <svg data-spark id="spark-JOB"> with a polyline, in a viewBox of 100 x 24.

import { get } from "./act.js";

const WIDTH = 100;
const HEIGHT = 24;
const AGAIN_MS = 300;
const AT_ONCE = 100;

/** @type {Map<string, string>} by job, what was drawn: a table that comes back has it at once */
const drawn = new Map();
/** @type {Set<string>} jobs that are over, and whose curve is there: it does not change */
const final = new Set();
let isAsking = false;

/** @param {HTMLElement} table with rows that have data-job and data-state */
export async function drawSparks(table) {
  /** @type {string[]} */
  const wanted = [];
  for (const svg of table.querySelectorAll("svg[data-spark]")) {
    const row = /** @type {HTMLElement} */ (svg.closest("[data-job]"));
    const job = row.dataset.job ?? "";
    put(svg, drawn.get(job) ?? "");
    if (!final.has(job)) wanted.push(job);
  }
  if (!wanted.length || isAsking) return;
  isAsking = true;
  try {
    await ask(table, wanted);
  } catch {
    // The next change of the table asks again.
  } finally {
    isAsking = false;
  }
}

/** @param {HTMLElement} table @param {string[]} jobs */
async function ask(table, jobs) {
  for (let wanted = jobs; wanted.length;) {
    const query = new URLSearchParams(wanted.slice(0, AT_ONCE).map((job) => ["job", job]));
    const { sparklines, later } = await get(`/sparklines?${query}`);
    for (const line of sparklines) {
      const points = polyline(line.xs, line.ys);
      drawn.set(line.job, points);
      const svg = document.getElementById(`spark-${line.job}`);
      if (!svg) continue;
      put(svg, points);
      if (isOver(svg)) final.add(line.job);
    }
    wanted = [...later, ...wanted.slice(AT_ONCE)];
    if (later.length) await new Promise((done) => setTimeout(done, AGAIN_MS));
    if (!table.isConnected || document.hidden) return;
  }
}

/** @param {Element} svg */
function isOver(svg) {
  const row = svg.closest("[data-job]");
  return row instanceof HTMLElement && ["SUCCEEDED", "FAILED", "CANCELLED"].includes(row.dataset.state ?? "");
}

/** @param {Element} svg @param {string} points */
function put(svg, points) {
  const line = svg.querySelector("polyline");
  if (line && line.getAttribute("points") !== points) line.setAttribute("points", points);
}

/**
 * Points of a polyline; what is no number is left out.
 * @param {number[]} xs
 * @param {(number | null)[]} ys
 */
export function polyline(xs, ys) {
  const known = /** @type {number[]} */ (ys.filter((y) => typeof y === "number" && Number.isFinite(y)));
  if (!known.length) return "";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  /** @type {string[]} */
  const points = [];
  xs.forEach((x, at) => {
    const y = ys[at];
    if (typeof y !== "number" || !Number.isFinite(y)) return;
    const across = last > first ? ((x - first) / (last - first)) * WIDTH : WIDTH / 2;
    const up = high > low ? (1 - (y - low) / (high - low)) * (HEIGHT - 2) + 1 : HEIGHT / 2;
    points.push(`${across.toFixed(1)},${up.toFixed(1)}`);
  });
  return points.join(" ");
}
