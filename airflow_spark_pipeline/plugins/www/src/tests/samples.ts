import type { Attempt, Run, RunDetail } from "../types";

export const makeRun = (changes: Partial<Run> = {}): Run => ({
  id: "p~u~0",
  number: 3,
  pipeline: "Daily orders",
  dag_id: "daily_orders",
  dag_display_name: "Daily Orders",
  run_id: "r1",
  task_id: "etl",
  map_index: -1,
  iteration: null,
  location: "/data",
  state: "failed",
  attempt: 1,
  first_started_at: "2026-01-01T00:00:00.000+00:00",
  started_at: "2026-01-01T00:00:00.000+00:00",
  updated_at: "2026-01-01T00:02:00.000+00:00",
  pieces: [
    { name: "extract", state: "done", parts: null },
    { name: "clean", state: "failed", parts: null },
    { name: "load", state: "pending", parts: null },
  ],
  failed_component: "clean",
  failed_components: ["clean"],
  failed_position: 2,
  current_components: [],
  error: "ValueError: no",
  saved_seconds: 60,
  spark_application_id: null,
  try_number: 1,
  task_state: "failed",
  task_pending: false,
  newest_try: null,
  versioned: false,
  resume_blocked: null,
  discard_blocked: null,
  last_try: 1,
  takes_choices: true,
  takes_note: true,
  chosen: false,
  clear_instance: null,
  clear_to_resume: {},
  clear_to_start_over: {},
  ...changes,
});

/** A run of nine components, of which the first ones were running at the same time when it stopped, or are now. */
export const makeWide = (state: "failed" | "dead" | "running", stopped: number): Run => {
  const names = Array.from({ length: 9 }, (_, index) => `c${String(index + 1)}`);
  const at = names.slice(0, stopped);
  const [first = null] = at;
  const failed = state === "failed";
  return makeRun({
    state,
    pieces: names.map((name) => ({ name, state: failed && at.includes(name) ? "failed" : "pending", parts: null })),
    failed_component: failed ? first : null,
    failed_components: failed ? at : [],
    current_components: failed ? [] : at,
  });
};

export const makeAttempt = (changes: Partial<Attempt> = {}): Attempt => ({
  attempt: 1,
  id: "p~u~0",
  started_at: "2026-01-01T00:00:00.000+00:00",
  ended_at: "2026-01-01T00:02:00.000+00:00",
  status: "failed",
  task_state: "failed",
  error: null,
  spark_application_id: null,
  try_number: 1,
  bars: [],
  ...changes,
});

export const makeDetail = (changes: Partial<RunDetail> = {}): RunDetail => ({
  ...makeRun(),
  components: ["extract", "clean", "load"].map((name, index) => ({
    index,
    name,
    type: `m.${name}`,
    state: makeRun().pieces[index]?.state ?? "pending",
    action: "ran",
    reason: null,
    attempt: 1,
    started_at: null,
    duration_seconds: 1,
    views: [],
    saved_outputs: [],
    parts: null,
  })),
  attempts: [makeAttempt()],
  failure: null,
  more_failures: [],
  next: null,
  selected: { start_from: null, stop_after: null, only: [], force: [] },
  config: null,
  config_note: "",
  discarded_by: null,
  history_url: null,
  ...changes,
});
