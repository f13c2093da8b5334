import type { Attempt, Bar } from "./types";

/** A bar with its place in the attempt's part of the picture, in percent of that part. */
export interface Placed extends Bar {
  left: number;
  width: number;
  seconds: number | null;
}

/** An attempt's part of the picture. */
export interface Segment {
  attempt: Attempt;
  /** Its share of the whole width, in percent. */
  width: number;
  seconds: number;
  bars: Placed[];
}

const SMALLEST_SHARE = 0.12;
const SMALLEST_BAR = 1.5;

const time = (iso: string): number => new Date(iso).getTime() / 1_000;

/** The seconds that an attempt took, from its first component to its last, with what still runs. */
const span = (attempt: Attempt, now: number): { start: number; seconds: number } => {
  const started = attempt.bars.filter((bar) => bar.started_at !== null);
  const start = Math.min(
    ...started.map((bar) => time(bar.started_at ?? "")),
    ...(started.length ? [] : [time(attempt.started_at)]),
  );
  const end = Math.max(start, ...started.map((bar) => time(bar.started_at ?? "") + (lasted(bar, now) ?? 0)));
  return { start, seconds: end - start };
};

const lasted = (bar: Bar, now: number): number | null => {
  if (bar.action === "running" && bar.started_at !== null) return Math.max(0, now / 1_000 - time(bar.started_at));
  return bar.duration_seconds;
};

/**
 * Place the attempts side by side, each as wide as its share of the time, but none too small to be seen; the time
 * between attempts is left out.
 *
 * @param now milliseconds since 1970, for what still runs
 */
export const place = (attempts: Attempt[], now: number): Segment[] => {
  const spans = attempts.map((attempt) => span(attempt, now));
  const total = spans.reduce((sum, each) => sum + each.seconds, 0);
  const shares = spans.map((each) => Math.max(SMALLEST_SHARE, total > 0 ? each.seconds / total : 0));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return attempts.map((attempt, index) => {
    const { start, seconds } = spans[index] ?? { start: 0, seconds: 0 };
    const bars = attempt.bars.map((bar): Placed => {
      const took = lasted(bar, now);
      // A failure whose time is not known any more came last; what was skipped, or replayed, came first.
      if (bar.started_at === null) {
        return { ...bar, left: bar.action === "failed" ? 100 - SMALLEST_BAR : 0, width: SMALLEST_BAR, seconds: took };
      }
      const scale = seconds > 0 ? 100 / seconds : 0;
      const width = Math.max(SMALLEST_BAR, seconds > 0 ? (took ?? 0) * scale : 100);
      const left = Math.min(100 - SMALLEST_BAR, (time(bar.started_at) - start) * scale);
      return { ...bar, left, width: Math.min(width, 100 - left), seconds: took };
    });
    return { attempt, width: (100 * (shares[index] ?? 0)) / whole, seconds, bars };
  });
};
