// What series are called on charts, and the units of what agents sample. Pure.

import { short } from "./curves.js";

const GPU = /^gpu(\d+)\//;

/**
 * The chart on which a series stands; null: on none.
 * @param {string} name
 * @param {string} kind
 */
export function titleOf(name, kind) {
  if (kind !== "system") return name;
  // How much there is in all does not change; and all GPUs share a chart.
  return name.endsWith("_total") ? null : name.replace(GPU, "gpu/");
}

/**
 * What a curve is called beside the others of its chart.
 * @param {{name: string, rank: number, kind?: string}} curve
 * @param {{name: string, rank: number}[]} all
 */
export function labelOf(curve, all) {
  if (all.length < 2) return "";
  if (curve.kind !== "system") return `rank ${curve.rank}`;
  const gpu = GPU.exec(curve.name);
  const isOneNode = all.every((other) => other.rank === all[0].rank);
  if (gpu) return isOneNode ? `gpu ${gpu[1]}` : `node ${curve.rank} gpu ${gpu[1]}`;
  return `${curve.name.startsWith("node/") ? "node" : "rank"} ${curve.rank}`;
}

/** @typedef {(value: number, digits?: number) => string} Write */
/**
 * @typedef {object} Unit
 * @property {Write} write
 * @property {boolean} [fromZero] the axis begins there
 * @property {number[]} [steps] between the marks of an axis
 */

const BINARY = [0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5, 10, 20, 50, 100, 200, 500].map((lead) => lead * 1024 ** power));

/** @type {[RegExp, Unit][]} */
const UNITS = [
  [/\/disk_free/, { write: bytes, steps: BINARY }],
  [/\/memory/, { write: bytes, steps: BINARY, fromZero: true }],
  [/\/(disk|network)_/, { write: (value, digits) => `${bytes(value, digits)}/s`, steps: BINARY, fromZero: true }],
  [/\/(cpu|utilization)/, { write: (value, digits) => `${short(value, digits)} %`, fromZero: true }],
  [/\/power/, { write: (value, digits) => `${short(value, digits)} W`, fromZero: true }],
  [/\/temperature/, { write: (value, digits) => `${short(value, digits)} °C` }],
  [/\/step_time/, { write: (value, digits) => `${short(value, digits)} s`, fromZero: true }],
  [/\/(load|processes)/, { write: short, fromZero: true }],
];
/** @type {Unit} */
const PLAIN = { write: short };

/** How the values of a chart are shown. @param {string} title @param {string} kind @returns {Unit} */
export function unitOf(title, kind) {
  if (kind !== "system") return PLAIN;
  return UNITS.find(([pattern]) => pattern.test(title))?.[1] ?? PLAIN;
}

/** @param {number} value */
function bytes(value, digits = 4) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = value > 0 ? Math.min(Math.floor(Math.log2(value) / 10), units.length - 1) : 0;
  return `${short(value / 1024 ** Math.max(power, 0), Math.min(digits, 3))} ${units[Math.max(power, 0)]}`;
}
