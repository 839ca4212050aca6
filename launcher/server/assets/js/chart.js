// One chart: curves over one axis, drawn by uPlot, with a legend whose places stay where they are.
import { align, positive, room, short, smooth } from "./curves.js";
import { COLOURS, colourOf, ink } from "./ink.js";
import { Legend, MANY } from "./legend.js";
import { DURATIONS, isPowerOf10, timeTicks, WHOLE } from "./ticks.js";
import { duration } from "./time.js";

/** @typedef {import("./curves.js").Curve} Curve */
/**
 * @typedef {object} View
 * @property {"step"|"time"|"since"} x `since`: seconds since the job began
 * @property {boolean} log
 * @property {number} smoothing
 * @property {[number, number]|null} zoom what of the axis is shown; null: all
 * @property {string} [sync] charts with the same one share their cursor
 */
/**
 * @typedef {object} Handlers
 * @property {(low: number, high: number) => void} zoom
 * @property {() => void} reset
 */

const AXIS_WIDTH = 56;
/** Pixels of a character, about, and what stands beside it. */
const [CHARACTER, BESIDE] = [6.2, 12];
/** Pixels beside the cursor. */
const NEAR = 6;
const FAINT_UP_TO = 6;
const MARKS = {
  restart: "--mark-restart", resize: "--mark-resize", checkpoint: "--mark-checkpoint", straggler: "--mark-straggler",
};

/** Charts stand in line, but for those whose words are long. @param {string[]|null} words */
const yWidth = (_, words) => Math.max(AXIS_WIDTH, BESIDE + CHARACTER * Math.max(0, ...(words ?? []).map((text) => text?.length ?? 0)));

export class Chart {
  /**
   * @param {HTMLElement} figure with the parts of the template #chart
   * @param {Handlers} handlers
   * @param {import("./naming.js").Unit} unit of its values
   */
  constructor(figure, handlers, unit) {
    Object.assign(this, { figure, handlers, unit });
    this.canvas = figure.querySelector(".chart-canvas");
    this.legend = new Legend(figure, unit);
    /** @type {Curve[]} */ this.curves = [];
    this.marks = [];
    this.extent = null;
    this.resizes = new ResizeObserver(() => this.#fit());
    this.resizes.observe(this.canvas);
  }

  /**
   * @param {Curve[]} curves
   * @param {{kind: string, step: number, time: number, text: string}[]} marks
   * @param {View} view
   * @param {[number, number]|null} extent what of the axis all charts show
   */
  show(curves, marks, view, extent) {
    const isOther = !this.plot || ["x", "log", "sync"].some((name) => this.view[name] !== view[name])
      || !!this.view.smoothing !== !!view.smoothing || this.#keys(curves) !== this.#keys(this.curves);
    Object.assign(this, { curves, marks, view, extent });
    if (isOther) this.#make();
    else this.plot.setData(this.#data(), true);
    this.#tell(this.plot.cursor.idx);
  }

  /** Draw what was appended to its curves. */
  grow(extent) {
    this.extent = extent;
    this.plot?.setData(this.#data(), true);
    if (this.plot?.cursor.idx == null) this.#tell(null);
  }

  /** Colours have changed. */
  repaint() {
    if (this.plot) this.#make();
  }

  /** Bring some curves forward; null: all are alike. @param {((curve: Curve) => boolean)|null} which */
  bringForward(which) {
    if (!this.plot) return;
    const at = which ? this.curves.findIndex(which) : -1;
    const first = 1 + (this.#hasFaint() ? this.curves.length : 0);
    this.plot.setSeries(at < 0 ? null : first + at, { focus: true });
  }

  destroy() {
    this.resizes.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  #keys(curves) {
    return curves.map((curve) => `${curve.key} ${curve.isSlow ? "slow" : ""}`).join("\n");
  }

  #make() {
    this.plot?.destroy();
    this.plot = null; // what a new one says while it is made is not of the old one
    this.legend.draw(this.curves);
    this.plot = new uPlot(this.#options(), this.#data(), this.canvas);
    this.plot.over.setAttribute("aria-hidden", "true");
  }

  #hasFaint() {
    return this.view.smoothing > 0 && this.curves.length <= FAINT_UP_TO;
  }

  #data() {
    const { log, smoothing } = this.view;
    const joined = align(this.curves);
    const raw = log ? joined.ys.map(positive) : joined.ys;
    const shown = smoothing ? raw.map((ys) => smooth(ys, smoothing)) : raw;
    return [joined.xs, ...(this.#hasFaint() ? raw : []), ...shown];
  }

  #options() {
    const paint = getComputedStyle(this.figure);
    const line = (index, faint) => ({
      stroke: ink(`--series-${colourOf(this.curves, index)}`),
      width: this.curves[index].isSlow ? 2.5 : faint || this.curves.length > MANY ? 1 : 1.5,
      alpha: faint ? 0.25 : 1,
      points: { show: faint ? false : this.#hasFewPoints },
      ...((this.curves[index].colour ?? index) >= COLOURS && { dash: [6, 4] }),
      spanGaps: false,
    });
    const indices = this.curves.map((_, index) => index);
    const faint = this.#hasFaint() ? indices.map((index) => line(index, true)) : [];
    const axis = {
      stroke: ink("--chart-text"),
      font: `11px ${paint.fontFamily}`,
      grid: { stroke: ink("--chart-grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: Math.max(this.canvas.clientWidth, 50),
      height: this.canvas.clientHeight,
      legend: { show: false },
      padding: [8, this.view.x === "time" ? 24 : 14, 0, 0],
      scales: {
        x: { time: this.view.x === "time", range: (_, low, high) => this.#across(low, high) },
        y: {
          distr: this.view.log ? 3 : 1,
          range: (_, low, high) => room(low, high, this.view.log, this.unit.fromZero),
        },
      },
      axes: [
        { ...axis, size: 24, gap: 4, space: 70, ...this.#xTicks() },
        { ...axis, size: yWidth, gap: 6, space: 34, values: this.#yTicks, ...(this.unit.steps && !this.view.log && { incrs: this.unit.steps }) },
      ],
      series: [{}, ...faint, ...indices.map((index) => line(index, false))],
      cursor: {
        y: false,
        sync: { key: this.view.sync, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        ...(this.curves.length > MANY && { focus: { prox: 30 } }),
        bind: { dblclick: () => () => { this.handlers.reset(); return null; } },
      },
      focus: { alpha: 0.25 },
      hooks: {
        setSeries: [(plot, index) => {
          const first = 1 + (this.#hasFaint() ? this.curves.length : 0);
          this.legend.focused = index === null ? undefined : index - first;
          this.#tell(plot.cursor.idx);
        }],
        setCursor: [(plot) => this.#tell(plot.cursor.idx)],
        setSelect: [(plot) => this.#select(plot)],
        drawClear: [(plot) => this.#drawMarks(plot)],
        draw: [(plot) => this.#drawOdd(plot)],
      },
    };
  }

  #xTicks() {
    if (this.view.x === "time") return { values: timeTicks };
    if (this.view.x === "since") return { values: (_, at) => at.map((x) => (x ? duration(x) : "0")), incrs: DURATIONS };
    return { values: (_, at) => at.map((x) => short(x, 5)), incrs: WHOLE };
  }

  #yTicks = (_, at) => at.map((y) => (y !== null && (!this.view.log || isPowerOf10(y)) ? this.unit.write(y, 5) : ""));

  #hasFewPoints = (plot, seriesIndex) => {
    const ys = plot.data[seriesIndex];
    return ys.length <= 60 && ys.length * this.curves.length <= 400;
  };

  #across(low, high) {
    const [from, to] = this.view.zoom ?? this.extent ?? [low, high];
    if (from === null || from === undefined) return [0, 1];
    return from === to ? [from - 1, to + 1] : [from, to];
  }

  #select(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [low, high] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.handlers.zoom(low, high);
  }

  #fit() {
    const width = this.canvas.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.canvas.clientHeight });
  }

  // --- what lies over and under the curves -----------------------------------------------------

  #drawMarks(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const mark of this.marks) {
      const x = Math.round(plot.valToPos(mark[this.view.x], "x", true));
      ctx.strokeStyle = ctx.fillStyle = ink(MARKS[mark.kind] ?? "--mark-checkpoint");
      if (mark.kind === "checkpoint") {
        const [size, bottom] = [4 * devicePixelRatio, bbox.top + bbox.height];
        ctx.fill(new Path2D(`M${x - size} ${bottom}L${x} ${bottom - 1.6 * size}L${x + size} ${bottom}Z`));
      } else {
        ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.lineWidth = devicePixelRatio;
        ctx.stroke(new Path2D(`M${x} ${bbox.top}V${bbox.top + bbox.height}`));
      }
    }
    ctx.restore();
  }

  #drawOdd(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = ink("--mark-odd");
    ctx.font = `${11 * devicePixelRatio}px sans-serif`;
    ctx.textAlign = "center";
    for (const curve of this.curves) {
      for (const [at, kind] of curve.odd.slice(0, 200)) {
        const x = plot.valToPos(at, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        const isLow = kind === "-inf";
        const y = isLow ? bbox.top + bbox.height - 4 * devicePixelRatio : bbox.top + 11 * devicePixelRatio;
        ctx.fillText(kind === "nan" ? "✕" : isLow ? "▼" : "▲", x, y);
      }
    }
    ctx.restore();
  }

  /** Values under the cursor; without one the newest. @param {number|null|undefined} index */
  #tell(index) {
    if (!this.plot) return;
    const [xs, ...all] = this.plot.data;
    const shown = this.#hasFaint() ? all.slice(this.curves.length) : all;
    this.legend.tell(xs, shown, index ?? null, this.view.x, this.#near(xs[index]));
  }

  /** What happened close to a place. */
  #near(x) {
    if (x === undefined) return [];
    const at = this.plot.valToPos(x, "x");
    return this.marks.filter((mark) => Math.abs(this.plot.valToPos(mark[this.view.x], "x") - at) < NEAR);
  }
}
