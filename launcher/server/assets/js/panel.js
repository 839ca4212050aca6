// A chart with its curves: asked for when it comes into view, grown by what is reported after that.

import { Chart } from "./chart.js";
import { append, spread } from "./curves.js";
import { unitOf } from "./naming.js";
import { STEP_TIME } from "./pace.js";

const RANKS = 32;
const ASK_AGAIN_MS = 1500;
/** So many more points than pixels are drawn before the server thins them out anew. */
const DENSE = 6;

export class Panel {
  /**
   * @param {string} title
   * @param {Map<string, number[]>} series ranks by the names of series that it shows
   * @param {import("./section.js").Section} section
   */
  constructor(title, series, section) {
    Object.assign(this, { title, series, section });
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("chart"));
    this.figure = /** @type {HTMLElement} */ (template.content.firstElementChild.cloneNode(true));
    this.figure.dataset.name = title;
    if (section.isSmall) this.figure.dataset.size = "small";
    const place = this.figure.querySelector(".chart-name");
    place.textContent = title || "(no name)";
    place.title = title;
    this.figure.setAttribute("aria-label", `chart of ${title}`);
    this.chart = null;
    this.isAsked = false;
    /** @type {object[]} reported while the answer was on its way */
    this.late = [];
    this.asksAgain = 0;
    /** @type {Set<number>} ranks that are told apart, and so always drawn */ this.slow = new Set();
  }

  /** It is near what is looked at. */
  come() {
    this.isNear = true;
    if (this.isStale || !this.isAsked) this.ask();
    else this.chart?.grow(this.section.extent);
  }

  leave() {
    this.isNear = false;
  }

  /** What is shown has changed: another axis, another part of it. */
  ask() {
    if (!this.isNear) {
      this.isStale = true;
      return;
    }
    this.isStale = false;
    this.isAsked = true;
    this.isWaiting = true;
    this.late = [];
    const all = [...new Set([...this.series.values()].flat())].sort((one, other) => one - other);
    const some = spread(all, Math.max(2, Math.floor(RANKS / this.series.size)));
    const ranks = [...new Set([...some, ...all.filter((rank) => this.slow.has(rank))])];
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.section.asking.want({
      title: this.title,
      names: [...this.series.keys()],
      ranks: ranks.length === all.length ? null : ranks,
      count: ranks.length * this.series.size,
      give: (answer) => turn === this.turn && this.#take(answer),
      fail: () => turn === this.turn && this.#askSoon(),
    });
  }

  #take({ curves, marks: all }) {
    this.isWaiting = false;
    const marks = all.filter((mark) => mark.kind !== "straggler" || this.title === STEP_TIME);
    this.slow = new Set(marks.filter((mark) => mark.kind === "straggler").map((mark) => mark.rank));
    this.curves = curves.map((curve) => ({
      key: `${curve.name} ${curve.rank} ${curve.job ?? ""}`,
      name: curve.name,
      rank: curve.rank,
      label: this.section.label(curve, curves),
      isSlow: this.slow.has(curve.rank),
      colour: curve.colour,
      job: curve.job,
      xs: [...curve.xs],
      ys: [...curve.ys],
      odd: curve.odd.map((one) => [...one]),
    }));
    this.marks = marks;
    if ([...this.slow].some((rank) => !curves.some((curve) => curve.rank === rank))) this.#askSoon();
    const late = this.late;
    this.late = [];
    for (const point of late) this.#add(point, true);
    this.section.widen(this.curves);
    this.show();
  }

  show() {
    if (!this.curves) return;
    const { sync, handlers, kind, view, extent } = this.section;
    this.chart ??= new Chart(this.figure, handlers, unitOf(this.title, kind));
    this.chart.show(this.curves, this.marks, { ...view, sync }, extent);
    this.figure.dataset.drawn = "yes";
  }

  /** @param {{name: string, step: number, value: number|string, time: number|string, rank: number}} point */
  report(point) {
    if (!this.isAsked || this.isStale) return false;
    if (this.isWaiting) {
      this.late.push(point);
      return false;
    }
    return this.#add(point, false);
  }

  /** @returns {boolean} it is to be drawn */
  #add(point, isLate) {
    const { view } = this.section;
    const x = view.x === "time" ? Number(point.time) : point.step;
    if (!Number.isFinite(x) || (view.zoom && x > view.zoom[1])) return false;
    const curve = this.curves?.find((one) => one.rank === point.rank && one.name === point.name);
    if (!curve) {
      if (this.curves.length < RANKS) this.#askSoon();
      return false;
    }
    // The answer may hold already what was reported while it was made.
    if (isLate && curve.xs.length && x <= curve.xs.at(-1)) return false;
    if (!append(curve, x, point.value)) {
      this.#askSoon();
      return false;
    }
    if (curve.xs.length > DENSE * this.section.width) this.#askSoon();
    return true;
  }

  #askSoon() {
    this.asksAgain ||= setTimeout(() => {
      this.asksAgain = 0;
      this.ask();
    }, ASK_AGAIN_MS);
  }

  remove() {
    clearTimeout(this.asksAgain);
    this.turn = (this.turn ?? 0) + 1;
    this.chart?.destroy();
    this.chart = null;
    this.isAsked = false;
  }
}
