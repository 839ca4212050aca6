// The controls of how charts are looked at: which series, axis, smoothing, zoom.

import { keepView } from "./view.js";

/** @typedef {import("./chart.js").View & {search: string}} View */

const form = () => /** @type {HTMLFormElement} */ (document.getElementById("chart-tools"));
const field = (name) => form().elements.namedItem(name);

/** Show how it is looked at. @param {View} view */
export function tellTools(view) {
  field("x").value = view.x;
  field("log").checked = view.log;
  field("smooth").value = String(view.smoothing);
  document.getElementById("smooth-value").textContent = view.smoothing ? view.smoothing.toFixed(2) : "0";
  document.getElementById("zoom-out").disabled = !view.zoom;
}

/**
 * @param {View} view
 * @param {(change: Partial<View>) => void} look
 * @param {(text: string) => void} find
 */
export function startTools(view, look, find) {
  field("q").value = view.search;
  tellTools(view);
  form().addEventListener("submit", (event) => event.preventDefault());
  form().addEventListener("input", ({ target }) => {
    if (target.name === "q") {
      view.search = target.value;
      keepView(view);
      find(view.search);
    } else if (target.name === "smooth") look({ smoothing: Number(target.value) });
  });
  form().addEventListener("change", ({ target }) => {
    if (target.name === "x") look({ x: target.value });
    else if (target.name === "log") look({ log: target.checked });
  });
  document.getElementById("zoom-out").addEventListener("click", () => look({ zoom: null }));
}
