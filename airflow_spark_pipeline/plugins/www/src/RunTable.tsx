import { Box, Flex, HStack, Stack, Table, Text } from "@chakra-ui/react";
import { Fragment, type ReactNode } from "react";

import { dagRunPath } from "./api";
import { type Column, ColumnChooser, useHiddenColumns } from "./columns";
import { PageLink, States, Time } from "./parts";
import { CheckAll, Origin, Progress, type Selected, Selector, runKey, runPath, saves } from "./RunCells";
import { t } from "./texts";
import type { Run } from "./types";
import { fullName } from "./words";

interface Props {
  runs: Run[];
  actions: (run: Run) => ReactNode;
  selected?: Selected;
  onSelect?: (selected: Selected) => void;
  header?: (column: string, label: string) => { content: ReactNode; sort?: "ascending" | "descending" | "none" };
  grouped?: boolean;
  /** Sorts the cards, which have no headers. */
  sorting?: ReactNode;
}

// The width of the pane decides, not that of the window: a tab may be narrow in a wide window.
const WIDE = "@container runs (min-width: 860px)";
const FULL = "@container runs (min-width: 1200px)";
const onlyFull = { display: "none", [FULL]: { display: "table-cell" } };

/** The runs: a table in a wide pane, cards in a narrow one. */
export const RunTable = (props: Props) => (
  <Box css={{ containerType: "inline-size", containerName: "runs" }} w="full">
    <Box css={{ display: "none", [WIDE]: { display: "block" } }}>
      <Wide {...props} />
    </Box>
    <Stack gap={3} css={{ [WIDE]: { display: "none" } }}>
      {props.selected === undefined || props.onSelect === undefined ? null : (
        <HStack gap={2} wrap="wrap">
          <CheckAll runs={props.runs} selected={props.selected} onSelect={props.onSelect} label={t.selection.onPage} />
          <Text fontSize="sm" aria-hidden flex={1}>
            {t.selection.onPage}
          </Text>
          {props.sorting}
        </HStack>
      )}
      {props.runs.map((run) => (
        <Card key={runKey(run)} run={run} {...props} />
      ))}
    </Stack>
  </Box>
);

const Wide = ({ runs, actions, selected, onSelect, header, grouped = false }: Props) => {
  const head = (column: string, label: string, width: string | undefined, css?: Record<string, unknown>) => {
    const { content, sort } = header?.(column, label) ?? { content: label };
    return (
      <Table.ColumnHeader
        {...(width === undefined ? {} : { w: width })}
        {...(css === undefined ? {} : { css })}
        {...(sort === undefined ? {} : { "aria-sort": sort })}
      >
        {content}
      </Table.ColumnHeader>
    );
  };
  const [hidden, toggle] = useHiddenColumns();
  const shown = (column: Column, content: ReactNode): ReactNode => (hidden.has(column) ? null : content);
  const columns = (selected === undefined ? 8 : 9) - hidden.size;
  return (
    <Table.Root
      size="sm"
      striped
      tableLayout="fixed"
      w="full"
      css={{
        "& td, & th": { verticalAlign: "middle" },
        "& th": { fontWeight: "normal" },
        // The actions stay visible, however wide the rest is.
        "& th:last-of-type, & td:last-of-type": { position: "sticky", insetInlineEnd: 0, bg: "bg" },
        "& tr:nth-of-type(odd) td:last-of-type": { bg: "bg.muted" },
      }}
    >
      <Table.Header>
        <Table.Row>
          {selected === undefined || onSelect === undefined ? null : (
            <Table.ColumnHeader w="40px">
              <CheckAll runs={runs} selected={selected} onSelect={onSelect} label={t.selection.onPage} />
            </Table.ColumnHeader>
          )}
          {shown("state", head("state", t.columns.state, "132px"))}
          {head("pipeline", t.columns.pipeline, "13%")}
          {shown("dag_id", head("dag_id", t.columns.dag, "19%"))}
          {shown("progress", <Table.ColumnHeader>{t.columns.progress}</Table.ColumnHeader>)}
          {shown("attempt", head("attempt", t.columns.attempt, "84px", onlyFull))}
          {shown("started_at", head("started_at", t.columns.started, "152px"))}
          {shown("saved_seconds", head("saved_seconds", t.columns.saved, "104px", onlyFull))}
          <Table.ColumnHeader w="128px">
            <HStack gap={1} justify="flex-end">
              {t.columns.actions}
              <ColumnChooser hidden={hidden} toggle={toggle} />
            </HStack>
          </Table.ColumnHeader>
        </Table.Row>
      </Table.Header>
      <Table.Body>
        {runs.map((run, index) => (
          <Fragment key={runKey(run)}>
            {grouped && !sameDagRun(run, runs[index - 1]) ? (
              <GroupRow
                runs={runs.filter((each) => sameDagRun(each, run))}
                columns={columns}
                {...{ selected, onSelect }}
              />
            ) : null}
            <Table.Row data-testid="run" data-run={run.run_id}>
              {selected === undefined || onSelect === undefined ? null : (
                <Table.Cell>
                  <Selector run={run} selected={selected} onSelect={onSelect} />
                </Table.Cell>
              )}
              {shown(
                "state",
                <Table.Cell>
                  <States run={run} />
                </Table.Cell>,
              )}
              <Table.Cell>
                <PageLink to={runPath(run)} fontWeight="bold" lines={2} title={run.pipeline}>
                  {run.pipeline}
                </PageLink>
              </Table.Cell>
              {shown(
                "dag_id",
                <Table.Cell>
                  <Origin run={run} />
                </Table.Cell>,
              )}
              {shown(
                "progress",
                <Table.Cell>
                  <Progress run={run} />
                </Table.Cell>,
              )}
              {shown("attempt", <Table.Cell css={onlyFull}>{run.attempt}</Table.Cell>)}
              {shown(
                "started_at",
                <Table.Cell>
                  <Time iso={run.first_started_at} />
                  <Text color="fg.muted" fontSize="xs">
                    <Time iso={run.first_started_at} age />
                  </Text>
                </Table.Cell>,
              )}
              {shown(
                "saved_seconds",
                <Table.Cell css={onlyFull} whiteSpace="nowrap">
                  {saves(run)}
                </Table.Cell>,
              )}
              <Table.Cell textAlign="end">{actions(run)}</Table.Cell>
            </Table.Row>
          </Fragment>
        ))}
      </Table.Body>
    </Table.Root>
  );
};

const sameDagRun = (one: Run, other: Run | undefined): boolean =>
  other !== undefined && one.dag_id === other.dag_id && one.run_id === other.run_id;

interface GroupProps {
  runs: Run[];
  columns: number;
  selected: Selected | undefined;
  onSelect: ((selected: Selected) => void) | undefined;
}

/** The Dag Run of the rows below: twenty mapped task instances are resumed as one. */
const GroupRow = ({ runs, columns, selected, onSelect }: GroupProps) => {
  const [first] = runs;
  if (first === undefined) return null;
  const name = `${first.dag_display_name} / ${first.run_id}`;
  return (
    <Table.Row data-testid="group">
      <Table.Cell colSpan={columns} css={{ position: "static !important" }} bg="bg.emphasized">
        <HStack gap={3} minW={0}>
          {selected === undefined || onSelect === undefined ? null : (
            <CheckAll runs={runs} selected={selected} onSelect={onSelect} label={t.selection.inGroup(name)} />
          )}
          <Box minW={0}>
            <PageLink to={dagRunPath(first)} lines={1} fontWeight="bold" lineHeight="24px" title={name}>
              {name}
            </PageLink>
          </Box>
          <Text flexShrink={0}>{t.paging.total(runs.length)}</Text>
        </HStack>
      </Table.Cell>
    </Table.Row>
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
    minW={0}
    aria-label={fullName(run)}
  >
    <Flex gap={2} align="center" wrap="wrap">
      {selected === undefined || onSelect === undefined ? null : (
        <Selector run={run} selected={selected} onSelect={onSelect} />
      )}
      <Box minW={0} flex="1 1 120px">
        <PageLink to={runPath(run)} fontWeight="bold" lines={2} title={run.pipeline}>
          {run.pipeline}
        </PageLink>
      </Box>
      <States run={run} />
    </Flex>
    <Origin run={run} />
    <Progress run={run} />
    <Flex gap={3} align="center" wrap="wrap" fontSize="sm" color="fg.muted">
      <Text>
        {t.attempts(run.attempt)}, {t.startedAgo} <Time iso={run.first_started_at} age />
      </Text>
      {saves(run) === "–" ? null : (
        <Text>
          {t.columns.saved}: {saves(run)}
        </Text>
      )}
      <Box flex={1} />
      {actions(run)}
    </Flex>
  </Stack>
);
