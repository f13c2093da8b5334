import { expect, test } from "vitest";

import { place } from "../timeline";
import type { Bar } from "../types";
import { makeAttempt } from "./samples";

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();
const bar = (index: number, changes: Partial<Bar> = {}): Bar => ({
  index,
  name: `c${String(index)}`,
  action: "ran",
  started_at: at(0),
  duration_seconds: 10,
  ...changes,
});

test("bars lie where their components ran, in percent of their attempt", () => {
  const [segment] = place([makeAttempt({ bars: [bar(0), bar(1, { started_at: at(10), duration_seconds: 30 })] })], 0);
  expect(segment?.seconds).toBe(40);
  expect(segment?.bars.map(({ left, width }) => [left, width])).toEqual([
    [0, 25],
    [25, 75],
  ]);
});

test("attempts share the width by their time, and none is too small to be seen", () => {
  const long = makeAttempt({ bars: [bar(0, { duration_seconds: 10_000 })] });
  const short = makeAttempt({ attempt: 2, id: "p~u~4", bars: [bar(1, { duration_seconds: 1 })] });
  const widths = place([long, short], 0).map((segment) => segment.width);
  expect(widths.reduce((sum, width) => sum + width)).toBeCloseTo(100);
  expect(Math.min(...widths)).toBeGreaterThan(10);
});

test("what still runs grows with the clock", () => {
  const running = makeAttempt({ bars: [bar(0, { action: "running", duration_seconds: null })] });
  const [segment] = place([running], Date.parse(at(90)));
  expect(segment?.seconds).toBe(90);
  expect(segment?.bars[0]?.width).toBe(100);
});

test("what was skipped is a mark at the start, and takes no time", () => {
  const skipped = bar(0, { action: "skipped", started_at: null, duration_seconds: null });
  const [segment] = place([makeAttempt({ bars: [skipped, bar(1, { started_at: at(5) })] })], 0);
  expect(segment?.seconds).toBe(10);
  expect(segment?.bars[0]).toMatchObject({ left: 0, seconds: null });
});

test("an attempt of which nothing is recorded has an empty part", () => {
  expect(place([makeAttempt()], 0)).toMatchObject([{ width: 100, seconds: 0, bars: [] }]);
});
