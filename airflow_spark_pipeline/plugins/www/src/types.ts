// What the routes send: generated from their OpenAPI document by `npm run types`.

import type { components } from "./openapi";

type Schemas = components["schemas"];

export type Run = Schemas["Run"];
export type RunState = Schemas["Standing"];
export type RunList = Schemas["RunList"];
export type RunDetail = Schemas["RunDetail"];
export type TaskRuns = Schemas["TaskRuns"];
export type DagRuns = Schemas["DagRuns"];
export type Piece = Schemas["Piece"];
export type Component = Schemas["Component"];
export type ComponentState = Schemas["ComponentState"];
export type Attempt = Schemas["Attempt"];
export type AttemptStatus = Attempt["status"];
export type Bar = Schemas["Bar"];
export type BarAction = Bar["action"];
export type Failure = Schemas["Failure"];
export type NextAttempt = Schemas["NextAttempt"];
export type Selected = Schemas["Selected"];
export type History = Schemas["History"];
export type PastRun = Schemas["PastRun"];
export type PlannedStep = Schemas["PlannedStep"];
export type Location = Schemas["Location"];

export type TaskKey = Pick<Run, "dag_id" | "run_id" | "task_id" | "map_index">;
