// What the routes send; see plugins/page/models.py.

export type RunState = "running" | "submitted" | "failed" | "dead" | "unreadable" | "completed" | "discarded";
export type ComponentState = "done" | "running" | "failed" | "interrupted" | "pending" | "left_out";

export interface TaskKey {
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
}

export interface Piece {
  name: string;
  state: ComponentState;
}

export interface Run extends TaskKey {
  /** Of the loop that the task is in; null outside loops. */
  iteration: number | null;
  id: string;
  number: number;
  pipeline: string;
  location: string;
  state: RunState;
  attempt: number;
  first_started_at: string;
  started_at: string;
  updated_at: string;
  pieces: Piece[];
  failed_component: string | null;
  failed_position: number | null;
  current_component: string | null;
  error: string | null;
  saved_seconds: number;
  spark_application_id: string | null;
  try_number: number | null;
  task_state: string | null;
  versioned: boolean;
  resume_blocked: string | null;
  discard_blocked: string | null;
  /** Id of the task instance, where a clear has to name it: in a loop. */
  clear_instance: string | null;
  /** What this Airflow has to be told with a clear so that the task resumes; it refuses what it does not know. */
  clear_to_resume: Record<string, unknown>;
  clear_to_start_over: Record<string, unknown>;
}

export interface Location {
  name: string;
  state: "ok" | "loading" | "slow" | "error";
  message: string | null;
  temporary: boolean;
  unreadable: number;
  problems: string[];
}

export interface RunList {
  runs: Run[];
  total: number;
  visible: number;
  counts: Partial<Record<RunState, number>>;
  dag_ids: string[];
  pipelines: string[];
  locations: Location[];
  active: boolean;
}

export interface Component {
  index: number;
  name: string;
  type: string;
  state: ComponentState;
  action: string;
  reason: string | null;
  attempt: number | null;
  started_at: string | null;
  duration_seconds: number | null;
  views: string[];
  saved_outputs: string[];
}

export type BarAction = "ran" | "failed" | "running" | "interrupted" | "replayed" | "skipped";

export interface Bar {
  index: number;
  name: string;
  action: BarAction;
  started_at: string | null;
  duration_seconds: number | null;
}

export interface Attempt {
  attempt: number;
  id: string;
  started_at: string;
  ended_at: string | null;
  status: RunState | "unknown";
  error: string | null;
  spark_application_id: string | null;
  try_number: number | null;
  bars: Bar[];
}

export interface Failure {
  component: string | null;
  error_type: string;
  message: string;
  traceback: string | null;
  retry_helps: boolean;
}

export interface PlannedStep {
  name: string;
  action: "run" | "skip" | "replay" | "omit" | "disable";
  reason: string;
}

export interface NextAttempt {
  steps: PlannedStep[];
  basis: "description" | "record";
  refusal: string | null;
  differences: string[];
}

export interface RunDetail extends Run {
  components: Component[];
  attempts: Attempt[];
  failure: Failure | null;
  next: NextAttempt | null;
  config: Record<string, unknown> | null;
  config_note: string | null;
  history_url: string | null;
}

export interface TaskRuns {
  is_pipeline: boolean;
  runs: RunDetail[];
  locations: Location[];
  active: boolean;
}

export interface DagRuns {
  is_pipeline: boolean;
  runs: Run[];
  locations: Location[];
  active: boolean;
}
