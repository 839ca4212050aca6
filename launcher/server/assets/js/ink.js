// What canvases are drawn with: colours of the theme that is shown.

import { color } from "./theme.js";

/** Curves have so many colours; those behind them are dashed. */
export const COLOURS = 12;

/** @param {{colour?: number}[]} curves @param {number} index @returns {number} from 1 */
export const colourOf = (curves, index) => ((curves[index].colour ?? index) % COLOURS) + 1;

/** @type {Map<string, string>} */
const inks = new Map();
addEventListener("launcher:theme", () => inks.clear());

/** What canvases draw with: a custom property as it is in this theme. @param {string} name */
export function ink(name) {
  if (!inks.has(name)) inks.set(name, color(name));
  return inks.get(name);
}
