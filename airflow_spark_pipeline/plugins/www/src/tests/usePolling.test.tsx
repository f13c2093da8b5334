import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ACTIVE_MS, IDLE_MS, usePolling } from "../usePolling";

let hidden = false;

beforeEach(() => {
  vi.useFakeTimers();
  hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = async (milliseconds: number): Promise<void> => {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
  });
};

test("the page polls often while something runs, and rarely otherwise", async () => {
  let active = true;
  const load = vi.fn(() => Promise.resolve({ active }));
  renderHook(() => usePolling("q", load));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(1);
  active = false;
  await pass(ACTIVE_MS);
  expect(load).toHaveBeenCalledTimes(2);
  await pass(IDLE_MS - 1);
  expect(load).toHaveBeenCalledTimes(2);
  await pass(1);
  expect(load).toHaveBeenCalledTimes(3);
});

test("a hidden page does not poll, and polls at once when it is shown again", async () => {
  const load = vi.fn(() => Promise.resolve({ active: true }));
  renderHook(() => usePolling("q", load));
  await pass(0);
  hidden = true;
  await pass(10 * IDLE_MS);
  expect(load).toHaveBeenCalledTimes(1);
  hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(2);
});

test("an unchanged answer keeps its identity, so that nothing is rendered again", async () => {
  const { result } = renderHook(() => usePolling("q", () => Promise.resolve({ active: true, runs: [1, 2] })));
  await pass(0);
  const first = result.current.data;
  await pass(ACTIVE_MS);
  expect(result.current.data).toBe(first);
});

test("an error keeps the rows, and the next success clears it", async () => {
  let fails = false;
  const load = () => (fails ? Promise.reject(new Error("down")) : Promise.resolve({ active: true }));
  const { result } = renderHook(() => usePolling("q", load));
  await pass(0);
  fails = true;
  await pass(ACTIVE_MS);
  expect(result.current.error?.message).toBe("down");
  expect(result.current.data).toEqual({ active: true });
  fails = false;
  await pass(IDLE_MS);
  expect(result.current.error).toBeUndefined();
});

test("a changed query is sent at once, and the old answer is marked until the new one arrives", async () => {
  const answers: Record<string, Promise<{ active: boolean; name: string }>> = {
    a: Promise.resolve({ active: true, name: "a" }),
    b: new Promise(() => undefined),
  };
  const { result, rerender } = renderHook(
    ({ question }) => usePolling(question, () => answers[question] ?? Promise.reject(new Error("unknown"))),
    { initialProps: { question: "a" } },
  );
  await pass(0);
  rerender({ question: "b" });
  await pass(0);
  expect(result.current).toMatchObject({ data: { name: "a" }, stale: true });
});
