import { language, t } from "./texts";
import type { AttemptStatus, BarAction, ComponentState, Run, RunState } from "./types";

/** The palette that Airflow has for the like. */
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

/** Where a run is: `Failed at Clean (2 of 3)`. */
export const position = (run: Run): string => {
  const total = run.pieces.length;
  const done = run.pieces.filter((piece) => piece.state === "done").length;
  if (run.state === "failed" && run.failed_component !== null && run.failed_position !== null) {
    return t.position.failed(run.failed_component, run.failed_position, total);
  }
  if (run.current_component !== null) {
    const index = run.pieces.findIndex((piece) => piece.name === run.current_component) + 1;
    return (run.state === "dead" ? t.position.died : t.position.at)(run.current_component, index, total);
  }
  return t.position.done(done, total);
};

/** The task's name as Airflow shows it: with its map index, and in a loop the iteration, which Airflow counts from 0. */
export const taskName = (run: Run): string =>
  run.task_id +
  (run.map_index < 0 ? "" : ` [${String(run.map_index)}]`) +
  (run.iteration === null ? "" : t.iteration(run.iteration));

/** A run's name in one line, for those who hear it: `Daily orders, r1, etl [4]`. */
export const fullName = (run: Run): string => `${run.pipeline}, ${run.run_id}, ${taskName(run)}`;

/** A count as the user's language writes it. */
export const number = (count: number): string => count.toLocaleString(language, { numberingSystem: "latn" });
