import { type Affected, chooseComponents, clear, discard, forgetChoice, showTask, wantOnChange } from "./api";
import { type Action, said, t } from "./texts";
import type { Run, Selected } from "./types";

export type Outcome = { ok: boolean; text: string };

export interface Options {
  latestVersion: boolean;
  downstream: boolean;
  /** Empty for none: otherwise Airflow would replace the existing note. */
  note?: string;
  /** The components that run; undefined for all that are not done. */
  selected?: Selected | undefined;
}

/** Why an action is not possible for a run now; null if it is possible. */
export const blocked = (action: Action, run: Run): string | null => {
  const reason = action === "discard" ? run.discard_blocked : run.resume_blocked;
  if (reason !== null) return said(reason);
  if (action === "start-over" && run.discard_blocked !== null) return said(run.discard_blocked);
  return action === "rerun-from-change" && !run.takes_choices ? t.choice.unable : null;
};

/** Refuse a run that has changed since the page showed it: it may have completed, and a clear would start it over. */
const requireUnchanged = async (run: Run): Promise<void> => {
  const { runs, locations } = await showTask(run, new AbortController().signal);
  const now = runs.find((each) => each.id === run.id);
  if (now === undefined && locations.some((location) => location.state !== "ok")) return; // nobody knows
  if (now === undefined || now.number !== run.number) throw new Error(t.action.changed);
  if (now.resume_blocked !== null) throw new Error(said(now.resume_blocked));
};

/** Store what applies to the next try only. */
const choose = async (action: Action, run: Run, options: Options): Promise<void> => {
  if (action === "rerun-from-change") await wantOnChange(run, "rerun-from-change");
  if (action === "resume" && options.selected !== undefined) await chooseComponents(run, options.selected);
  else if (run.chosen) await forgetChoice(run, "selection");
};

const unchoose = async (action: Action, run: Run): Promise<void> => {
  await forgetChoice(run, action === "rerun-from-change" ? "on_change" : "selection").catch(() => undefined);
};

const how = (action: Action, run: Run, options: Options) => ({
  ...options,
  also: action === "start-over" ? run.clear_to_start_over : run.clear_to_resume,
});

/** What Airflow would clear; this changes nothing. */
export const affected = async (action: Action, run: Run, options: Options): Promise<Affected[]> =>
  (await clear(run, { ...how(action, run, options), dryRun: true })).task_instances;

/** Perform the action on one run, and return the result as text. */
export const act = async (action: Action, run: Run, options: Options): Promise<Outcome> => {
  let discarded = false;
  let chose = false;
  try {
    // The progress is discarded only if Airflow would clear the task.
    if (action === "start-over") await clear(run, { ...how(action, run, options), dryRun: true });
    if (action === "start-over" || action === "discard") {
      await discard(run);
      discarded = true;
    }
    if (action === "resume" || action === "rerun-from-change") await requireUnchanged(run);
    if (action !== "discard") {
      // Before it is stored: the answer may be lost although the choice was taken.
      chose = action === "rerun-from-change" || (action === "resume" && options.selected !== undefined);
      await choose(action, run, options);
      await clear(run, { ...how(action, run, options), dryRun: false });
    }
    return { ok: true, text: t.actions[action].done };
  } catch (error) {
    if (chose) await unchoose(action, run);
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, text: discarded && action !== "discard" ? t.action.halfDone(why) : why };
  }
};

const AT_A_TIME = 4; // browsers open six connections to a server, and the page keeps polling

/** Perform the action on many runs, a few at a time; `report` is called for each as soon as it has ended. */
export const actOnAll = async (
  action: Action,
  runs: readonly Run[],
  options: Options,
  report: (run: Run, outcome: Outcome) => void,
): Promise<void> => {
  const waiting = [...runs];
  const work = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift())
      report(run, await act(action, run, options));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
};
