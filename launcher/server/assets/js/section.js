// The charts of a page: one for each name, in groups, drawn when they come into view.

import { groupOf } from "./curves.js";
import { labelOf, titleOf } from "./naming.js";
import { Panel } from "./panel.js";

/** Fewer charts stand in one grid. */
const GROUPED_FROM = 18;
const OPEN_AT_FIRST = 36;
const SHOWN_AT_ONCE = 48;
const NEAR = "400px";
/** A plot's width in pixels, about: the server thins curves out to as many columns. */
export const WIDTH = 500;

export class Section {
  /**
   * @param {HTMLElement} root
   * @param {{asking: {want: (wish: import("./asking.js").Wish) => void}, kind: string, sync: string,
   *   view: import("./chart.js").View, handlers: import("./chart.js").Handlers, isSmall?: boolean,
   *   label?: (curve: object, all: object[]) => string}} options
   */
  constructor(root, { asking, kind, sync, view, handlers, isSmall = false, label = labelOf }) {
    Object.assign(this, { root, asking, kind, sync, view, handlers, isSmall, label });
    this.width = WIDTH;
    /** @type {Map<string, Panel>} */ this.panels = new Map();
    /** @type {Map<string, Map<string, number[]>>} */ this.charts = new Map();
    /** @type {Map<Element, Panel>} */ this.byFigure = new Map();
    /** @type {[number, number]|null} what the axis of all charts spans */ this.extent = null;
    this.search = "";
    this.isOpen = new Map();
    this.grown = new Set();
    this.near = new IntersectionObserver((seen) => this.#seen(seen), { rootMargin: NEAR });
  }

  /** @param {{name: string, rank: number}[]} series */
  setSeries(series) {
    this.charts = new Map();
    for (const one of series) this.#know(one);
    for (const [title, panel] of this.panels) panel.series = this.charts.get(title) ?? panel.series;
    this.draw();
  }

  /** @returns {Map<string, number[]>|null} what a chart shows, if the series makes a new one */
  #know({ name, rank }) {
    const title = titleOf(name, this.kind);
    if (title === null) return null;
    const chart = this.charts.get(title);
    if (!chart) {
      this.charts.set(title, new Map([[name, [rank]]]));
      return this.charts.get(title);
    }
    const ranks = chart.get(name);
    if (!ranks) chart.set(name, [rank]);
    else if (!ranks.includes(rank)) ranks.push(rank);
    return null;
  }

  get isEmpty() {
    return this.charts.size === 0;
  }

  /** @param {string} text words that a name must hold, all of them */
  find(text) {
    this.search = text;
    this.draw();
  }

  /** The names that are drawn now, for who follows only those. */
  get drawn() {
    return [...this.panels.values()]
      .filter((panel) => panel.isAsked)
      .flatMap((panel) => [...panel.series.keys()]);
  }

  /** What is looked at has changed: ask for all curves again, as they come into view. */
  askAll() {
    this.extent = null;
    for (const panel of this.panels.values()) if (panel.isAsked) panel.ask();
  }

  /** More has come than anybody told of. */
  refresh() {
    for (const panel of this.panels.values()) if (panel.isAsked) panel.ask();
  }

  /** @param {string} title of the chart that is to be asked for anew, if it is drawn */
  ask(title) {
    const panel = this.panels.get(title);
    if (panel?.isAsked) panel.ask();
  }

  /** How it is looked at has changed. */
  showAll() {
    for (const panel of this.panels.values()) panel.show();
  }

  /** @param {((curve: object) => boolean)|null} which */
  bringForward(which) {
    for (const panel of this.panels.values()) panel.chart?.bringForward(which);
  }

  repaint() {
    for (const panel of this.panels.values()) panel.chart?.repaint();
  }

  /** @param {{xs: number[]}[]} curves whose ends the axis must show */
  widen(curves) {
    let [low, high] = this.extent ?? [Infinity, -Infinity];
    for (const { xs } of curves) {
      if (!xs.length) continue;
      low = Math.min(low, xs[0]);
      high = Math.max(high, xs.at(-1));
    }
    const before = this.extent;
    this.extent = low <= high ? [low, high] : null;
    const isWider = before && this.extent && (low < before[0] || high > before[1]);
    if (isWider && !this.view.zoom) this.#growSoon(this.panels.values());
  }

  /** @param {object[]} points that were just reported */
  report(points) {
    const changed = new Set();
    let isNew = false;
    for (const point of points) {
      if (this.#know(point)) isNew = true;
      const panel = this.panels.get(titleOf(point.name, this.kind));
      if (panel?.report(point)) changed.add(panel);
    }
    if (isNew) this.draw();
    if (changed.size) {
      this.widen([...changed].flatMap((panel) => panel.curves));
      this.#growSoon(changed);
    }
  }

  #growSoon(panels) {
    const isFirst = !this.grown.size;
    for (const panel of panels) this.grown.add(panel);
    if (!isFirst) return;
    requestAnimationFrame(() => {
      for (const panel of this.grown) if (panel.isNear) panel.chart?.grow(this.extent);
      this.grown.clear();
    });
  }

  /** Put groups and figures on the page; charts that stay keep what they have drawn. */
  draw() {
    const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
    const names = [...this.charts.keys()].filter((name) => {
      const lower = name.toLowerCase();
      return words.every((word) => lower.includes(word));
    });
    /** @type {Map<string, string[]>} */ const groups = new Map();
    const isGrouped = names.length > GROUPED_FROM || this.isSmall;
    for (const name of names.sort(byLoss)) {
      const group = isGrouped ? groupOf(name) : "";
      if (groups.has(group)) groups.get(group).push(name);
      else groups.set(group, [name]);
    }
    this.root.replaceChildren(...this.#groups(groups));
    this.found = names.length;
    for (const [name, panel] of this.panels) if (!panel.figure.isConnected) this.#drop(name, panel);
  }

  *#groups(groups) {
    let shown = 0;
    for (const [group, names] of [...groups].sort(([one], [other]) => byGroup(one, other))) {
      const grid = document.createElement("div");
      grid.className = "chart-grid";
      // On a phone what agents sample would be many screens long.
      const most = this.isSmall && NARROW.matches ? 1 : OPEN_AT_FIRST;
      const isOpen = this.isOpen.get(group) ?? (shown < most || !group);
      shown += names.length;
      if (!group) {
        this.#fill(grid, names, SHOWN_AT_ONCE);
        yield grid;
        continue;
      }
      const details = document.createElement("details");
      details.className = "chart-group";
      const summary = document.createElement("summary");
      const count = document.createElement("span");
      count.className = "muted";
      count.textContent = ` ${names.length}`;
      const title = document.createElement("span");
      title.className = "name";
      title.textContent = group;
      summary.append(title, count);
      details.append(summary, grid);
      details.open = isOpen;
      if (isOpen) this.#fill(grid, names, SHOWN_AT_ONCE);
      details.addEventListener("toggle", () => {
        this.isOpen.set(group, details.open);
        if (details.open && !grid.childElementCount) this.#fill(grid, names, SHOWN_AT_ONCE);
      });
      yield details;
    }
  }

  #fill(grid, names, most) {
    grid.replaceChildren(...names.slice(0, most).map((name) => this.#panel(name).figure));
    if (names.length <= most) return;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "button more";
    more.textContent = `${names.length - most} more`;
    more.addEventListener("click", () => this.#fill(grid, names, most + SHOWN_AT_ONCE));
    grid.append(more);
  }

  #panel(name) {
    const known = this.panels.get(name);
    if (known) return known;
    const panel = new Panel(name, this.charts.get(name), this);
    this.panels.set(name, panel);
    this.byFigure.set(panel.figure, panel);
    this.near.observe(panel.figure);
    return panel;
  }

  #drop(name, panel) {
    this.near.unobserve(panel.figure);
    this.byFigure.delete(panel.figure);
    this.panels.delete(name);
    panel.remove();
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const panel = this.byFigure.get(target);
      if (isIntersecting) panel?.come();
      else panel?.leave();
    }
  }
}

const NARROW = matchMedia("(max-width: 720px)");

/** Losses first, then by name; numbers in names as numbers. */
function byLoss(one, other) {
  return (isLoss(other) - isLoss(one)) || ORDER.compare(one, other);
}

/** What agents sample is looked at in this order. */
const FIRST = ["", "gpu", "rank", "node"];

function byGroup(one, other) {
  const [a, b] = [one, other].map((group) => (FIRST.includes(group) ? FIRST.indexOf(group) : FIRST.length));
  return a - b || ORDER.compare(one, other);
}

const isLoss = (name) => Number(/loss/i.test(name));
const ORDER = new Intl.Collator("en", { numeric: true });
