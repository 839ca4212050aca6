// The page of the clusters: it stays up to date, tells who holds a cell, and draws loads.

import { get } from "./act.js";
import { onKey } from "./keys.js";
import { listen, throttled } from "./live.js";
import { morph } from "./morph.js";
import { duration, writeTimes } from "./time.js";

const REFRESH_MS = 2000;
const ANYWAY_MS = 10_000;
const LOAD_EVERY_MS = 15_000;
const MINUTES = 60;

/** @type {Map<string, string>} what each node did last, in words, by its id */
const uses = new Map();

const place = () => /** @type {HTMLElement} */ (document.getElementById("cluster"));

// --- up to date ---------------------------------------------------------------------------------

async function refresh() {
  if (document.hidden) return;
  const response = await fetch(location.pathname, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (response.status === 401) location.reload();
  if (response.ok) morph(place(), await response.text());
}

const changed = throttled(refresh, REFRESH_MS);

// --- who holds a cell ---------------------------------------------------------------------------

/** What holds a cell, as lines of text. @param {Element} cell */
function words(cell) {
  const link = cell.closest("a");
  const node = /** @type {HTMLElement | null} */ (cell.closest(".node"));
  const use = uses.get(node?.dataset.node ?? "") ?? "";
  if (cell === node) return [node.dataset.label ?? "", use];
  const here = [part(cell), use].filter(Boolean).join(" · ");
  if (!link) return ["Others than jobs of this server", here];
  const tenant = /** @type {HTMLElement | null} */ (document.querySelector(`a[data-tenant][href="${CSS.escape(hrefOf(link))}"]`));
  const { state = "", user = "", project = "" } = tenant?.dataset ?? {};
  const of = [state, user && `of ${user}`, project && `project ${project}`].filter(Boolean).join(", ");
  return [hrefOf(link).replace("/jobs/", ""), of, here];
}

/** As "4 GPUs of node-7". @param {Element} cell */
function part(cell) {
  const kind = cell.closest("svg")?.getAttribute("data-kind");
  const label = cell.closest("[data-label]")?.getAttribute("data-label");
  const rect = cell.matches("rect") ? cell : cell.querySelector("rect");
  const count = Number(rect?.getAttribute("width"));
  return kind && label ? `${Math.round(count * 100) / 100} ${kind}${count === 1 ? "" : "s"} of ${label}` : "";
}

/** Also of links inside drawings. @param {Element} link */
const hrefOf = (link) => link.getAttribute("href") ?? "";

/** Show who holds a cell, and all that they hold. @param {Element | null} cell */
function tell(cell) {
  const tip = /** @type {HTMLElement} */ (document.getElementById("tip"));
  const link = cell?.closest("a");
  for (const one of document.querySelectorAll(".is-same")) one.classList.remove("is-same");
  document.body.classList.toggle("is-searching", Boolean(link));
  if (link) {
    const theirs = document.querySelectorAll(`#cluster a[href="${CSS.escape(hrefOf(link))}"] .held`);
    for (const one of theirs) one.classList.add("is-same");
  }
  tip.hidden = !cell;
  if (!cell) return;
  tip.replaceChildren(...words(cell).filter(Boolean).map((text) => {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  }));
  const box = cell.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - tip.offsetWidth / 2, 8), innerWidth - tip.offsetWidth - 8);
  const isAbove = box.top - tip.offsetHeight - 8 > 56;
  tip.style.left = `${left}px`;
  tip.style.top = `${isAbove ? box.top - tip.offsetHeight - 8 : box.bottom + 8}px`;
}

/** @type {Element | null} */
let told = null;

/** @param {Event} event */
function pointed(event) {
  const target = event.target instanceof Element ? event.target : null;
  const cell = target?.closest(".cells a, .stranger, .tenants a, [data-roomy=no] .node") ?? null;
  if (cell === told) return;
  told = cell;
  tell(cell);
}

// --- loads --------------------------------------------------------------------------------------

async function drawLoads() {
  if (document.hidden || !place().querySelector(".node")) return;
  const isSmall = Boolean(place().querySelector(".loads-all"));
  const load = await get(`/nodes/load?minutes=${MINUTES}&nodes=${isSmall ? "newest" : "all"}`);
  const [from, to] = [load.now - MINUTES * 60, load.now];
  for (const cluster of load.clusters) {
    const { mean } = cluster;
    drawLoad(`loads-of-${cluster.name}`, mean, 100, [from, to, load.step_s], ` of ${plural(mean.nodes.at(-1), "node")}`);
    for (const node of cluster.nodes) {
      drawLoad(`loads-${node.node_id}`, node, node.memory_total, [from, to, load.step_s]);
      tellUse(node);
    }
  }
}

/**
 * @param {string} id @param {any} load @param {number} memory how much there is
 * @param {[number, number, number]} times from, to and between two points
 * @param {string} [of] whose it is
 */
function drawLoad(id, load, memory, [from, to, step], of = "") {
  const box = document.getElementById(id);
  if (!box || !load.xs.length) return;
  box.hidden = false;
  const labels = box.querySelectorAll(".load-words");
  box.querySelectorAll("svg").forEach((svg, at) => {
    const kind = /** @type {"gpu" | "cpu" | "memory"} */ (svg.dataset.load);
    const most = kind === "memory" ? memory : 100;
    const values = most ? load[kind] : [];
    svg.querySelector("path")?.setAttribute("d", area(load.xs, values, from, to, most, step));
    const last = newest(values);
    labels[at].textContent = last === undefined ? "" : `${TITLES[kind]} ${Math.round((last / most) * 100)} %${of}`;
  });
}

/** @param {number} count @param {string} what */
const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

const TITLES = { gpu: "GPU", cpu: "CPU", memory: "memory" };

/** @param {(number | null)[]} values @returns {number | undefined} */
const newest = (values) => values.findLast((value) => value !== null) ?? undefined;

/** What a node did last: in words, and as a bar where there is no room for more. @param {any} node */
function tellUse(node) {
  const [gpu, cpu, memory] = [newest(node.gpu), newest(node.cpu), newest(node.memory)];
  const parts = { gpu, cpu, memory: memory === undefined ? memory : (memory / node.memory_total) * 100 };
  const told = Object.entries(parts).filter(([, value]) => value !== undefined);
  uses.set(node.node_id, told.map(([kind, value]) => `${TITLES[/** @type {"gpu"} */ (kind)]} ${Math.round(value ?? 0)} %`).join(", "));
  document.querySelector(`#use-${CSS.escape(node.node_id)} rect`)?.setAttribute("width", String(gpu ?? cpu ?? 0));
}

/**
 * Areas under a curve, with gaps where nothing was measured, in a viewBox of 60 x 16.
 * @param {number[]} xs @param {(number | null)[]} ys
 * @param {number} from @param {number} to @param {number} most @param {number} step
 */
export function area(xs, ys, from, to, most, step) {
  let path = "";
  let open = -1;
  let before = -Infinity;
  xs.forEach((x, at) => {
    const y = ys[at];
    if (y === null || y === undefined) return;
    const across = (((x - from) / (to - from)) * 60).toFixed(2);
    const up = (16 - Math.min(Math.max(y / most, 0), 1) * 15).toFixed(2);
    if (x - before > step * 3 && open >= 0) path += `L${open} 16Z`;
    path += x - before > step * 3 || open < 0 ? `M${across} 16L${across} ${up}` : `L${across} ${up}`;
    open = Number(across);
    before = x;
  });
  return open < 0 ? "" : `${path}L${open} 16Z`;
}

// --- node by node -------------------------------------------------------------------------------

/** @param {number} by */
function step(by) {
  const nodes = [...document.querySelectorAll(".node")];
  const at = nodes.findIndex((node) => node === document.activeElement?.closest(".node"));
  const next = nodes[Math.min(Math.max(at + by, 0), nodes.length - 1)];
  if (!(next instanceof HTMLElement)) return;
  next.focus();
  told = next.querySelector(".cells a, .stranger") ?? next;
  tell(told);
}

/** @param {KeyboardEvent} event */
function opened(event) {
  const node = event.target;
  if (event.key !== "Enter" || !(node instanceof HTMLElement) || !node.matches(".node")) return;
  node.querySelector("a")?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
}

function start() {
  writeTimes();
  document.addEventListener("pointerover", pointed);
  document.addEventListener("focusin", pointed);
  document.addEventListener("keydown", opened);
  addEventListener("scroll", () => { told = null; tell(null); }, { passive: true });
  addEventListener("launcher:morphed", () => {
    writeTimes(place());
    if (told?.isConnected) tell(told);
    else if (told) { told = null; tell(null); }
  });
  onKey("ArrowRight", () => step(1));
  onKey("ArrowLeft", () => step(-1));
  listen("/api/v1/follow", { changed });
  setInterval(changed, ANYWAY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || changed());
  const draw = () => drawLoads().catch(() => undefined);
  draw();
  setInterval(draw, LOAD_EVERY_MS);
}

start();
