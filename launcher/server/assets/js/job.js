// The page of a job: what changes on it while the job runs, and what its buttons do.

import { attempt, confirmed, get, post, toast } from "./act.js";
import { Asking } from "./asking.js";
import { short } from "./curves.js";
import { listen, throttled } from "./live.js";
import { Logs } from "./logs.js";
import { morph } from "./morph.js";
import { Pace, STEP_TIME } from "./pace.js";
import { Section, WIDTH } from "./section.js";
import { startTools, tellTools } from "./tools.js";
import { duration, writeTimes } from "./time.js";
import { startTimelines } from "./timeline.js";
import { keepView, readView } from "./view.js";

const PARTS = ["job-head", "job-rest", "events"];
const ANEW_MS = 700;
const TIMELINE_MS = 15_000;
/** Of more series than this only those are followed that are drawn. */
const FOLLOWED = 200;
const FOLLOW_ANEW_MS = 1000;

const root = document.getElementById("job");
const id = root.dataset.id;
const path = `/jobs/${encodeURIComponent(id)}`;
const view = readView(["step", "time"]);
const logs = new Logs(path);
const pace = new Pace();

// --- charts ----------------------------------------------------------------------------------------

const handlers = {
  zoom: (low, high) => look({ zoom: [low, high] }),
  reset: () => look({ zoom: null }),
};
const asking = (kind, how) => new Asking(`${path}/curves`, kind, () => ({ x: how.x, zoom: how.zoom, width: WIDTH }));
const reported = new Section(document.getElementById("chart-groups"), {
  asking: asking("reported", view), kind: "reported", sync: "charts", view, handlers,
});
// What the agents sample has no step: it is always shown by time, with a zoom of its own then.
const sampledView = { ...view, x: "time", log: false, smoothing: 0, zoom: view.x === "time" ? view.zoom : null };
const sampled = new Section(document.getElementById("system-groups"), {
  asking: asking("system", sampledView), kind: "system", sync: view.x === "time" ? "charts" : "system", view: sampledView, isSmall: true,
  handlers: {
    zoom: (low, high) => (view.x === "time" ? look({ zoom: [low, high] }) : lookAtSystem([low, high])),
    reset: () => (view.x === "time" ? look({ zoom: null }) : lookAtSystem(null)),
  },
});

function lookAtSystem(zoom) {
  sampledView.zoom = zoom;
  sampled.askAll();
}

/** @param {Partial<typeof view>} change */
function look(change) {
  const isOtherAxis = change.x !== undefined && change.x !== view.x;
  Object.assign(view, change);
  if (isOtherAxis) view.zoom = null;
  keepView(view);
  tellTools(view);
  if (isOtherAxis || "zoom" in change) {
    reported.askAll();
    // Cursors are one where the axes are.
    sampled.sync = view.x === "time" ? "charts" : "system";
    if (view.x === "time" || isOtherAxis) lookAtSystem(view.x === "time" ? view.zoom : null);
  } else reported.showAll();
}

/** @param {Section} section @param {string} kind */
async function loadSeries(section, kind) {
  try {
    const { series } = await get(`${path}/series?kind=${kind}`);
    section.search = view.search;
    section.setSeries(series);
    pace.know(series);
  } catch (error) {
    toast(error.message, { hint: error.hint, isError: true });
  }
  tellEmpty();
}

function tellEmpty() {
  const place = document.getElementById("charts-empty");
  place.hidden = reported.found > 0;
  place.textContent = reported.isEmpty
    ? "Nothing reported yet. Programs report by launcher.report(step, loss=…); metrics: in the spec reads what they print."
    : "No series has such a name.";
  const hasSystem = !sampled.isEmpty;
  document.getElementById("system").hidden = document.getElementById("system-link").hidden = !hasSystem;
}

// --- what happens ----------------------------------------------------------------------------------

let told = "";
let attempts = "";
let stream = null;
let followed = "";
/** All of a job that has ended. */
let isTold = false;
let cursor = root.dataset.cursor;

const anew = throttled(async () => {
  const answer = await fetch(`${path}`, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const name of PARTS) {
    const [place, part] = [document.getElementById(name), fresh.getElementById(name)];
    if (place && part) morph(place, part);
  }
  writeTimes(root);
}, ANEW_MS);

function follow() {
  if (isTold) return;
  const query = wanted();
  if (stream && String(query) === followed) return;
  stream?.close();
  followed = String(query);
  const keep = (act) => (data, now) => { cursor = now; act(data); };
  stream = listen(`/api/v1${path}/follow?${query}`, {
    state: keep(tellState),
    event: keep((event) => {
      anew();
      if (event.kind.startsWith("straggler")) sampled.ask(STEP_TIME);
    }),
    checkpoint: keep(anew),
    metrics: keep(({ points }) => report(points)),
    samples: keep(({ points, again }) => (again ? loadSampled() : measure(points))),
    lengths: keep(({ logs: lengths }) => logs.grow(lengths)),
    end: keep(end),
  }, { cursor, over: "end" });
}

/** @returns {URLSearchParams} as `follow` takes it */
function wanted() {
  const query = new URLSearchParams({ logs: "lengths", samples: "all" });
  if (reported.charts.size <= FOLLOWED) return query;
  const names = new Set(reported.drawn);
  if (sampled.drawn.includes(STEP_TIME)) for (const name of pace.sources.values()) names.add(name);
  if (!names.size) query.set("metrics", "none");
  for (const name of names) query.append("name", name);
  return query;
}

function report(points) {
  reported.report(points);
  sampled.report(pace.take(points));
  tellEmpty();
}

function measure(points) {
  sampled.report(points);
  tellEmpty();
}

/** More was sampled than the stream tells. */
async function loadSampled() {
  await loadSeries(sampled, "system");
  sampled.refresh();
}

function tellState(job) {
  logs.tellAttempts(job.attempts);
  tellProgress(job.progress, job.state);
  const what = JSON.stringify([job.state, job.reason, job.attempts, job.warnings, job.outputs, job.checkpoints, job.position]);
  if (told && what !== told) anew();
  told = what;
  document.title = `${root.dataset.name} · ${job.state.toLowerCase()} · launcher`;
  root.dataset.state = job.state;
  const runs = JSON.stringify(job.attempts.map((one) => [one.number, one.started_at !== null]));
  // A new attempt may have begun at an earlier step: what came after that is no part of the curves.
  if (attempts && runs !== attempts) {
    reported.askAll();
    loadSeries(sampled, "system");
  }
  attempts = runs;
}

function tellProgress(progress, state) {
  const place = document.getElementById("job-progress");
  if (!place || !progress) return;
  const { step, total_steps: total, steps_per_s: rate, eta_s: left } = progress;
  const words = [`step ${step}${total ? ` of ${total}` : ""}`];
  if (rate) words.push(`${short(rate, 3)}/s`);
  if (left && state === "RUNNING") words.push(`${duration(left)} left`);
  place.textContent = words.join(" · ");
  const bar = document.getElementById("job-bar");
  if (bar) bar.value = step;
}

function end() {
  isTold = true;
  root.dataset.over = "yes";
  anew();
}

// --- buttons ---------------------------------------------------------------------------------------

const actions = {
  cancel: async () => {
    const yes = await confirmed({
      title: `Cancel ${id}?`,
      text: "Its program gets its stop signal and the time to save that the spec gives it.",
      yes: "Cancel the job",
    });
    if (yes) await attempt(() => post(`${path}/cancel`), "The job is being cancelled");
  },
  hold: () => order("hold", "Held: it is not started before it is released"),
  release: () => order("release", "Released"),
  retry: async () => {
    if (await attempt(() => post(`${path}/retry`), "Queued again") && root.dataset.over === "yes") {
      location.reload();
    }
  },
  clone: async () => {
    const yes = await confirmed({
      title: `Clone ${id}?`,
      text: `A new job of the same spec and code is queued; it begins anew.\nlauncher clone ${id} --set KEY=VALUE changes keys.`,
      yes: "Queue a clone",
    });
    if (yes) await again({});
  },
  branch: async (button) => {
    const { step } = button.dataset;
    const yes = await confirmed({
      title: `New job from step ${step}?`,
      text: `A new job of the same spec and code is queued; it goes on from the checkpoint of step ${step} of ${id}.`,
      yes: "Queue it",
    });
    if (yes) await again({ from_job: `${id}@${step}` });
  },
};

/** @param {"hold"|"release"} verb @param {string} done what to say when it worked */
async function order(verb, done) {
  const told = await attempt(() => post(`/queue/${verb}`, { jobs: [id] }));
  const problem = told?.outcomes[0];
  if (problem?.problem) toast(problem.problem, { hint: problem.hint, isError: true });
  else if (told) toast(done);
  anew();
}

/** @param {Record<string, unknown>} changes of the spec */
async function again(changes) {
  const job = await attempt(async () => {
    const { spec } = await get(path);
    return post("/jobs", { spec: { ...spec, ...changes }, code_of: id });
  });
  if (job) location.assign(`/jobs/${encodeURIComponent(job.id)}`);
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("button");
  if (!button) return;
  if (button.dataset.showLog) {
    const [number, rank] = button.dataset.showLog.split(".").map(Number);
    logs.show(number, rank);
    document.getElementById("logs").scrollIntoView({ block: "start" });
  }
  const action = actions[button.dataset.action];
  if (!action) return;
  button.disabled = true;
  await action(button);
  button.disabled = false;
});

startTools(view, look, (text) => {
  for (const section of [reported, sampled]) section.find(text);
  tellEmpty();
});
addEventListener("launcher:theme", () => [reported, sampled].forEach((section) => section.repaint()));
startTimelines();
loadSeries(sampled, "system");
await loadSeries(reported, "reported");
follow();
// Which charts are drawn changes as the reader scrolls; the stream tells of those from then on.
setInterval(() => reported.charts.size > FOLLOWED && follow(), FOLLOW_ANEW_MS);
setInterval(() => root.dataset.over === "no" && !document.hidden && anew(), TIMELINE_MS);
