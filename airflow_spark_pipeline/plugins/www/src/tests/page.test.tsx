import { ChakraProvider, defaultSystem } from "@chakra-ui/react";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { MemoryRouter } from "react-router-dom";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { question } from "../ListPage";
import { NavPage, TaskTab } from "../Pages";
import { position } from "../words";
import { makeAttempt, makeRun } from "./samples";

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
const answer = (body: unknown, status = 200) => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  return asked;
};

beforeEach(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test("the filters of the address are what the server is asked for", () => {
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
  expect(button).toHaveProperty("disabled", true);
  expect(button?.title).toBe("The DAG is paused.");
});

test("a location that is down is named, and hides nothing else", async () => {
  const down = { ...LOCATION, name: "s3://lake", state: "error", message: "no route" };
  answer({ ...LIST, runs: [makeRun()], total: 1, visible: 1, counts: { failed: 1 }, locations: [LOCATION, down] });
  show(<NavPage />);
  expect(await screen.findByText("s3://lake cannot be read")).toBeTruthy();
  expect(screen.getAllByText("Daily orders").length).toBeGreaterThan(0);
});

test("an address that names a task instance asks for that run", async () => {
  const asked = answer({ is_pipeline: true, runs: [], locations: [LOCATION], active: false });
  show(<NavPage />, "/plugin/spark-pipeline?dag_id=d&run_id=r&task_id=t&map_index=2");
  expect(await screen.findByText("Nothing is recorded yet")).toBeTruthy();
  expect(asked[0]).toBe("/spark-pipeline/api/task?dag_id=d&run_id=r&task_id=t&map_index=2");
});

test("the tab of another task says that it runs no pipeline", async () => {
  answer({ is_pipeline: false, runs: [], locations: [LOCATION], active: false });
  show(<TaskTab task={makeRun()} />);
  expect(await screen.findByText("This task runs no Spark pipeline")).toBeTruthy();
});

test("who may not see it is told so, and not that something is broken", async () => {
  answer({ detail: "Forbidden" }, 403);
  show(<TaskTab task={makeRun()} />);
  expect(await screen.findByText("You may not see this")).toBeTruthy();
});

test.each([
  [makeRun(), "Failed at clean (2 of 3)"],
  [makeRun({ state: "running", failed_component: null, current_component: "load" }), "At load (3 of 3)"],
  [makeRun({ state: "dead", failed_component: null, current_component: "clean" }), "Died at clean (2 of 3)"],
  [makeRun({ state: "submitted", failed_component: null }), "1 of 3 done"],
])("where a run stands is said in words", (run, words) => {
  expect(position(run)).toBe(words);
});

test("each attempt links to its own application in Spark's history server", async () => {
  const attempts = [1, 2].map((attempt) => makeAttempt({ attempt, spark_application_id: `app-${String(attempt)}` }));
  const run = makeRun({ attempt: 2, spark_application_id: "app-2" });
  const extract = { index: 0, name: "extract", type: "Extract", state: "done", action: "ran", reason: null };
  const component = { ...extract, attempt: 1, started_at: null, duration_seconds: 1, views: [], saved_outputs: [] };
  const detail = { components: [component], attempts, failure: null, next: null, config: null, config_note: null };
  answer({
    is_pipeline: true,
    runs: [{ ...run, ...detail, history_url: "https://spark.example/past" }],
    locations: [LOCATION],
    active: false,
  });
  show(<NavPage />, "/plugin/spark-pipeline?dag_id=daily_orders&run_id=r1&task_id=etl&map_index=-1");
  await screen.findByRole("link", { name: "app-1" });
  for (const id of ["app-1", "app-2"]) {
    expect(screen.getByRole("link", { name: id }).getAttribute("href")).toBe(
      `https://spark.example/past/history/${id}`,
    );
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
