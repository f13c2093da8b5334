import { ChakraProvider, defaultSystem } from "@chakra-ui/react";
import { act, cleanup, configure, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { MemoryRouter } from "react-router-dom";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Choice } from "../Choice";
import { change } from "../HistoryView";
import { question } from "../ListPage";
import { NavPage, TaskTab } from "../Pages";
import { ComponentBar } from "../parts";
import type { Piece, Run, Selected } from "../types";
import { position } from "../words";
import { makeAttempt, makeDetail, makeRun, makeWide } from "./samples";

configure({ asyncUtilTimeout: 30_000 }); // on a busy machine a page takes seconds to render

const LOCATION = { name: "/data", state: "ok", message: null, temporary: false, unreadable: 0, problems: [] };
const LIST = {
  runs: [],
  total: 0,
  visible: 0,
  counts: {},
  dag_ids: [],
  pipelines: [],
  locations: [LOCATION],
  active: false,
};

const show = (element: React.ReactNode, path = "/plugin/spark-pipeline") =>
  render(
    <ChakraProvider value={defaultSystem}>
      <MemoryRouter initialEntries={[path]}>{element}</MemoryRouter>
    </ChakraProvider>,
  );
const NO_HISTORY = { runs: [], components: [], grown: null };
const answer = (body: unknown, status = 200, history: unknown = NO_HISTORY) => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    const sent = status === 200 && url.includes("/history?") ? history : body;
    return Promise.resolve(new Response(JSON.stringify(sent), { status }));
  });
  return asked;
};

beforeEach(() => {
  document.title = "Airflow";
  localStorage.clear();
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe = vi.fn();
      unobserve = vi.fn();
      disconnect = vi.fn();
    },
  );
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test("the server gets the filters of the address", () => {
  const asked = question(new URLSearchParams("q=x&state=failed&page=3&secret=1"));
  expect(asked.toString()).toBe("q=x&state=failed&limit=25&offset=50");
});

test("an empty location says that there is nothing to resume", async () => {
  answer(LIST);
  show(<NavPage />);
  expect(await screen.findByText("Nothing to resume")).toBeTruthy();
});

test("markup in an error is shown as text", async () => {
  const run = makeRun({ error: "<img src=x onerror=alert(1)>" });
  answer({ ...LIST, runs: [run], total: 1, visible: 1, counts: { failed: 1 } });
  const { container } = show(<NavPage />);
  expect((await screen.findAllByText("<img src=x onerror=alert(1)>")).length).toBeGreaterThan(0);
  expect(container.querySelector("img")).toBeNull();
});

test("an action that is not possible is disabled, with the reason", async () => {
  const run = makeRun({ resume_blocked: "The DAG is paused." });
  answer({ ...LIST, runs: [run], total: 1, visible: 1, counts: { failed: 1 } });
  show(<NavPage />);
  const [button] = await screen.findAllByRole("button", { name: "Resume" });
  expect(button?.getAttribute("aria-disabled")).toBe("true");
  expect(button?.getAttribute("aria-description")).toBe("The DAG is paused.");
  expect(button).toHaveProperty("disabled", false); // so that the keyboard reaches it, and hears why
});

test("a location that is down is named, and hides nothing else", async () => {
  const down = { ...LOCATION, name: "s3://lake", state: "error", message: "no route" };
  answer({ ...LIST, runs: [makeRun()], total: 1, visible: 1, counts: { failed: 1 }, locations: [LOCATION, down] });
  show(<NavPage />);
  expect(await screen.findByText("s3://lake cannot be read")).toBeTruthy();
  expect(screen.getAllByText("Daily orders").length).toBeGreaterThan(0);
});

test("an address with a task instance requests that run", async () => {
  const asked = answer({ exists: true, is_pipeline: true, runs: [], locations: [LOCATION], active: false });
  show(<NavPage />, "/plugin/spark-pipeline?dag_id=d&run_id=r&task_id=t&map_index=2");
  expect(await screen.findByText("Nothing is recorded yet")).toBeTruthy();
  expect(asked[0]).toBe("/spark-pipeline/api/task?dag_id=d&run_id=r&task_id=t&map_index=2");
});

test("the tab of another task says that it runs no pipeline", async () => {
  answer({ exists: true, is_pipeline: false, runs: [], locations: [LOCATION], active: false });
  show(<TaskTab task={makeRun()} />);
  expect(await screen.findByText("This task runs no Spark pipeline")).toBeTruthy();
});

test("an unknown task instance gets no advice about locations", async () => {
  answer({ exists: false, is_pipeline: false, runs: [], locations: [LOCATION], active: false });
  show(<TaskTab task={makeRun()} />);
  expect(await screen.findByText("Airflow has no such task instance")).toBeTruthy();
});

test("a user without permission sees that, and no other error", async () => {
  answer({ detail: "Forbidden" }, 403);
  show(<TaskTab task={makeRun()} />);
  expect(await screen.findByText("You may not see this")).toBeTruthy();
});

test.each([
  [makeRun(), "Failed at clean (2 of 3)"],
  [makeRun({ state: "running", failed_component: null, current_components: ["load"] }), "At load (3 of 3)"],
  [makeRun({ state: "dead", failed_component: null, current_components: ["clean"] }), "Died at clean (2 of 3)"],
  [makeRun({ state: "submitted", failed_component: null }), "1 of 3 done"],
  [makeRun({ failed_component: null, failed_components: [] }), "1 of 3 done"],
  [makeRun({ failed_components: ["clean", "load"] }), "Failed at clean and load (2, 3 of 3)"],
  [makeWide("dead", 2), "Died at c1 and c2 (1, 2 of 9)"],
  [makeWide("running", 3), "At c1, c2, and c3 (1, 2, 3 of 9)"],
  [makeWide("failed", 4), "Failed at c1, c2, and 2 more (1, 2, … of 9)"],
  [makeWide("failed", 9), "Failed at c1, c2, and 7 more (1, 2, … of 9)"],
])("the position of a run is shown as text", (run, words) => {
  expect(position(run)).toBe(words);
});

test("all components that failed are named in the title of their errors", async () => {
  answer({ ...LIST, runs: [makeWide("failed", 5)], total: 1, visible: 1 });
  show(<NavPage />);
  const [text] = await screen.findAllByText("Failed at c1, c2, and 3 more (1, 2, … of 9)");
  expect(text?.parentElement?.title).toBe("Failed at c1, c2, c3, c4, and c5 (1, 2, 3, 4, 5 of 9)");
});

test.each([
  [["load", "clean"], "clean"], // "load" failed first, and "clean" would be left out
  [["clean", "load"], "clean"],
  [["load"], "load"],
])("if %s failed, a choice begins with %s and with all that failed", (failed_components, first) => {
  const changes: Selected[] = [];
  const run = makeDetail({ failed_component: failed_components[0] ?? null, failed_components });
  show(<Choice run={run} value={makeDetail().selected} onChange={(value) => changes.push(value)} />);
  const what = screen.getByRole("combobox", { name: "Components to Run" });
  fireEvent.change(what, { target: { value: "range" } });
  fireEvent.change(what, { target: { value: "only" } });
  expect(changes.map(({ start_from, only }) => [start_from, only])).toEqual([
    [first, []],
    [null, [...failed_components].sort()],
  ]);
});

test("the bar of a component with parts is filled as far as they are done, in the list and on its page", () => {
  const pieces: Piece[] = [
    { name: "clean", state: "failed", parts: { done: 37, total: 50 } },
    { name: "load", state: "done", parts: { done: 50, total: 50 } },
  ];
  show(<ComponentBar pieces={pieces} />);
  expect(screen.getByRole("img").getAttribute("aria-label")).toBe(
    "clean: Failed (37 of 50 parts), load: Done (50 of 50 parts)",
  );
  expect(screen.getAllByTestId("parts-done").map((filled) => getComputedStyle(filled).width)).toEqual(["74%"]);
});

test("each attempt links to its own application in Spark's history server", async () => {
  const attempts = [1, 2].map((attempt) => makeAttempt({ attempt, spark_application_id: `app-${String(attempt)}` }));
  const run = makeDetail({ attempt: 2, attempts, history_url: "https://spark.example/past" });
  answer({ exists: true, is_pipeline: true, runs: [run], locations: [LOCATION], active: false });
  show(<NavPage />, "/plugin/spark-pipeline?dag_id=daily_orders&run_id=r1&task_id=etl&map_index=-1");
  await screen.findAllByRole("link", { name: "app-1" });
  for (const id of ["app-1", "app-2"]) {
    for (const link of screen.getAllByRole("link", { name: id })) {
      expect(link.getAttribute("href")).toBe(`https://spark.example/past/history/${id}`);
    }
  }
});

test("the search keeps what is typed while the address lags behind", async () => {
  answer({ ...LIST, runs: [makeRun()], total: 1, visible: 1, counts: { failed: 1 } });
  show(<NavPage />);
  const search = await screen.findByLabelText<HTMLInputElement>(/^Search by/);
  vi.useFakeTimers();
  try {
    let typed = "";
    for (const key of "no x") {
      typed += key;
      fireEvent.change(search, { target: { value: typed } });
      await act(() => vi.advanceTimersByTimeAsync(450));
      expect(search.value).toBe(typed);
    }
  } finally {
    vi.useRealTimers();
  }
}, 20_000);

test("typed text is searched for as soon as the field loses focus, before a click that follows", async () => {
  answer({ ...LIST, runs: [makeRun()], total: 1, visible: 1, counts: { failed: 1 } });
  show(<NavPage />);
  const search = await screen.findByLabelText<HTMLInputElement>(/^Search by/);
  vi.useFakeTimers();
  try {
    fireEvent.change(search, { target: { value: "nothing like it" } });
    fireEvent.blur(search);
    await act(() => vi.advanceTimersByTimeAsync(50)); // much less than while somebody types
    for (const clear of screen.getAllByRole("button", { name: "Clear Filters" }).slice(0, 1)) {
      fireEvent.click(clear);
    }
    await act(() => vi.advanceTimersByTimeAsync(1_000));
    expect(search.value).toBe("");
  } finally {
    vi.useRealTimers();
  }
}, 20_000);

const listed = (runs: Run[], more: object = {}) =>
  answer({ ...LIST, runs, total: runs.length, visible: runs.length, counts: { failed: runs.length }, ...more });

test("from a clear on, Airflow's state is shown beside the run's own", async () => {
  listed([makeRun({ task_state: "no_status", task_pending: true })]);
  show(<NavPage />);
  expect((await screen.findAllByText("No Status in Airflow")).length).toBeGreaterThan(0);
  expect(screen.getAllByText("Failed").length).toBeGreaterThan(0);
});

test.each([
  [true, "Cannot resume: a was changed", "Try 2 refused to resume: Cannot resume: a was changed"],
  [false, "FileNotFoundError: etl.conf", "Try 2 failed before it recorded anything: FileNotFoundError: etl.conf"],
  [false, null, "Try 2 failed before it recorded anything. Its log says why."],
])("a row shows the newest try even if that recorded nothing (refused: %s)", async (refused, error, text) => {
  listed([makeRun({ newest_try: { try_number: 2, state: "failed", error, refused } })]);
  show(<NavPage />);
  expect((await screen.findAllByText(text)).length).toBeGreaterThan(0);
  expect(screen.queryByText("ValueError: no")).toBeNull();
});

test("a refused resume is announced, offers what helps, and resumes only after confirmation", async () => {
  const next = {
    steps: [],
    basis: "description" as const,
    refusal: "Cannot resume it: url was changed.",
    differences: ["url"],
  };
  answer({ exists: true, is_pipeline: true, runs: [makeDetail({ next })], locations: [LOCATION], active: false });
  show(<NavPage />, "/plugin/spark-pipeline?dag_id=daily_orders&run_id=r1&task_id=etl&map_index=-1");
  fireEvent.click(await screen.findByRole("button", { name: "Resume" }));
  const dialog = within(await screen.findByRole("dialog"));
  await dialog.findByText("The task would refuse to resume");
  for (const name of ["Start Over", "Rerun from the Change"]) expect(dialog.getByRole("button", { name })).toBeTruthy();
  expect(dialog.queryByText("Skips")).toBeNull();
  const resume = dialog.getByRole("button", { name: "Resume" });
  expect(resume.getAttribute("aria-disabled")).toBe("true");
  fireEvent.click(dialog.getByLabelText("The change has been undone: resume"));
  await waitFor(() => {
    expect(resume.getAttribute("aria-disabled")).toBe("false");
  });
});

test("all matching runs are selected on all pages, and paging keeps the selection", async () => {
  const runs = Array.from({ length: 230 }, (_, index) =>
    makeRun({ id: `p~u${String(index)}~0`, run_id: `r${String(index)}` }),
  );
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    const query = new URL(url, "http://x").searchParams;
    const [limit, offset] = [Number(query.get("limit")), Number(query.get("offset"))];
    const shown = runs.slice(offset, offset + (limit === 100 ? limit : 2)); // few are drawn, all are collected
    const body = { ...LIST, runs: shown, total: 230, visible: 230, counts: { failed: 230 } };
    return Promise.resolve(new Response(JSON.stringify(body)));
  });
  show(<NavPage />);
  fireEvent.click((await screen.findAllByLabelText("Select all runs on this page"))[0] as HTMLElement);
  expect(await screen.findByText("2 runs selected")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Next" }));
  await screen.findAllByText("r25");
  expect(screen.getByRole("button", { name: "2 of 10" }).getAttribute("aria-current")).toBe("page");
  expect(screen.getByText("2 runs selected")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Select all 230 that match" }));
  expect(await screen.findByText("230 runs selected")).toBeTruthy();
  expect(asked.filter((url) => url.includes("limit=100"))).toHaveLength(3);
}, 60_000);

test("mapped task instances show their index, and one box selects those of a Dag Run", async () => {
  const runs = [0, 1, 2].map((index) => makeRun({ id: `p~u${String(index)}~0`, map_index: index }));
  listed(runs);
  show(<NavPage />, "/plugin/spark-pipeline?group=dag_run");
  expect((await screen.findAllByText("etl [2]")).length).toBeGreaterThan(0);
  fireEvent.click(screen.getByLabelText("Select all runs of Daily Orders / r1"));
  expect(await screen.findByText("3 runs selected")).toBeTruthy();
  fireEvent.click(within(screen.getByRole("toolbar")).getByRole("button", { name: "Resume" }));
  const dialog = within(await screen.findByRole("dialog"));
  for (const name of ["etl [0]", "etl [1]", "etl [2]"])
    expect(dialog.getByText(new RegExp(`${name.replace(/[[\]]/g, "\\$&")}$`))).toBeTruthy();
});

test("a column that was hidden stays hidden in this browser, in each list", async () => {
  const run = makeRun({ attempt: 7 });
  answer({ ...LIST, runs: [run], total: 1, visible: 1 });
  show(<NavPage />);
  const headers = () => screen.getAllByRole("columnheader", { hidden: true }).map((each) => each.textContent);
  await screen.findAllByTestId("run");
  expect(headers()).toEqual(expect.arrayContaining(["Attempt", "Start Date"]));
  fireEvent.click(screen.getByRole("button", { name: "Filter table columns", hidden: true }));
  fireEvent.click(await screen.findByRole("menuitemcheckbox", { name: "Attempt", hidden: true }));
  await waitFor(() => {
    expect(headers()).not.toContain("Attempt");
  });
  cleanup();
  show(<NavPage />);
  await screen.findAllByTestId("run");
  expect(headers()).toContain("Start Date");
  expect(headers()).not.toContain("Attempt");
});

test.each(["{", '"attempt"', '["nothing", 7]'])("columns that cannot be read, %s, hide nothing", async (kept) => {
  localStorage.setItem("spark-pipeline.hidden-columns", kept);
  answer({ ...LIST, runs: [makeRun()], total: 1, visible: 1 });
  show(<NavPage />);
  await screen.findAllByTestId("run");
  expect(screen.getAllByRole("columnheader", { hidden: true }).length).toBe(9);
});

test("the sorted column is marked, and each page sets the title of its tab", async () => {
  listed([makeRun()]);
  show(<NavPage />);
  await screen.findAllByText("Daily orders");
  const headers = screen.getAllByRole("columnheader", { hidden: true });
  expect(headers.find((each) => each.textContent === "Start Date")?.getAttribute("aria-sort")).toBe("descending");
  expect(headers.find((each) => each.textContent === "State")?.getAttribute("aria-sort")).toBe("none");
  expect(headers.filter((each) => each.textContent === "" && each.querySelector("input") === null)).toEqual([]);
  expect(document.title).toBe("Resumable Runs - Airflow");
});

test("cards can be sorted although they have no headers", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    const body = { ...LIST, runs: [makeRun()], total: 1, visible: 1, counts: { failed: 1 } };
    return Promise.resolve(new Response(JSON.stringify(body)));
  });
  show(<NavPage />);
  const sorting = await screen.findByRole("combobox", { name: "Sort by" });
  expect((sorting as HTMLSelectElement).value).toBe("-started_at");
  for (const order of ["attempt", "-saved_seconds"]) {
    fireEvent.change(sorting, { target: { value: order } });
    await vi.waitFor(() => {
      expect(asked.at(-1)).toContain(`order_by=${order}`);
    });
    expect((screen.getByRole("combobox", { name: "Sort by" }) as HTMLSelectElement).value).toBe(order);
  }
}, 30_000);

test("a page that does not exist leads to the first one", async () => {
  listed([], { total: 41, visible: 41 });
  show(<NavPage />, "/plugin/spark-pipeline?page=99");
  expect(await screen.findByRole("button", { name: "Go to the First Page" })).toBeTruthy();
});

test("each failure of a run is shown", async () => {
  const failure = (component: string) => ({
    component,
    error_type: "ValueError",
    message: `no ${component}`,
    traceback: null,
    retry_helps: true,
  });
  const run = makeDetail({ failure: failure("b"), more_failures: [failure("d")] });
  answer({ exists: true, is_pipeline: true, runs: [run], locations: [LOCATION], active: false });
  show(<TaskTab task={run} />);
  expect(await screen.findByText("no b")).toBeTruthy();
  expect(screen.getByText("no d")).toBeTruthy();
});

test("a try that recorded nothing is shown with its log and its reason", async () => {
  const refused = makeAttempt({
    attempt: null,
    id: "try-2",
    status: "refused",
    try_number: 2,
    error: "Cannot resume it",
  });
  const run = makeDetail({ attempts: [makeAttempt(), refused] });
  answer({ exists: true, is_pipeline: true, runs: [run], locations: [LOCATION], active: false });
  show(<TaskTab task={run} />);
  expect(await screen.findByText("Resume Refused")).toBeTruthy();
  expect(screen.getByText("Cannot resume it")).toBeTruthy();
  expect(screen.getAllByRole("link", { name: "Log of try 2" })[0]?.getAttribute("href")).toContain("try_number=2");
});

const past = (run_id: string, seconds: number | null) => ({
  run_id,
  started_at: "2026-01-01T00:00:00.000+00:00",
  state: "completed" as const,
  seconds: { clean: seconds },
  states: { clean: seconds === null ? ("failed" as const) : ("done" as const) },
});

test("a run is compared with what is usual, and with another run", async () => {
  const history = {
    runs: [past("r0", 10), past("r-failed", null), past("r1", 70)],
    components: [{ name: "clean", seconds: 70, usual_seconds: 10 }],
    grown: "clean",
  };
  answer({ exists: true, is_pipeline: true, runs: [makeDetail()], locations: [LOCATION], active: false }, 200, history);
  show(<TaskTab task={makeRun()} />);
  expect(await screen.findByText("clean took 00:01:00 longer than usual.")).toBeTruthy();
  expect(screen.getByText("Grew Most")).toBeTruthy();
  expect(screen.getByRole("img", { name: "Durations of clean: 00:00:10, –, 00:01:10" })).toBeTruthy();
  expect(screen.getByText("+00:01:00")).toBeTruthy();
  expect(screen.getAllByText("usually 00:00:10").length).toBeGreaterThan(0);
  fireEvent.change(screen.getByLabelText("Compare with"), { target: { value: "r-failed" } });
  const row = within(screen.getByTestId("history"));
  expect(row.getByText("Failed")).toBeTruthy();
  expect(row.queryByText("+00:01:00")).toBeNull();
});

test.each([
  [12, 10, "+2s"],
  [10, 12, "−2s"],
  [10.01, 10, "±0s"],
  [null, 10, "–"],
  [10, null, "–"],
])("from %s to %s seconds the change is %s", (seconds, other, text) => {
  expect(change({ seconds, other })).toBe(text);
});

test("the plan follows the choice, and the clear passes it on", async () => {
  const planned = {
    steps: [
      { name: "extract", action: "skip" as const, reason: "done in attempt 1" },
      { name: "clean", action: "run" as const, reason: "not done yet" },
      { name: "load", action: "omit" as const, reason: "stop_after is clean" },
    ],
    basis: "description" as const,
    refusal: null,
    differences: [],
  };
  const next = { ...planned, steps: planned.steps.map((step) => ({ ...step, action: "run" as const })) };
  const detail = {
    exists: true,
    is_pipeline: true,
    runs: [makeDetail({ next })],
    locations: [LOCATION],
    active: false,
  };
  const asked: [url: string, body: string][] = [];
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => {
    asked.push([url, typeof init?.body === "string" ? init.body : ""]);
    const cleared = { task_instances: [{ task_id: "etl", state: "failed" }], total_entries: 1 };
    const sent = url.includes("/plan?")
      ? planned
      : url.includes("/history?")
        ? NO_HISTORY
        : url.includes("/clearTaskInstances")
          ? cleared
          : detail;
    return Promise.resolve(new Response(JSON.stringify(sent)));
  });
  show(<NavPage />, "/plugin/spark-pipeline?dag_id=daily_orders&run_id=r1&task_id=etl&map_index=-1");
  fireEvent.click(await screen.findByRole("button", { name: "Resume" }));
  const dialog = within(await screen.findByRole("dialog"));
  fireEvent.change(await dialog.findByLabelText("Components to Run", { selector: "select" }), {
    target: { value: "range" },
  });
  fireEvent.change(dialog.getByLabelText("Stop after"), { target: { value: "clean" } });
  expect(await dialog.findByText("Leaves out 1 component")).toBeTruthy();
  const plan = asked.filter(([url]) => url.includes("/plan?")).at(-1)?.[0] ?? "";
  expect(plan).toContain("start_from=clean&stop_after=clean");
  fireEvent.click(dialog.getByRole("button", { name: "Resume" }));
  await waitFor(() => {
    expect(asked.some(([url]) => url.includes("state-store/spark_pipeline.selection"))).toBe(true);
  });
  const stored = asked.find(([url]) => url.includes("state-store"))?.[1] ?? "";
  expect(JSON.parse((JSON.parse(stored) as { value: string }).value)).toMatchObject({
    afterTry: 1,
    startFrom: "clean",
    stopAfter: "clean",
  });
});

test("the plan of forty components is short: many skips are one line", async () => {
  const steps = Array.from({ length: 40 }, (_, index) => ({
    name: `c${String(index)}`,
    action: index < 27 ? ("skip" as const) : ("run" as const),
    reason: "",
  }));
  const run = makeDetail({ next: { steps, basis: "description", refusal: null, differences: [] } });
  answer({ exists: true, is_pipeline: true, runs: [run], locations: [LOCATION], active: false });
  show(<TaskTab task={run} />);
  expect(await screen.findByRole("button", { name: /^Skips 27 components/ })).toBeTruthy();
  expect(screen.queryByText("c3")).toBeNull();
  expect(screen.getByText("c30")).toBeTruthy();
});
