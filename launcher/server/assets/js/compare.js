// The page that compares jobs: one chart a metric, one curve a job.

import { get } from "./act.js";
import { Asking } from "./asking.js";
import { Section, WIDTH } from "./section.js";
import { startTools, tellTools } from "./tools.js";
import { keepView, readView } from "./view.js";

const AGAIN_MS = 5000;

const view = readView(["step", "since"]);

/** A job of this page, and the lowest rank of each name that it reports. */
class Compared {
  /** @param {HTMLElement} item */
  constructor(item) {
    this.id = item.dataset.id;
    this.began = Number(item.dataset.began);
    this.colour = Number(item.dataset.colour);
    this.isOver = item.dataset.over === "yes";
    this.path = `/jobs/${encodeURIComponent(this.id)}`;
    /** @type {Map<string, number>} */ this.ranks = new Map();
    this.asking = new Asking(`${this.path}/curves`, "reported", () => ({
      x: view.x === "since" ? "time" : "step",
      zoom: view.zoom && view.x === "since" ? view.zoom.map((x) => x + this.began) : view.zoom,
      width: WIDTH,
    }));
  }

  async load() {
    const { series } = await get(`${this.path}/series?kind=reported`);
    for (const { name, rank } of series) this.ranks.set(name, Math.min(rank, this.ranks.get(name) ?? rank));
  }

  /** The curve of a name, by time since the job began where that is the axis. */
  curve(name) {
    return new Promise((give) => {
      this.asking.want({
        title: name,
        names: [name],
        ranks: [this.ranks.get(name)],
        count: 1,
        give: ({ curves }) => give(curves.map((curve) => this.#own(curve))),
        fail: () => give([]),
      });
    });
  }

  #own(curve) {
    const move = view.x === "since" ? (x) => x - this.began : (x) => x;
    return {
      ...curve, job: this.id, colour: this.colour, xs: curve.xs.map(move),
      odd: curve.odd.map(([x, kind]) => [move(x), kind]),
    };
  }
}

const jobs = [...document.querySelectorAll(".compared-job")].map((item) => new Compared(item));

/** Asks all jobs that have the series; the chart is drawn when all have answered. */
const asking = {
  async want(wish) {
    const having = jobs.filter((job) => job.ranks.has(wish.names[0]));
    const curves = await Promise.all(having.map((job) => job.curve(wish.names[0])));
    wish.give({ curves: curves.flat(), marks: [] });
  },
};

function look(change) {
  const isOtherAxis = change.x !== undefined && change.x !== view.x;
  Object.assign(view, change);
  if (isOtherAxis) view.zoom = null;
  keepView(view);
  tellTools(view);
  if (isOtherAxis || "zoom" in change) section.askAll();
  else section.showAll();
}

const section = jobs.length ? new Section(document.getElementById("chart-groups"), {
  asking, kind: "reported", sync: "charts", view,
  label: (curve) => curve.job,
  handlers: { zoom: (low, high) => look({ zoom: [low, high] }), reset: () => look({ zoom: null }) },
}) : null;

function tellEmpty() {
  const place = document.getElementById("charts-empty");
  place.hidden = section.found > 0;
  place.textContent = section.isEmpty ? "None of these jobs has reported anything." : "No series has such a name.";
}

async function load() {
  await Promise.allSettled(jobs.map((job) => job.load()));
  const names = new Set(jobs.flatMap((job) => [...job.ranks.keys()]));
  section.search = view.search;
  section.setSeries([...names].map((name) => ({ name, rank: 0 })));
  tellEmpty();
}

if (section) {
  startTools(view, look, (text) => { section.find(text); tellEmpty(); });
  addEventListener("launcher:theme", () => section.repaint());
  for (const item of document.querySelectorAll(".compared-job")) {
    const forward = () => section.bringForward((curve) => curve.job === item.dataset.id);
    item.addEventListener("pointerenter", forward);
    item.addEventListener("focusin", forward);
    for (const kind of ["pointerleave", "focusout"]) item.addEventListener(kind, () => section.bringForward(null));
  }
  await load();
  setInterval(() => {
    if (!document.hidden && jobs.some((job) => !job.isOver)) section.askAll();
  }, AGAIN_MS);
}
