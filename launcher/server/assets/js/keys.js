// The keyboard: pages add keys by `onKey`, tables get j, k, Enter and x by [data-rows].

const GO = { j: "/", c: "/cluster", o: "/compare" };
/** @type {Map<string, (event: KeyboardEvent) => void>} */
const own = new Map();
/** When `g` was pressed last. */
let afterG = -Infinity;

/**
 * A key of this page, where nobody types.
 * @param {string} key as in KeyboardEvent.key
 * @param {(event: KeyboardEvent) => void} act
 */
export function onKey(key, act) {
  own.set(key, act);
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target.isContentEditable || target.matches("textarea, select");
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape" && event.target instanceof HTMLElement) event.target.blur();
    return;
  }
  const isSecond = performance.now() - afterG < 1200;
  afterG = -Infinity;
  if (isSecond && event.key in GO) {
    location.assign(GO[/** @type {keyof typeof GO} */ (event.key)]);
    event.preventDefault();
    return;
  }
  if (event.key === "g") afterG = performance.now();
  const act = own.get(event.key) ?? SHARED[event.key];
  if (!act) return;
  const isDone = act(event);
  if (isDone !== false) event.preventDefault();
}

function search() {
  const field = document.querySelector("input[type=search]");
  if (!(field instanceof HTMLInputElement)) return false;
  field.focus();
  field.select();
  return true;
}

/** @returns {HTMLElement[]} */
function rows() {
  return [...document.querySelectorAll("[data-rows] > [data-row]")].filter((one) => one instanceof HTMLElement);
}

function current() {
  return rows().find((row) => row.hasAttribute("data-here"));
}

/** @param {number} by */
function move(by) {
  const all = rows();
  if (!all.length) return false;
  const at = all.findIndex((row) => row.hasAttribute("data-here"));
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  for (const row of all) row.toggleAttribute("data-here", row === next);
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a")?.focus({ preventScroll: true });
  return true;
}

/** @type {Record<string, (event: KeyboardEvent) => boolean | void>} */
const SHARED = {
  "/": search,
  "?": help,
  j: () => move(1),
  k: () => move(-1),
  Enter: (event) => {
    if (event.target instanceof HTMLElement && event.target.closest("a, button, summary")) return false;
    const link = current()?.querySelector("a");
    link?.click();
    return Boolean(link);
  },
  x: () => {
    const box = current()?.querySelector("input[type=checkbox]");
    if (box instanceof HTMLElement) box.click();
    return Boolean(box);
  },
};

function help() {
  /** @type {HTMLDialogElement | null} */ (document.getElementById("help"))?.showModal();
}

export function startKeys() {
  document.addEventListener("keydown", pressed);
  document.getElementById("help-button")?.addEventListener("click", help);
}
