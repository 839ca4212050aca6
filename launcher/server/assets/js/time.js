// Times in the reader's zone: <time datetime="…" data-time="ago|age|clock|until|since">.
//
// `ago`: "5m ago"; `age`: "5m"; `clock`: "14:05:09", with the day when it is another one; `until`: "in 5m";
// `since`: how long it has lasted, "1h30m". The title is always the whole local time.

const UNITS = /** @type {const} */ ([["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]);
const whole = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
  second: "2-digit", hour12: false, timeZoneName: "short",
});
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** How far the server's clock is ahead of the browser's, in milliseconds. */
let ahead = 0;

/** @returns {number} the server's time now, in milliseconds */
export function now() {
  return Date.now() + ahead;
}

/**
 * The two largest units of a duration, as the command line writes it: "1h30m", "12s".
 * @param {number} seconds
 */
export function duration(seconds) {
  let left = Math.max(0, Math.round(seconds));
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (!count && !parts.length && unit !== "s") continue;
    left -= count * size;
    if (count || !parts.length) parts.push(`${count}${unit}`);
    if (parts.length === 2 || (parts.length && unit === "s")) break;
  }
  return parts.join("");
}

/**
 * @param {number} at milliseconds
 * @param {string} kind
 */
function words(at, kind) {
  const passed = (now() - at) / 1000;
  if (kind === "since") return duration(passed);
  if (kind === "age") return duration(roughly(passed));
  if (kind === "until") return passed >= 0 ? "now" : `in ${duration(roughly(-passed))}`;
  if (kind === "clock") return clockTime(at);
  return passed < 5 ? "just now" : `${duration(roughly(passed))} ago`;
}

/** One unit will do for what is long: "3h ago". @param {number} seconds */
function roughly(seconds) {
  const unit = UNITS.find(([, size]) => seconds >= size)?.[1] ?? 1;
  return Math.floor(seconds / unit) * unit;
}

/** @param {number} at milliseconds */
export function clockTime(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** @param {number} at milliseconds */
export function wholeTime(at) {
  return whole.format(new Date(at));
}

/** Write all times below an element. @param {ParentNode} root */
export function writeTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const at = Date.parse(element.getAttribute("datetime") ?? "");
    if (Number.isNaN(at)) continue;
    const text = words(at, element.getAttribute("data-time") ?? "ago");
    if (element.textContent !== text) element.textContent = text;
    const title = wholeTime(at);
    if (element.getAttribute("title") !== title) element.setAttribute("title", title);
  }
}

export function startTimes() {
  const told = Number(document.body.dataset.now);
  // Half a second is the way here; only a clock that is wrong is put right.
  if (told && Math.abs(told * 1000 - Date.now()) > 3000) ahead = told * 1000 - Date.now();
  writeTimes();
  setInterval(() => document.hidden || writeTimes(), 1000);
  document.addEventListener("visibilitychange", () => document.hidden || writeTimes());
  document.addEventListener("htmx:afterSwap", () => writeTimes());
}
