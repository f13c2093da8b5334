import type { Attempt, Bar } from "./types";

/** A bar and its place in the attempt's part of the timeline, in percent of that part, in the direction of reading. */
export interface Placed extends Bar {
  start: number;
  width: number;
  seconds: number | null;
}

/** An attempt's part of the timeline. */
export interface Segment {
  attempt: Attempt;
  /** Its share of the whole width, in percent. */
  width: number;
  /** From its claim to its end, Spark's start included. */
  seconds: number;
  /** The start of Spark: the time before the first component. */
  startup: { seconds: number; width: number };
  /** The time between the end of the previous attempt and its own start; null for the first attempt, or if unknown. */
  gap: number | null;
  bars: Placed[];
  /** The start and end of its part, in milliseconds since 1970. */
  from: number;
  to: number;
}

/** The share of a bar that is filled: for a component with parts, the share of the parts that are done. */
export const share = ({ parts }: Pick<Bar, "parts">): number =>
  parts === null ? 1 : Math.min(1, parts.done / parts.total);

const SMALLEST_SHARE = 0.12;
const SMALLEST_BAR = 1.5;

const time = (iso: string): number => new Date(iso).getTime() / 1_000;

const lasted = (bar: Bar, now: number): number | null => {
  if (bar.action === "running" && bar.started_at !== null) return Math.max(0, now / 1_000 - time(bar.started_at));
  return bar.duration_seconds;
};

interface Span {
  start: number;
  first: number;
  end: number;
}

/** The start of an attempt, of its first component, and its end, in seconds. */
const span = (attempt: Attempt, now: number): Span => {
  const started = attempt.bars.filter((bar) => bar.started_at !== null);
  const starts = started.map((bar) => time(bar.started_at ?? ""));
  const claimed = attempt.started_at === null ? (starts[0] ?? now / 1_000) : time(attempt.started_at);
  const start = Math.min(claimed, ...starts);
  const ends = started.map((bar) => time(bar.started_at ?? "") + (lasted(bar, now) ?? 0));
  const running = attempt.status === "running" ? now / 1_000 : start;
  const end = Math.max(start, running, ...ends, ...(attempt.ended_at === null ? [] : [time(attempt.ended_at)]));
  return { start, first: starts.length === 0 ? start : Math.min(...starts), end };
};

/**
 * Place the attempts side by side, each as wide as its share of the time, but none too small to be seen; the time
 * between attempts is shown as a label, not to scale: a night would leave no room for the work.
 *
 * @param now milliseconds since 1970, the end of bars that are still running
 */
export const place = (attempts: Attempt[], now: number): Segment[] => {
  const spans = attempts.map((attempt) => span(attempt, now));
  const total = spans.reduce((sum, each) => sum + each.end - each.start, 0);
  const shares = spans.map((each) => Math.max(SMALLEST_SHARE, total > 0 ? (each.end - each.start) / total : 0));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return attempts.map((attempt, index) => {
    const { start, first, end } = spans[index] ?? { start: 0, first: 0, end: 0 };
    const seconds = end - start;
    const scale = seconds > 0 ? 100 / seconds : 0;
    const before = spans[index - 1];
    return {
      attempt,
      width: (100 * (shares[index] ?? 0)) / whole,
      seconds,
      startup: { seconds: first - start, width: (first - start) * scale },
      gap: before === undefined ? null : Math.max(0, start - before.end),
      bars: attempt.bars.map((bar) => placed(bar, start, scale, now)),
      from: start * 1_000,
      to: end * 1_000,
    };
  });
};

const placed = (bar: Bar, from: number, scale: number, now: number): Placed => {
  const seconds = lasted(bar, now);
  // A failure whose time is unknown came last; skipped and replayed components came first.
  if (bar.started_at === null) {
    return { ...bar, start: bar.action === "failed" ? 100 - SMALLEST_BAR : 0, width: SMALLEST_BAR, seconds };
  }
  const width = Math.max(SMALLEST_BAR, scale > 0 ? (seconds ?? 0) * scale : 100);
  const start = Math.min(100 - SMALLEST_BAR, (time(bar.started_at) - from) * scale);
  return { ...bar, start, width: Math.min(width, 100 - start), seconds };
};
