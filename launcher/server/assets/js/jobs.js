// The page of all jobs: it stays up to date by itself, and does something with several of them.

import { attempt, confirmed, mayAct, post, toast } from "./act.js";
import { onKey } from "./keys.js";
import { listen, throttled } from "./live.js";
import { morph } from "./morph.js";
import { drawSparks } from "./sparks.js";
import { writeTimes } from "./time.js";

const REFRESH_MS = 1000;
/** What waits is told other reasons and times as time goes on, without any change. */
const ANYWAY_MS = 15_000;

/** @type {Set<string>} ids of the jobs that are selected, also of those on other pages */
const selected = new Set();
/** @type {string | undefined} the job whose box was clicked last */
let last;

const table = () => /** @type {HTMLElement} */ (document.getElementById("jobs"));

/** @returns {HTMLInputElement[]} */
const boxes = () => [...table().querySelectorAll("tbody input[type=checkbox]")].filter((one) => one instanceof HTMLInputElement);

// --- up to date ---------------------------------------------------------------------------------

async function refresh() {
  if (document.hidden) return;
  const address = location.href;
  const response = await fetch(address, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (response.status === 401) location.reload();
  const html = await response.text();
  // Meanwhile somebody may have gone to another page of the table.
  if (response.ok && address === location.href) morph(table(), html);
}

const changed = throttled(refresh, REFRESH_MS);

function afterNewRows() {
  htmx.process(table());
  writeTimes(table());
  showSelected();
  drawSparks(table());
}

// --- selecting ----------------------------------------------------------------------------------

function showSelected() {
  const all = boxes();
  for (const box of all) {
    box.checked = selected.has(box.value);
    box.closest("tr")?.setAttribute("aria-selected", String(box.checked));
  }
  const whole = document.getElementById("all");
  if (whole instanceof HTMLInputElement) {
    whole.checked = all.length > 0 && all.every((box) => box.checked);
    whole.indeterminate = !whole.checked && all.some((box) => box.checked);
  }
  const bar = /** @type {HTMLElement} */ (document.getElementById("selected"));
  bar.hidden = !selected.size;
  const elsewhere = selected.size - all.filter((box) => box.checked).length;
  const count = /** @type {HTMLElement} */ (document.getElementById("selected-count"));
  count.textContent = `${plural(selected.size, "job")} selected${elsewhere ? `, ${elsewhere} not shown here` : ""}`;
  const query = new URLSearchParams([...selected].map((id) => ["job", id]));
  document.getElementById("selected-compare")?.setAttribute("href", `/compare?${query}`);
}

/** @param {MouseEvent} event */
function clicked(event) {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
  const all = boxes();
  let range = [box];
  if (box.id === "all") range = all;
  else if (event.shiftKey && last) {
    const ends = [all.findIndex((one) => one.value === last), all.indexOf(box)].sort((a, b) => a - b);
    if (ends[0] >= 0) range = all.slice(ends[0], ends[1] + 1);
  }
  for (const one of range) {
    if (box.checked) selected.add(one.value);
    else selected.delete(one.value);
  }
  last = box.id === "all" ? undefined : box.value;
  showSelected();
}

function selectNone() {
  selected.clear();
  showSelected();
}

/** @param {number} count @param {string} what */
const plural = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

// --- doing --------------------------------------------------------------------------------------

const DONE = { cancel: "cancelled", hold: "held", release: "released" };

/** @param {keyof typeof DONE} order */
async function give(order) {
  const jobs = [...selected];
  if (!jobs.length) return;
  if (order === "cancel" && !(await confirmed(question(jobs)))) return;
  const told = await attempt(() => post(`/queue/${order}`, { jobs }));
  if (!told) return;
  const refused = told.outcomes.filter((/** @type {{problem: string}} */ one) => one.problem);
  const worked = told.outcomes.length - refused.length;
  if (worked) toast(`${plural(worked, "job")} ${DONE[order]}`);
  if (refused.length) {
    toast(`${plural(refused.length, "job")} not ${DONE[order]}: ${refused[0].problem}`, { hint: refused[0].hint, isError: true });
  }
  selectNone();
  changed();
}

/** @param {string[]} jobs */
function question(jobs) {
  const shown = jobs.slice(0, 5).join("\n");
  const more = jobs.length > 5 ? `\nand ${jobs.length - 5} more` : "";
  return {
    title: `Cancel ${plural(jobs.length, "job")}?`,
    text: `${shown}${more}\n\nWhat runs may save first.`,
    yes: `Cancel ${plural(jobs.length, "job")}`,
  };
}

// --- start --------------------------------------------------------------------------------------

/** What is usual is not written into the address. @param {any} event */
function tidy(event) {
  const usual = { sort: "-submitted" };
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (!value || usual[/** @type {"sort"} */ (name)] === value) event.detail.formData.delete(name);
  }
}

function start() {
  document.addEventListener("htmx:configRequest", tidy);
  document.addEventListener("click", clicked);
  addEventListener("launcher:morphed", afterNewRows);
  for (const button of document.querySelectorAll("[data-order]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.disabled = !mayAct();
    if (!mayAct()) button.title = "launcher open prints the address of a page that may act";
    button.addEventListener("click", () => give(/** @type {keyof typeof DONE} */ (button.dataset.order)));
  }
  document.getElementById("selected-none")?.addEventListener("click", selectNone);
  onKey("Escape", selectNone);
  afterNewRows();
  listen("/api/v1/follow", { changed });
  setInterval(changed, ANYWAY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || changed());
}

start();
