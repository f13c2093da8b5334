import { expect, test } from "vitest";

import { place, share } from "../timeline";
import type { Attempt, Bar } from "../types";
import { makeAttempt } from "./samples";

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();
const bar = (index: number, changes: Partial<Bar> = {}): Bar => ({
  index,
  name: `c${String(index)}`,
  action: "ran",
  started_at: at(0),
  duration_seconds: 10,
  parts: null,
  ...changes,
});

const attempt = (changes: Partial<Attempt> = {}): Attempt => makeAttempt({ ended_at: null, ...changes });

test("bars are placed where their components ran, in percent of their attempt", () => {
  const [segment] = place([attempt({ bars: [bar(0), bar(1, { started_at: at(10), duration_seconds: 30 })] })], 0);
  expect(segment?.seconds).toBe(40);
  expect(segment?.bars.map(({ start, width }) => [start, width])).toEqual([
    [0, 25],
    [25, 75],
  ]);
});

test("the bar of a component with parts is filled as far as they are done", () => {
  expect(share(bar(0))).toBe(1);
  expect(share(bar(0, { parts: { done: 37, total: 50 } }))).toBe(0.74);
  expect(share(bar(0, { parts: { done: 50, total: 50 } }))).toBe(1);
});

test("attempts share the width in proportion to their time, and each stays visible", () => {
  const long = attempt({ bars: [bar(0, { duration_seconds: 10_000 })] });
  const short = attempt({ attempt: 2, id: "p~u~4", bars: [bar(1, { duration_seconds: 1 })] });
  const widths = place([long, short], 0).map((segment) => segment.width);
  expect(widths.reduce((sum, width) => sum + width)).toBeCloseTo(100);
  expect(Math.min(...widths)).toBeGreaterThan(10);
});

test("the bar of a running component grows with the clock", () => {
  const running = attempt({ bars: [bar(0, { action: "running", duration_seconds: null })] });
  const [segment] = place([running], Date.parse(at(90)));
  expect(segment?.seconds).toBe(90);
  expect(segment?.bars[0]?.width).toBe(100);
});

test("a skipped component is a mark at the start, and takes no time", () => {
  const skipped = bar(0, { action: "skipped", started_at: null, duration_seconds: null });
  const [segment] = place([attempt({ bars: [skipped, bar(1, { started_at: at(5) })] })], 0);
  expect(segment?.seconds).toBe(15);
  expect(segment?.bars[0]).toMatchObject({ start: 0, seconds: null });
});

test("an attempt without records has an empty part", () => {
  expect(place([attempt()], 0)).toMatchObject([{ width: 100, seconds: 0, bars: [] }]);
});

test("the start of Spark is part of its attempt, and the time between attempts is shown", () => {
  const first = attempt({ bars: [bar(0, { started_at: at(134), duration_seconds: 31 })], ended_at: at(165) });
  const second = attempt({ attempt: 2, id: "p~u~4", started_at: at(465), bars: [bar(1, { started_at: at(475) })] });
  const [one, two] = place([first, second], 0);
  expect(one).toMatchObject({ seconds: 165, startup: { seconds: 134 }, gap: null, from: Date.parse(at(0)) });
  expect(one?.bars[0]?.start).toBeCloseTo((100 * 134) / 165);
  expect(two).toMatchObject({ seconds: 20, startup: { seconds: 10, width: 50 }, gap: 300 });
});

test("components that run at the same time overlap, each in its own line, and the attempt lasts until the last ends", () => {
  const bars = [
    bar(0, { duration_seconds: 30 }),
    bar(1, { started_at: at(10), duration_seconds: 30 }),
    bar(2, { started_at: at(10), action: "running", duration_seconds: null }),
  ];
  const [segment] = place([attempt({ bars, status: "running" })], Date.parse(at(60)));
  expect(segment?.seconds).toBe(60);
  expect(segment?.bars.map(({ start, width }) => [Math.round(start), Math.round(width)])).toEqual([
    [0, 50],
    [17, 50],
    [17, 83],
  ]);
});
