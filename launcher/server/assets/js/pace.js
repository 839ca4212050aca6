// How long each rank takes for a step, out of what is reported while the page looks. The server does
// the same with what was reported before: launcher/server/pace.py.

export const STEP_TIME = "rank/step_time";

/** @typedef {{name: string, rank: number, attempt: number, step: number, time: number|string}} Point */

export class Pace {
  constructor() {
    /** @type {Map<number, string>} by which series a rank's steps are told */ this.sources = new Map();
    /** @type {Map<number, Point>} the newest step of each rank */ this.newest = new Map();
  }

  /** @param {{name: string, rank: number, source?: string}[]} series of the kind `system` */
  know(series) {
    for (const { name, rank, source } of series) if (name === STEP_TIME && source) this.sources.set(rank, source);
  }

  /**
   * @param {Point[]} points that were just reported
   * @returns {{name: string, rank: number, time: number, value: number}[]}
   */
  take(points) {
    const found = [];
    for (const point of points) {
      const { rank, name, step } = point;
      if (!this.sources.has(rank)) this.sources.set(rank, name);
      if (this.sources.get(rank) !== name) continue;
      const before = this.newest.get(rank);
      if (before?.attempt === point.attempt && step <= before.step) continue;
      this.newest.set(rank, point);
      const time = Number(point.time);
      const value = before?.attempt === point.attempt ? (time - Number(before.time)) / (step - before.step) : NaN;
      if (value >= 0 && Number.isFinite(value)) found.push({ name: STEP_TIME, rank, time, value });
    }
    return found;
  }
}
