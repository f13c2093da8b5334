import { Box, Checkbox, Flex, HStack, Stack, Table, Text } from "@chakra-ui/react";
import type { ReactNode } from "react";

import { dagPath, dagRunPath, runQuery, taskName, taskPath } from "./api";
import { ComponentBar, PageLink, StateBadge, Time } from "./parts";
import { formatDuration } from "./time";
import type { Run } from "./types";
import { plural, position } from "./words";

export const runKey = (run: Run): string => `${run.location} ${run.id}`;
export const runPath = (run: Run): string => `/plugin/spark-pipeline?${runQuery(run)}`;

interface Props {
  runs: Run[];
  actions: (run: Run) => ReactNode;
  selected?: ReadonlySet<string>;
  onSelect?: (keys: ReadonlySet<string>) => void;
  header?: (column: string, label: string) => ReactNode;
}

/** The runs: a table where there is room, cards where there is not. */
export const RunTable = (props: Props) => (
  <>
    <Box hideBelow="lg">
      <Wide {...props} />
    </Box>
    <Stack hideFrom="lg" gap={3}>
      {props.runs.map((run) => (
        <Card key={runKey(run)} run={run} {...props} />
      ))}
    </Stack>
  </>
);

const plain = (_: string, label: string): ReactNode => (
  <Text fontSize="xs" fontWeight="bold">
    {label}
  </Text>
);

/** What a resume saves; nothing where there is nothing to resume. */
const saves = (run: Run): string =>
  run.state === "completed" || run.state === "discarded" ? "–" : formatDuration(run.saved_seconds);

const Wide = ({ runs, actions, selected, onSelect, header = plain }: Props) => {
  const all = selected !== undefined && runs.length > 0 && runs.every((run) => selected.has(runKey(run)));
  const some = selected !== undefined && runs.some((run) => selected.has(runKey(run)));
  return (
    <Table.Root size="sm" css={{ "& td, & th": { verticalAlign: "top" } }}>
      <Table.Header>
        <Table.Row>
          {onSelect === undefined ? null : (
            <Table.ColumnHeader w={8}>
              <Check
                label="Select all runs on this page"
                checked={all ? true : some ? "indeterminate" : false}
                onChange={() => {
                  onSelect(new Set(all ? [] : runs.map(runKey)));
                }}
              />
            </Table.ColumnHeader>
          )}
          <Table.ColumnHeader>{header("state", "State")}</Table.ColumnHeader>
          <Table.ColumnHeader>{header("pipeline", "Pipeline")}</Table.ColumnHeader>
          <Table.ColumnHeader>{header("dag_id", "DAG, run and task")}</Table.ColumnHeader>
          <Table.ColumnHeader w="30%" fontSize="xs" fontWeight="bold">
            Progress
          </Table.ColumnHeader>
          <Table.ColumnHeader>{header("attempt", "Attempt")}</Table.ColumnHeader>
          <Table.ColumnHeader>{header("started_at", "Started")}</Table.ColumnHeader>
          <Table.ColumnHeader>{header("saved_seconds", "Resume saves")}</Table.ColumnHeader>
          <Table.ColumnHeader aria-label="Actions" />
        </Table.Row>
      </Table.Header>
      <Table.Body>
        {runs.map((run) => (
          <Table.Row key={runKey(run)} data-testid="run" data-run={run.run_id}>
            {selected === undefined || onSelect === undefined ? null : (
              <Table.Cell>
                <Selector run={run} selected={selected} onSelect={onSelect} />
              </Table.Cell>
            )}
            <Table.Cell>
              <StateBadge state={run.state} />
            </Table.Cell>
            <Table.Cell>
              <PageLink to={runPath(run)} fontWeight="bold">
                {run.pipeline}
              </PageLink>
            </Table.Cell>
            <Table.Cell>
              <Origin run={run} />
            </Table.Cell>
            <Table.Cell>
              <Progress run={run} />
            </Table.Cell>
            <Table.Cell>{run.attempt}</Table.Cell>
            <Table.Cell>
              <Time iso={run.first_started_at} />
              <Text color="fg.muted" fontSize="xs">
                <Time iso={run.first_started_at} age />
              </Text>
            </Table.Cell>
            <Table.Cell whiteSpace="nowrap">{saves(run)}</Table.Cell>
            <Table.Cell textAlign="end">{actions(run)}</Table.Cell>
          </Table.Row>
        ))}
      </Table.Body>
    </Table.Root>
  );
};

const Card = ({ run, actions, selected, onSelect }: Props & { run: Run }) => (
  <Stack
    borderWidth={1}
    borderRadius="md"
    p={3}
    gap={2}
    data-testid="run-card"
    data-run={run.run_id}
    as="article"
    aria-label={`${run.pipeline}, ${run.run_id}`}
  >
    <Flex gap={2} align="center" wrap="wrap">
      {selected === undefined || onSelect === undefined ? null : (
        <Selector run={run} selected={selected} onSelect={onSelect} />
      )}
      <PageLink to={runPath(run)} fontWeight="bold">
        {run.pipeline}
      </PageLink>
      <Box flex={1} />
      <StateBadge state={run.state} />
    </Flex>
    <Origin run={run} />
    <Progress run={run} />
    <Flex gap={3} align="center" wrap="wrap" fontSize="sm" color="fg.muted">
      <Text>
        {plural(run.attempt, "attempt")}, started <Time iso={run.first_started_at} age />
      </Text>
      <Text>resume saves {saves(run)}</Text>
      <Box flex={1} />
      {actions(run)}
    </Flex>
  </Stack>
);

const Origin = ({ run }: { run: Run }) => (
  <Box fontSize="sm" overflowWrap="anywhere">
    <PageLink to={dagPath(run)}>{run.dag_id}</PageLink>
    <Text as="span" color="fg.muted">
      {" / "}
    </Text>
    <PageLink to={taskPath(run)}>{taskName(run)}</PageLink>
    <Box fontSize="xs">
      <PageLink to={dagRunPath(run)}>{run.run_id}</PageLink>
    </Box>
  </Box>
);

const Progress = ({ run }: { run: Run }) => (
  <Stack gap={1} minW={0}>
    <ComponentBar pieces={run.pieces} />
    <Text fontSize="sm">{position(run)}</Text>
    {run.error === null ? null : (
      <Text fontSize="xs" color="fg.error" lineClamp={2} overflowWrap="anywhere" title={run.error}>
        {run.error}
      </Text>
    )}
  </Stack>
);

interface SelectorProps {
  run: Run;
  selected: ReadonlySet<string>;
  onSelect: (keys: ReadonlySet<string>) => void;
}

const Selector = ({ run, selected, onSelect }: SelectorProps) => {
  const key = runKey(run);
  return (
    <Check
      label={`Select ${run.pipeline}, ${run.run_id}`}
      checked={selected.has(key)}
      onChange={() => {
        const keys = new Set(selected);
        if (!keys.delete(key)) keys.add(key);
        onSelect(keys);
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
  <HStack>
    <Checkbox.Root checked={checked} onCheckedChange={onChange} size="sm" colorPalette="brand">
      <Checkbox.HiddenInput aria-label={label} />
      <Checkbox.Control />
    </Checkbox.Root>
  </HStack>
);
