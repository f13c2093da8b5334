import { language, t } from "./texts";
import type { AttemptStatus, BarAction, ComponentState, Run, RunState } from "./types";

/** Airflow's palette for the state. */
export const RUN_PALETTES: Record<RunState, string> = {
  running: "running",
  submitted: "queued",
  failed: "failed",
  dead: "up_for_retry",
  unreadable: "failed",
  completed: "success",
  discarded: "removed",
};

export const COMPONENT_PALETTES: Record<ComponentState, string> = {
  done: "success",
  running: "running",
  failed: "failed",
  interrupted: "up_for_retry",
  pending: "removed",
  upstream_failed: "upstream_failed",
  left_out: "skipped",
};

export const BAR_PALETTES: Record<BarAction, string> = {
  ran: "success",
  failed: "failed",
  running: "running",
  interrupted: "up_for_retry",
  replayed: "deferred",
  skipped: "skipped",
};

export const isRunState = (status: AttemptStatus): status is RunState => status in t.runStates;

/** The number of components that are named before the rest is counted. */
const NAMED = 3;

/** Several components in one phrase: `a, b, and 2 more`; never `and 1 more`, since the name takes as little room. */
const listed = (names: string[], room: number): string => {
  const shown = names.length > room ? names.slice(0, room - 1) : names;
  const rest = names.length - shown.length;
  return new Intl.ListFormat(language).format(rest === 0 ? shown : [...shown, t.position.more(rest)]);
};

/** Where a run is: `Failed at Clean (2 of 3)`, `Failed at Clean and Load (2, 4 of 5)`; with no limit, all names. */
export const position = (run: Run, room = NAMED): string => {
  const total = run.pieces.length;
  const failed = run.state === "failed" && run.failed_component !== null;
  const names = failed ? run.failed_components : run.current_components;
  const places = names.map((name) => run.pieces.findIndex((piece) => piece.name === name) + 1);
  if (names.length === 0 || places.includes(0)) {
    return t.position.done(run.pieces.filter((piece) => piece.state === "done").length, total);
  }
  const text = failed ? t.position.failed : run.state === "dead" ? t.position.died : t.position.at;
  const at = places.length > room ? [...places.slice(0, room - 1).map(number), "…"] : places.map(number);
  return text(listed(names, room), at.join(", "), total);
};

/** The task's name as Airflow shows it: with its map index, and in a loop the iteration, which Airflow counts from 0. */
export const taskName = (run: Run): string =>
  run.task_id +
  (run.map_index < 0 ? "" : ` [${String(run.map_index)}]`) +
  (run.iteration === null ? "" : t.iteration(run.iteration));

/** A run's name in one line, for screen readers: `Daily orders, r1, etl [4]`. */
export const fullName = (run: Run): string => `${run.pipeline}, ${run.run_id}, ${taskName(run)}`;

/** A count in the format of the user's language. */
export const number = (count: number): string => count.toLocaleString(language, { numberingSystem: "latn" });
