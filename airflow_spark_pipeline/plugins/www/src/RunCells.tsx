import { Box, Checkbox, Stack, Text } from "@chakra-ui/react";

import { dagPath, dagRunPath, runQuery, taskPath } from "./api";
import { ComponentBar, ERROR_TEXT, PageLink, clamped } from "./parts";
import { said, t } from "./texts";
import { formatDuration } from "./time";
import type { Run } from "./types";
import { fullName, position, taskName } from "./words";

export const runKey = (run: Run): string => `${run.location} ${run.id}`;
export const runPath = (run: Run): string => `/plugin/spark-pipeline?${runQuery(run)}`;

/** The selected runs by key, including those on other pages. */
export type Selected = ReadonlyMap<string, Run>;

/** The time that a resume saves; nothing if the run cannot be resumed. */
export const saves = (run: Run): string =>
  run.state === "completed" || run.state === "discarded" || run.state === "running"
    ? "–"
    : formatDuration(run.saved_seconds);

export const Origin = ({ run }: { run: Run }) => (
  <Box fontSize="sm" minW={0}>
    <PageLink to={dagPath(run)} lines={2} title={run.dag_id}>
      {run.dag_display_name}
    </PageLink>
    <PageLink to={taskPath(run)} lines={2} title={taskName(run)}>
      {taskName(run)}
    </PageLink>
    <Box fontSize="xs">
      <PageLink to={dagRunPath(run)} lines={2} title={run.run_id}>
        {run.run_id}
      </PageLink>
    </Box>
  </Box>
);

/** Why the run is not done: the newest try's reason, which may be missing in the record, otherwise the recorded one. */
const reason = (run: Run): string | null => {
  const newest = run.task_pending ? null : run.newest_try;
  if (newest === null) return run.error;
  const what = newest.refused ? t.run.refused(newest.try_number) : t.run.failedEarly(newest.try_number);
  return newest.error === null ? `${what}. ${t.run.seeLog}` : `${what}: ${said(newest.error)}`;
};

export const Progress = ({ run }: { run: Run }) => {
  const text = reason(run);
  return (
    <Stack gap={1} minW={0}>
      <ComponentBar pieces={run.pieces} />
      <Text fontSize="sm" {...clamped(2)} title={position(run, Infinity)}>
        <bdi>{position(run)}</bdi>
      </Text>
      {text === null ? null : (
        <Text fontSize="xs" color={ERROR_TEXT} {...clamped(2)} title={text}>
          <bdi>{text}</bdi>
        </Text>
      )}
    </Stack>
  );
};

interface SelectorProps {
  run: Run;
  selected: Selected;
  onSelect: (selected: Selected) => void;
}

export const Selector = ({ run, selected, onSelect }: SelectorProps) => (
  <Check
    label={t.selection.one(fullName(run))}
    checked={selected.has(runKey(run))}
    onChange={() => {
      const changed = new Map(selected);
      if (!changed.delete(runKey(run))) changed.set(runKey(run), run);
      onSelect(changed);
    }}
  />
);

export const CheckAll = ({
  runs,
  selected,
  onSelect,
  label,
}: Omit<SelectorProps, "run"> & { runs: Run[]; label: string }) => {
  const all = runs.length > 0 && runs.every((run) => selected.has(runKey(run)));
  const some = runs.some((run) => selected.has(runKey(run)));
  return (
    <Check
      label={label}
      checked={all ? true : some ? "indeterminate" : false}
      onChange={() => {
        const changed = new Map(selected);
        for (const run of runs) {
          if (all) changed.delete(runKey(run));
          else changed.set(runKey(run), run);
        }
        onSelect(changed);
      }}
    />
  );
};

interface CheckProps {
  label: string;
  checked: boolean | "indeterminate";
  onChange: () => void;
}

const Check = ({ label, checked, onChange }: CheckProps) => (
  <Checkbox.Root checked={checked} onCheckedChange={onChange} size="sm" colorPalette="brand" minH="24px" minW="24px">
    <Checkbox.HiddenInput aria-label={label} />
    <Checkbox.Control />
  </Checkbox.Root>
);
