import { afterEach, expect, test, vi } from "vitest";

import german from "../../public/locales/de.json";
import { act, actOnAll, blocked } from "../act";
import { show } from "../texts";
import type { TaskRuns } from "../types";
import { makeRun } from "./samples";

type Answer = [status: number, body: unknown];

/** What the page's server says of the task now, before a resume; by default what the page has shown. */
const task = (runs = [makeRun()], state = "ok"): TaskRuns =>
  ({ runs, locations: [{ name: "/data", state }] }) as TaskRuns;

const server = (answer: (url: string, body: Record<string, unknown>) => Answer, now = task()) => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    if (url.includes("/api/task?")) return Promise.resolve(new Response(JSON.stringify(now)));
    const body = JSON.parse(String(init.body)) as Record<string, unknown>;
    asked.push(`${url.split("/").at(-1) ?? ""}${body["dry_run"] === true ? " (dry)" : ""}`);
    const [status, sent] = answer(url, body);
    return Promise.resolve(new Response(JSON.stringify(sent), { status }));
  });
  return asked;
};

const RESUMES = { keep_task_state: true, prevent_running_task: true };
const STARTS_OVER = { keep_task_state: undefined, prevent_running_task: true };
const CLEARED: Answer = [200, { task_instances: [], total_entries: 1 }];
const OPTIONS = { latestVersion: false, downstream: true };

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a resume is one clear of Airflow's", async () => {
  const bodies: Record<string, unknown>[] = [];
  const asked = server((_, body) => {
    bodies.push(body);
    return CLEARED;
  });
  expect(await act("resume", makeRun({ map_index: 4 }), OPTIONS)).toMatchObject({ ok: true });
  expect(asked).toEqual(["clearTaskInstances"]);
  expect(bodies[0]).toMatchObject({ dag_run_id: "r1", task_ids: [["etl", 4]] });
  expect(bodies[0]).not.toHaveProperty("note"); // it would replace what somebody wrote
});

test.each([
  ["resume", [RESUMES]],
  ["rerun-from-change", [RESUMES]],
  ["start-over", [STARTS_OVER, STARTS_OVER]],
] as const)("a clear to %s sends only what this Airflow accepts", async (action, told) => {
  const bodies: Record<string, unknown>[] = [];
  server((url, body) => {
    if (url.endsWith("clearTaskInstances")) bodies.push(body);
    return url.endsWith("discard") ? [200, { id: "p~u~0" }] : CLEARED;
  });
  const run = makeRun({
    clear_to_resume: { keep_task_state: true, prevent_running_task: true },
    clear_to_start_over: { prevent_running_task: true },
  });
  await act(action, run, OPTIONS);
  expect(
    bodies.map(({ keep_task_state, prevent_running_task }) => ({ keep_task_state, prevent_running_task })),
  ).toEqual(told);
});

test.each([
  [{ detail: "no", code: "changed", values: {} }, "Seit Sie nachgesehen haben"],
  [{ detail: "no", code: "late", values: { seconds: "30" } }, "nicht innerhalb von 30 s"],
  [{ detail: "no", code: "location", values: { message: "disk full" } }, "disk full"],
  [{ detail: "There is no progress to discard." }, "Es gibt keinen Fortschritt zu verwerfen."],
  [{ detail: "said by a newer server", code: "newer", values: {} }, "said by a newer server"],
])("a refusal of the server, %j, is shown in the user's language", async (body, text) => {
  show("de", german);
  server(() => [409, body]);
  expect(await act("discard", makeRun(), OPTIONS)).toMatchObject({ ok: false, text: expect.stringContaining(text) });
  show("en", {});
});

test("an iteration of a loop is cleared by the id of its task instance", async () => {
  const bodies: Record<string, unknown>[] = [];
  server((_, body) => {
    bodies.push(body);
    return CLEARED;
  });
  await act("resume", makeRun({ iteration: 1, clear_instance: "0190-1" }), OPTIONS);
  expect(bodies.map(({ task_ids, task_instance_ids }) => [task_ids, task_instance_ids])).toEqual([
    [undefined, ["0190-1"]],
  ]);
});

test("an older Airflow gets no unknown fields", async () => {
  const bodies: Record<string, unknown>[] = [];
  server((_, body) => {
    bodies.push(body);
    return CLEARED;
  });
  await act("resume", makeRun(), OPTIONS);
  expect(Object.keys(bodies[0] ?? {})).toEqual([
    "dry_run",
    "dag_run_id",
    "task_ids",
    "only_failed",
    "reset_dag_runs",
    "include_downstream",
  ]);
});

test("a start over discards only after Airflow would clear", async () => {
  const asked = server((url) => (url.endsWith("discard") ? [200, { id: "p~u~0" }] : CLEARED));
  expect(await act("start-over", makeRun(), OPTIONS)).toMatchObject({ ok: true });
  expect(asked).toEqual(["clearTaskInstances (dry)", "discard", "clearTaskInstances"]);
});

test("nothing is discarded where the task may not be cleared", async () => {
  const asked = server(() => [403, { detail: "Forbidden" }]);
  const outcome = await act("start-over", makeRun(), OPTIONS);
  expect(outcome).toEqual({ ok: false, text: "You do not have the right to do this." });
  expect(asked).toEqual(["clearTaskInstances (dry)"]);
});

test("if a clear fails after the discard, the error explains what was lost and what to do", async () => {
  server((url, body) => {
    if (url.endsWith("discard")) return [200, { id: "p~u~0" }];
    return body["dry_run"] === true ? CLEARED : [409, { detail: "Task is running." }];
  });
  const outcome = await act("start-over", makeRun(), OPTIONS);
  expect(outcome.ok).toBe(false);
  expect(outcome.text).toMatch(/is discarded, but .* Task is running\. Clear it in Airflow/);
});

test("the server's own words are shown", async () => {
  server(() => [409, { detail: "Its driver is running: stop the task first." }]);
  expect(await act("discard", makeRun(), OPTIONS)).toEqual({
    ok: false,
    text: "Its driver is running: stop the task first.",
  });
});

test("a clear that finds nothing is an error", async () => {
  server(() => [200, { task_instances: [], total_entries: 0 }]);
  expect(await act("resume", makeRun(), OPTIONS)).toMatchObject({ ok: false });
});

test("starting over needs both permissions", () => {
  expect(blocked("start-over", makeRun({ resume_blocked: "paused" }))).toBe("paused");
  expect(blocked("start-over", makeRun({ discard_blocked: "alive" }))).toBe("alive");
  expect(blocked("resume", makeRun({ discard_blocked: "alive" }))).toBeNull();
});

test("the choice to rerun from the change is stored before the task is cleared", async () => {
  const asked = server(() => CLEARED);
  expect(await act("rerun-from-change", makeRun({ map_index: 4 }), OPTIONS)).toMatchObject({ ok: true });
  expect(asked).toEqual(["spark_pipeline.on_change?map_index=4", "clearTaskInstances"]);
});

test("many runs are handled a few at a time, and each is reported once", async () => {
  let open = 0;
  let most = 0;
  vi.stubGlobal("fetch", async (url: string) => {
    most = Math.max(most, ++open);
    await Promise.resolve();
    open--;
    return new Response(JSON.stringify(url.includes("/api/task?") ? task() : CLEARED[1]));
  });
  const runs = Array.from({ length: 250 }, (_, index) => makeRun({ run_id: `r${String(index)}` }));
  const told: string[] = [];
  await actOnAll("resume", runs, OPTIONS, (run) => told.push(run.run_id));
  expect(new Set(told).size).toBe(250);
  expect(told).toHaveLength(250);
  expect(most).toBeLessThanOrEqual(4);
});

test("a task that has started in the meantime is reported", async () => {
  server(() => [409, { detail: "AirflowClearRunningTaskException: Disable 'prevent_running_task' to proceed" }]);
  const outcome = await act("resume", makeRun(), OPTIONS);
  expect(outcome).toEqual({ ok: false, text: "The task has started to run meanwhile. Nothing was cleared." });
});

const SELECTED = { start_from: "clean", stop_after: null, only: [], force: ["extract"] };

test("a choice of components is stored before the clear, for the tries that follow it", async () => {
  const stored: unknown[] = [];
  const asked = server((url, body) => {
    if (url.includes("state-store")) stored.push(JSON.parse(String(body["value"])));
    return CLEARED;
  });
  const run = makeRun({ last_try: 3, map_index: 4 });
  expect(await act("resume", run, { ...OPTIONS, selected: SELECTED })).toMatchObject({ ok: true });
  expect(asked).toEqual(["spark_pipeline.selection?map_index=4", "clearTaskInstances"]);
  expect(stored).toEqual([{ afterTry: 3, startFrom: "clean", stopAfter: null, only: [], force: ["extract"] }]);
});

test.each([
  ["resume", { ...OPTIONS, selected: SELECTED }, "selection"],
  ["rerun-from-change", OPTIONS, "on_change"],
] as const)("the choice of a %s is taken back if Airflow does not clear the task", async (action, options, name) => {
  const stored: unknown[] = [];
  server((url, body) => {
    if (!url.includes("state-store")) return [409, { detail: "locked" }];
    stored.push([url.includes(`spark_pipeline.${name}?`), body["value"] === ""]);
    return [200, {}];
  });
  expect(await act(action, makeRun(), options)).toEqual({ ok: false, text: "locked" });
  expect(stored).toEqual([
    [true, false],
    [true, true],
  ]);
});

test.each(["resume", "start-over"] as const)("a %s without a choice ignores an older stored one", async (action) => {
  const stored: unknown[] = [];
  server((url, body) => {
    if (url.includes("state-store")) stored.push(body["value"]);
    return url.endsWith("discard") ? [200, { id: "p~u~0" }] : CLEARED;
  });
  await act(action, makeRun({ chosen: true }), OPTIONS);
  expect(stored).toEqual([""]);
});

test("a note is sent if the user wrote one", async () => {
  const bodies: Record<string, unknown>[] = [];
  server((_, body) => {
    bodies.push(body);
    return CLEARED;
  });
  await act("resume", makeRun(), { ...OPTIONS, note: "call first" });
  await act("resume", makeRun(), { ...OPTIONS, note: "" });
  expect(bodies.map((body) => body["note"])).toEqual(["call first", undefined]);
});

test("an Airflow that cannot store a choice does not offer to rerun from the change", () => {
  expect(blocked("rerun-from-change", makeRun({ takes_choices: false }))).toContain("since version 3.3");
  expect(blocked("resume", makeRun({ takes_choices: false }))).toBeNull();
});

test.each([
  ["another attempt took it over", [makeRun({ id: "p~u~4", number: 4 })], "This run has changed meanwhile"],
  ["it has completed and is gone", [], "This run has changed meanwhile"],
  ["something was recorded", [makeRun({ number: 4 })], "This run has changed meanwhile"],
  ["its driver is alive again", [makeRun({ resume_blocked: "alive" })], "alive"],
])("a run is not resumed if %s since the page showed it", async (_, runs, text) => {
  for (const action of ["resume", "rerun-from-change"] as const) {
    const asked = server(() => CLEARED, task(runs));
    expect(await act(action, makeRun(), OPTIONS)).toEqual({ ok: false, text });
    expect(asked).toEqual([]);
  }
});

test("a run in a location that does not answer can be resumed", async () => {
  const asked = server(() => CLEARED, task([], "error"));
  expect(await act("resume", makeRun(), OPTIONS)).toMatchObject({ ok: true });
  expect(asked).toEqual(["clearTaskInstances"]);
});

test("the version is always sent for a DAG with versions, since Airflow's default may be the latest", async () => {
  const bodies: Record<string, unknown>[] = [];
  server((_, body) => {
    bodies.push(body);
    return CLEARED;
  });
  for (const latestVersion of [false, true])
    await act("resume", makeRun({ versioned: true }), { ...OPTIONS, latestVersion });
  expect(bodies.map((body) => body["run_on_latest_version"])).toEqual([false, true]);
});

test("a choice is taken back even if it is not known whether it was stored", async () => {
  const stored: unknown[] = [];
  server((url, body) => {
    if (!url.includes("state-store")) return CLEARED;
    stored.push(body["value"]);
    return body["value"] === "" ? [200, {}] : [504, {}];
  });
  expect(await act("rerun-from-change", makeRun(), OPTIONS)).toMatchObject({ ok: false });
  expect(stored).toEqual(["rerun-from-change", ""]);
});
