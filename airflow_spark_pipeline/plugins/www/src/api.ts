import { said, t } from "./texts";
import type { DagRuns, History, NextAttempt, Run, RunList, Selected, TaskKey, TaskRuns } from "./types";

/** Where Airflow is mounted: "" or "/sub/path", as its page's <base> says. */
export const root = (): string => new URL(document.baseURI).pathname.replace(/\/$/, "");

/** An error answer, with the server's own message if there is one. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const call = async <T>(path: string, init?: RequestInit): Promise<T> => {
  let response: Response;
  try {
    response = await fetch(root() + path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, t.trouble.unreachable);
  }
  if (!response.ok) throw new ApiError(response.status, await explain(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
};

const explain = async (response: Response): Promise<string> => {
  const body: unknown = await response.json().catch(() => null);
  const detail = body !== null && typeof body === "object" && "detail" in body ? body.detail : null;
  const known = inOwnLanguage(body);
  if (known !== null) return known;
  if (typeof detail === "string" && detail.includes("AirflowClearRunningTaskException")) return t.action.running;
  if (typeof detail === "string" && detail !== "Forbidden" && detail !== "Not authenticated") return said(detail);
  return (t.trouble.statuses as Record<number, string>)[response.status] ?? t.trouble.status(response.status);
};

/** The text of one of this page's errors with a code, such as `{"code": "late", "values": {"seconds": "30"}}`. */
const inOwnLanguage = (body: unknown): string | null => {
  if (body === null || typeof body !== "object" || !("code" in body) || !("values" in body)) return null;
  const text: unknown = (t.errors as Record<string, unknown>)[String(body.code)];
  if (typeof text === "string") return text;
  const values = Object.values(body.values as Record<string, string>);
  return typeof text === "function" ? (text as (...given: string[]) => string)(...values) : null;
};

const send = <T>(path: string, body: unknown, method = "POST"): Promise<T> =>
  call<T>(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const pages = "/spark-pipeline/api";
const part = encodeURIComponent;

export const listRuns = (query: URLSearchParams, signal: AbortSignal): Promise<RunList> =>
  call(`${pages}/runs?${query.toString()}`, { signal });

const nameOf = (key: TaskKey): Record<string, string> => ({
  dag_id: key.dag_id,
  run_id: key.run_id,
  task_id: key.task_id,
  map_index: String(key.map_index),
});

export const showTask = (key: TaskKey, signal: AbortSignal): Promise<TaskRuns> => {
  return call(`${pages}/task?${runQuery(key)}`, { signal });
};

/** The plan of a resume of some components; null if the run can no longer be resumed. */
export const showPlan = (run: Run, selected: Selected, signal: AbortSignal): Promise<NextAttempt | null> => {
  const query = new URLSearchParams({ ...nameOf(run), id: run.id });
  if (selected.start_from !== null) query.set("start_from", selected.start_from);
  if (selected.stop_after !== null) query.set("stop_after", selected.stop_after);
  for (const name of selected.only) query.append("only", name);
  for (const name of selected.force) query.append("force", name);
  return call(`${pages}/plan?${query.toString()}`, { signal });
};

export const showHistory = (key: TaskKey, pipeline: string, signal: AbortSignal): Promise<History> => {
  const query = new URLSearchParams({ ...nameOf(key), pipeline });
  return call(`${pages}/history?${query.toString()}`, { signal });
};

const MOST = 100; // rows that the server sends at once

/** All matching runs, each once, in the order of the list. */
export const listAll = async (query: URLSearchParams, signal: AbortSignal): Promise<Run[]> => {
  const found = new Map<string, Run>();
  for (let offset = 0, total = 1; offset < total; offset += MOST) {
    const asked = new URLSearchParams(query);
    asked.set("limit", String(MOST));
    asked.set("offset", String(offset));
    const list = await listRuns(asked, signal);
    for (const run of list.runs) found.set(`${run.location} ${run.id}`, run);
    total = list.total;
  }
  return [...found.values()];
};

export const showDag = (dagId: string, limit: number, offset: number, signal: AbortSignal): Promise<DagRuns> =>
  call(`${pages}/dags/${part(dagId)}/runs?limit=${String(limit)}&offset=${String(offset)}`, { signal });

export const discard = (run: Run): Promise<unknown> => {
  const { run_id, task_id, map_index, iteration, id, number } = run;
  return send(`${pages}/dags/${part(run.dag_id)}/discard`, { run_id, task_id, map_index, iteration, id, number });
};

export interface ClearOptions {
  dryRun: boolean;
  latestVersion: boolean;
  downstream: boolean;
  note?: string;
  /** Fields of Airflow's clear that only some versions have. */
  also?: Record<string, unknown>;
}

export interface Affected {
  task_id: string;
  map_index?: number;
  state?: string | null;
}

interface Cleared {
  task_instances: Affected[];
  total_entries: number;
}

/** Airflow's own clear, with the user's permissions, recorded in its audit log. A note replaces the existing one. */
export const clear = async (key: Run, options: ClearOptions): Promise<Cleared> => {
  const which =
    key.clear_instance === null
      ? { task_ids: [key.map_index < 0 ? key.task_id : [key.task_id, key.map_index]] }
      : { task_instance_ids: [key.clear_instance] };
  const cleared = await send<Cleared>(`/api/v2/dags/${part(key.dag_id)}/clearTaskInstances`, {
    dry_run: options.dryRun,
    dag_run_id: key.run_id,
    ...which,
    only_failed: false,
    reset_dag_runs: true,
    include_downstream: options.downstream,
    ...options.also,
    // Left out, it would be Airflow's default, which may be the latest version.
    ...(key.versioned ? { run_on_latest_version: options.latestVersion } : {}),
    ...(options.note ? { note: options.note } : {}),
  });
  if (cleared.total_entries === 0) throw new ApiError(404, t.action.nothingToClear);
  return cleared;
};

/** Store for the next try only what to do about an edited component. */
export const wantOnChange = (key: Run, value: "rerun-from-change"): Promise<unknown> => store(key, "on_change", value);

/** Store for the tries after a clear which components to run; the next clear ends this. */
export const chooseComponents = (key: Run, selected: Selected): Promise<unknown> =>
  store(
    key,
    "selection",
    JSON.stringify({
      afterTry: key.last_try,
      startFrom: selected.start_from,
      stopAfter: selected.stop_after,
      only: selected.only,
      force: selected.force,
    }),
  );

/** Take a choice back. The permission to clear allows writing there, but not always deleting. */
export const forgetChoice = (key: Run, name: "on_change" | "selection"): Promise<unknown> => store(key, name, "");

const store = (key: Run, name: string, value: string): Promise<unknown> =>
  send(
    `/api/v2/dags/${part(key.dag_id)}/dagRuns/${part(key.run_id)}/taskInstances/${part(key.task_id)}` +
      `/state-store/spark_pipeline.${name}?map_index=${String(key.map_index)}`,
    { value },
    "PUT",
  );

export const taskPath = (key: TaskKey): string => {
  const mapped = key.map_index < 0 ? "" : `/mapped/${String(key.map_index)}`;
  return `/dags/${part(key.dag_id)}/runs/${part(key.run_id)}/tasks/${part(key.task_id)}${mapped}`;
};
export const dagPath = (key: TaskKey): string => `/dags/${part(key.dag_id)}`;
export const dagRunPath = (key: TaskKey): string => `${dagPath(key)}/runs/${part(key.run_id)}`;
export const runQuery = (key: TaskKey): string => new URLSearchParams(nameOf(key)).toString();
