import { Progress, Stack, Text } from "@chakra-ui/react";

import type { Outcome } from "./act";
import { taskPath } from "./api";
import { ERROR_TEXT, Notice, PageLink } from "./parts";
import { runKey } from "./RunCells";
import { type Action, LOSES, t } from "./texts";
import { formatDuration } from "./time";
import type { Run } from "./types";
import { taskName } from "./words";

/** The number of runs or tasks that are listed; a thousand would not be read. */
export const SHOWN = 20;

export const Name = ({ run }: { run: Run }) => (
  <Text overflowWrap="anywhere" fontSize="sm">
    <bdi>
      <Text as="span" fontWeight="semibold">
        {run.pipeline}
      </Text>{" "}
      {run.dag_display_name} / {run.run_id} / {taskName(run)}
    </bdi>
  </Text>
);

export const lost = (run: Run): string => {
  const components = t.action.lost(run.pieces.filter((piece) => piece.state === "done").length);
  return run.saved_seconds > 0 ? `${components}, ${t.action.work(formatDuration(run.saved_seconds))}` : components;
};

interface ManyProps {
  action: Action;
  runs: Run[];
  busy: boolean;
  outcomes: { run: Run; outcome: Outcome }[];
}

const results = (done: number, failed: number): string =>
  failed === 0 ? t.action.ok(done) : `${t.action.ok(done)}, ${t.action.failed(failed)}`;

/** Progress of an action on many runs, and at the end one list, failures first. */
export const Many = ({ action, runs, busy, outcomes }: ManyProps) => {
  const failed = outcomes.filter(({ outcome }) => !outcome.ok);
  const done = outcomes.length - failed.length;
  if (busy)
    return (
      <Progress.Root value={outcomes.length} max={runs.length} aria-live="polite">
        <Progress.Label mb={2}>{t.action.progress(outcomes.length, runs.length)}</Progress.Label>
        <Progress.Track>
          <Progress.Range />
        </Progress.Track>
      </Progress.Root>
    );
  if (outcomes.length > 0)
    return (
      <Stack gap={2} data-testid="results">
        <Notice status={failed.length === 0 ? "success" : "error"} title={results(done, failed.length)}>
          {done === 0 ? undefined : t.actions[action].done}
        </Notice>
        {[...failed, ...outcomes.filter(({ outcome }) => outcome.ok)].slice(0, SHOWN).map(({ run, outcome }) => (
          <Stack key={runKey(run)} gap={0} borderTopWidth={1} pt={1}>
            <PageLink to={taskPath(run)}>{`${run.pipeline} / ${run.run_id} / ${taskName(run)}`}</PageLink>
            <Text fontSize="sm" {...(outcome.ok ? {} : { color: ERROR_TEXT })}>
              {outcome.text}
            </Text>
          </Stack>
        ))}
        {outcomes.length > SHOWN ? <Text fontSize="sm">{t.action.andMore(outcomes.length - SHOWN)}</Text> : null}
      </Stack>
    );
  return (
    <Stack gap={2}>
      {runs.slice(0, SHOWN).map((run) => (
        <Stack key={runKey(run)} gap={0}>
          <Name run={run} />
          {LOSES[action] ? (
            <Text fontSize="sm" color={ERROR_TEXT}>
              {lost(run)}
            </Text>
          ) : null}
        </Stack>
      ))}
      {runs.length > SHOWN ? <Text fontSize="sm">{t.action.andMore(runs.length - SHOWN)}</Text> : null}
    </Stack>
  );
};
