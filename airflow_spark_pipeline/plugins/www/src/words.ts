import type { BarAction, ComponentState, Run, RunState } from "./types";

/** How states are called, and the palette that Airflow has for the like. */
export const RUN_STATES: Record<RunState, { label: string; palette: string; help: string }> = {
  running: { label: "Running", palette: "running", help: "The driver is alive and at work." },
  submitted: { label: "Submitted", palette: "queued", help: "Claimed by a task; its driver has not started yet." },
  failed: { label: "Failed", palette: "failed", help: "A component failed; what was done before it is kept." },
  dead: {
    label: "Dead",
    palette: "up_for_retry",
    help: "Recorded as running, but its driver has shown no sign of life within its lease.",
  },
  unreadable: {
    label: "Unreadable",
    palette: "failed",
    help: "Its record is damaged. Restore it from a backup, or discard the run to start over.",
  },
  completed: { label: "Completed", palette: "success", help: "All components are done." },
  discarded: {
    label: "Discarded",
    palette: "removed",
    help: "The progress was given up; the next attempt starts over.",
  },
};

export const COMPONENT_STATES: Record<ComponentState, { label: string; palette: string }> = {
  done: { label: "Done", palette: "success" },
  running: { label: "Running", palette: "running" },
  failed: { label: "Failed", palette: "failed" },
  interrupted: { label: "Interrupted", palette: "up_for_retry" },
  pending: { label: "Not run yet", palette: "removed" },
  left_out: { label: "Left out", palette: "skipped" },
};

export const BARS: Record<BarAction, { label: string; palette: string }> = {
  ran: { label: "ran", palette: "success" },
  failed: { label: "failed", palette: "failed" },
  running: { label: "is running", palette: "running" },
  interrupted: { label: "was interrupted", palette: "up_for_retry" },
  replayed: { label: "was replayed for its views", palette: "deferred" },
  skipped: { label: "was skipped: done before", palette: "skipped" },
};

/** Where it stands, in words: `Failed at Clean (2 of 3)`. */
export const position = (run: Run): string => {
  const total = run.pieces.length;
  const done = run.pieces.filter((piece) => piece.state === "done").length;
  if (run.state === "failed" && run.failed_component !== null && run.failed_position !== null) {
    return `Failed at ${run.failed_component} (${String(run.failed_position)} of ${String(total)})`;
  }
  if (run.current_component !== null) {
    const index = run.pieces.findIndex((piece) => piece.name === run.current_component) + 1;
    const verb = run.state === "dead" ? "Died at" : "At";
    return `${verb} ${run.current_component} (${String(index)} of ${String(total)})`;
  }
  return `${String(done)} of ${String(total)} done`;
};

export const plural = (count: number, word: string): string => `${String(count)} ${word}${count === 1 ? "" : "s"}`;
