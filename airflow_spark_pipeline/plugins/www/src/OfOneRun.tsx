import { Spinner, Stack, Text } from "@chakra-ui/react";
import { type ReactNode, useEffect, useState } from "react";

import { type Outcome, affected } from "./act";
import { type Affected, showPlan, showTask } from "./api";
import { Name, SHOWN, lost } from "./OfManyRuns";
import { ERROR_TEXT, Notice } from "./parts";
import { Plan } from "./Plan";
import { type Action, LOSES, stateName, t } from "./texts";
import type { NextAttempt, Run, RunDetail, Selected } from "./types";

/** The details of a single run before an action. */
export interface Foresight {
  run: RunDetail | null | undefined;
  error?: string;
}

export const useForesight = (run: Run | undefined): Foresight => {
  const [found, setFound] = useState<Foresight>({ run: undefined });
  useEffect(() => {
    if (run === undefined) return;
    const abort = new AbortController();
    showTask(run, abort.signal).then(
      (answer) => {
        setFound({ run: answer.runs.find((each) => each.id === run.id) ?? null });
      },
      (caught: unknown) => {
        if (!abort.signal.aborted)
          setFound({ run: null, error: String(caught instanceof Error ? caught.message : caught) });
      },
    );
    return () => {
      abort.abort();
    };
  }, [run]);
  return found;
};

export const useAffected = (action: Action, run: Run | undefined, downstream: boolean): Affected[] | undefined => {
  const [found, setFound] = useState<Affected[]>();
  useEffect(() => {
    if (run === undefined || action === "discard") return;
    let current = true;
    affected(action, run, { downstream, latestVersion: false }).then(
      (tasks) => {
        if (current) setFound(tasks);
      },
      () => undefined, // the action itself says what is wrong
    );
    return () => {
      current = false;
    };
  }, [action, run, downstream]);
  return found;
};

export interface Planned {
  next: NextAttempt | null;
  waits: boolean;
  error?: string;
}

/** The plan of a resume with the chosen components; without a choice, the plan of the run itself. */
export const usePlan = (run: RunDetail | null | undefined, selected: Selected | undefined): Planned => {
  const [found, setFound] = useState<{ for: Selected; next: NextAttempt | null; error?: string }>();
  useEffect(() => {
    if (run == null || selected === undefined) return;
    const abort = new AbortController();
    showPlan(run, selected, abort.signal).then(
      (next) => {
        setFound({ for: selected, next });
      },
      (caught: unknown) => {
        if (!abort.signal.aborted)
          setFound({ for: selected, next: null, error: caught instanceof Error ? caught.message : String(caught) });
      },
    );
    return () => {
      abort.abort();
    };
  }, [run, selected]);
  if (selected === undefined) return { next: run?.next ?? null, waits: false };
  const { next, error } = found ?? { next: null };
  return { next, waits: found?.for !== selected, ...(error === undefined ? {} : { error }) };
};

interface OneProps {
  action: Action;
  run: Run;
  foresight: Foresight;
  plan: Planned;
  children: ReactNode;
  tasks: Affected[] | undefined;
  outcome: Outcome | undefined;
}

export const One = ({ action, run, foresight, plan, tasks, outcome, children }: OneProps) => (
  <Stack gap={3}>
    <Name run={run} />
    {LOSES[action] ? (
      <Lost run={run} />
    ) : action === "resume" ? (
      <>
        {children}
        <Foreseen {...foresight} plan={plan} />
      </>
    ) : null}
    {tasks === undefined ? null : <Tasks tasks={tasks} />}
    {outcome === undefined ? null : (
      <Notice status={outcome.ok ? "success" : "error"} title={outcome.ok ? t.action.done : t.action.notDone}>
        {outcome.text}
      </Notice>
    )}
  </Stack>
);

const Lost = ({ run }: { run: Run }) => {
  const done = run.pieces.filter((piece) => piece.state === "done").map((piece) => piece.name);
  return <Text color={ERROR_TEXT}>{done.length === 0 ? lost(run) : `${lost(run)} (${done.join(", ")})`}</Text>;
};

const Tasks = ({ tasks }: { tasks: Affected[] }) => (
  <Stack gap={1} fontSize="sm">
    <Text fontWeight="semibold">{t.action.affected(tasks.length)}</Text>
    <Stack as="ul" gap={0} ps={5}>
      {tasks.slice(0, SHOWN).map((task) => (
        <Text as="li" key={`${task.task_id} ${String(task.map_index ?? -1)}`} overflowWrap="anywhere">
          {task.task_id}
          {(task.map_index ?? -1) < 0 ? "" : ` [${String(task.map_index)}]`} ({stateName(task.state ?? "no_status")})
        </Text>
      ))}
    </Stack>
    {tasks.length > SHOWN ? <Text>{t.action.moreTasks(tasks.length - SHOWN)}</Text> : null}
  </Stack>
);

const Foreseen = ({ run, error, plan }: Foresight & { plan: Planned }) => {
  if (error !== undefined)
    return (
      <Notice status="warning" title={t.action.noPlan}>
        {error}
      </Notice>
    );
  if (plan.error !== undefined) return <Notice status="warning" title={plan.error} />;
  if (run === undefined || (plan.waits && plan.next === null))
    return <Spinner size="sm" aria-label={t.empty.loading} />;
  if (run === null || plan.next === null)
    return (
      <Notice status="warning" title={t.action.changed}>
        {t.action.lookAgain}
      </Notice>
    );
  return <Plan next={plan.next} components={run.components} />;
};
