// Where the marks of an axis stand, and their words. Pure.

export const WHOLE = [1, 2, 5].flatMap((lead) => Array.from({ length: 15 }, (_, power) => lead * 10 ** power))
  .sort((one, other) => one - other);
export const DURATIONS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
  ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * 86_400)];
export const isPowerOf10 = (y) => y > 0 && Math.abs(Math.log10(y) - Math.round(Math.log10(y))) < 1e-9;
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const MINUTES = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** The time of day, and the day where it is another one than left of it. */
export function timeTicks(_, at, __, ___, step) {
  return at.map((x, i) => {
    const isNewDay = i > 0 && DAY.format(x * 1000) !== DAY.format(at[i - 1] * 1000);
    if (step >= 86_400 || isNewDay) return DAY.format(x * 1000);
    return (step < 60 ? SECONDS : MINUTES).format(x * 1000);
  });
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
/** @param {number} seconds since the epoch */
export const clock = (seconds) => CLOCK.format(seconds * 1000);
