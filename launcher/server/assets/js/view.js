// How the charts of a page are looked at. It stands in the address, so that a link shows the same;
// what is a habit rather than a place (axis, smoothing) is also kept for the next page.

/** @typedef {import("./chart.js").View} View */

const KEY = "launcher-charts";

/**
 * @param {string[]} axes that the page has, the usual one first
 * @returns {View & {search: string}}
 */
export function readView(axes) {
  const address = new URLSearchParams(location.search);
  const habit = kept();
  const told = (name) => address.get(name) ?? habit[name];
  const from = Number.parseFloat(address.get("from"));
  const to = Number.parseFloat(address.get("to"));
  const smoothing = Number.parseFloat(told("smooth"));
  return {
    x: axes.includes(told("x")) ? told("x") : axes[0],
    log: told("log") === "1",
    smoothing: smoothing > 0 && smoothing < 1 ? smoothing : 0,
    zoom: from < to ? [from, to] : null,
    search: address.get("q") ?? "",
  };
}

/** @param {View & {search: string}} view */
export function keepView(view) {
  const habit = { x: view.x, log: view.log ? "1" : "0", smooth: String(view.smoothing) };
  try {
    localStorage.setItem(KEY, JSON.stringify(habit));
  } catch {
    // No storage here: it lasts as long as the page.
  }
  const address = new URL(location.href);
  const put = (name, value) => (value ? address.searchParams.set(name, value) : address.searchParams.delete(name));
  put("x", view.x === "step" ? "" : view.x);
  put("log", view.log ? "1" : "");
  put("smooth", view.smoothing ? String(view.smoothing) : "");
  put("from", view.zoom ? String(view.zoom[0]) : "");
  put("to", view.zoom ? String(view.zoom[1]) : "");
  put("q", view.search);
  history.replaceState(null, "", address);
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}
