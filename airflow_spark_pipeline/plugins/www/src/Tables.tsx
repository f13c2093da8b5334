import { Box, Link, Table, Text } from "@chakra-ui/react";

import { taskPath } from "./api";
import { AirflowBadge, Mark, PageLink, StateBadge, Time, clamped } from "./parts";
import { stateName, t } from "./texts";
import { between, formatDuration, useNow } from "./time";
import type { Attempt, Component, RunDetail } from "./types";
import { COMPONENT_PALETTES } from "./words";

const ROOM = "@container tables (min-width: 820px)";
const CELLS = { "& td, & th": { verticalAlign: "top" }, "& th": { fontSize: "xs", fontWeight: "bold" } };
const onlyWide = { display: "none", [ROOM]: { display: "table-cell" } };
const onlyNarrow = { [ROOM]: { display: "none" } };

const Frame = ({ children }: { children: React.ReactNode }) => (
  <Box css={{ containerType: "inline-size", containerName: "tables" }} w="full">
    {children}
  </Box>
);

const since = (iso: string | null, now: number): string =>
  iso === null ? "–" : formatDuration(Math.max(0, (now - Date.parse(iso)) / 1_000));

const lasted = (component: Component, now: number): string =>
  component.duration_seconds !== null
    ? formatDuration(component.duration_seconds)
    : component.state === "running"
      ? since(component.started_at, now)
      : "–";

/** The components; where there is little room, what belongs together is in one cell. */
export const Components = ({ run }: { run: RunDetail }) => {
  const now = useNow(run.state === "running");
  return (
    <Frame>
      <Table.Root size="sm" striped tableLayout="fixed" w="full" css={CELLS}>
        <Table.Header>
          <Table.Row>
            <Table.ColumnHeader w="48px" css={onlyWide}>
              {t.run.number}
            </Table.ColumnHeader>
            <Table.ColumnHeader>{t.run.name}</Table.ColumnHeader>
            <Table.ColumnHeader w="124px">{t.columns.state}</Table.ColumnHeader>
            <Table.ColumnHeader w="76px" css={onlyWide}>
              {t.columns.attempt}
            </Table.ColumnHeader>
            <Table.ColumnHeader w="156px" css={onlyWide}>
              {t.columns.started}
            </Table.ColumnHeader>
            <Table.ColumnHeader w="92px" css={onlyWide}>
              {t.run.duration}
            </Table.ColumnHeader>
            <Table.ColumnHeader css={onlyWide}>{t.run.why}</Table.ColumnHeader>
            <Table.ColumnHeader css={onlyWide}>{t.run.outputs}</Table.ColumnHeader>
          </Table.Row>
        </Table.Header>
        <Table.Body>
          {run.components.map((component) => (
            <Table.Row key={component.name} data-testid="component">
              <Table.Cell css={onlyWide}>{component.index + 1}</Table.Cell>
              <Table.Cell>
                <Text fontWeight="medium" {...clamped(3)} title={component.name}>
                  <bdi>{component.name}</bdi>
                </Text>
                <Text fontSize="xs" color="fg.muted" {...clamped(2)} title={component.type}>
                  <bdi>{component.type}</bdi>
                </Text>
                <Box css={onlyNarrow} fontSize="xs">
                  {lasted(component, now)}
                  <Why component={component} />
                </Box>
              </Table.Cell>
              <Table.Cell>
                <Mark palette={COMPONENT_PALETTES[component.state]} label={t.componentStates[component.state]} />
              </Table.Cell>
              <Table.Cell css={onlyWide}>{component.attempt ?? "–"}</Table.Cell>
              <Table.Cell css={onlyWide}>
                {component.started_at === null ? "–" : <Time iso={component.started_at} />}
              </Table.Cell>
              <Table.Cell css={onlyWide} whiteSpace="nowrap">
                {lasted(component, now)}
              </Table.Cell>
              <Table.Cell css={onlyWide}>
                <Why component={component} />
              </Table.Cell>
              <Table.Cell css={onlyWide}>
                <Outputs component={component} />
              </Table.Cell>
            </Table.Row>
          ))}
        </Table.Body>
      </Table.Root>
    </Frame>
  );
};

const Why = ({ component }: { component: Component }) =>
  component.reason === null ? null : (
    <Text color="fg.muted" {...clamped(3)} title={component.reason}>
      <bdi>{component.reason}</bdi>
    </Text>
  );

const Outputs = ({ component }: { component: Component }) => {
  const { saved_outputs, views } = component;
  const text =
    saved_outputs.length > 0
      ? t.run.saved(saved_outputs.join(", "))
      : views.length > 0
        ? t.run.views(views.join(", "))
        : "–";
  return (
    <Text {...clamped(3)} title={text}>
      {text}
    </Text>
  );
};

/** What each attempt did, and the tries that recorded nothing, each with its log. */
export const Attempts = ({ run }: { run: RunDetail }) => {
  const open = run.attempts.some((attempt) => attempt.ended_at === null);
  const now = useNow(open);
  return (
    <Frame>
      <Table.Root size="sm" striped tableLayout="fixed" w="full" css={CELLS}>
        <Table.Header>
          <Table.Row>
            <Table.ColumnHeader w="72px">{t.columns.attempt}</Table.ColumnHeader>
            <Table.ColumnHeader w="132px">{t.columns.state}</Table.ColumnHeader>
            <Table.ColumnHeader w="156px" css={onlyWide}>
              {t.columns.started}
            </Table.ColumnHeader>
            <Table.ColumnHeader w="156px" css={onlyWide}>
              {t.run.end}
            </Table.ColumnHeader>
            <Table.ColumnHeader w="84px" css={onlyWide}>
              {t.run.duration}
            </Table.ColumnHeader>
            <Table.ColumnHeader>{t.run.error}</Table.ColumnHeader>
            <Table.ColumnHeader css={onlyWide}>{t.run.application}</Table.ColumnHeader>
            <Table.ColumnHeader w="104px" css={onlyWide}>
              {t.run.tryLog}
            </Table.ColumnHeader>
          </Table.Row>
        </Table.Header>
        <Table.Body>
          {run.attempts.map((attempt) => (
            <Table.Row key={attempt.id} data-testid="attempt">
              <Table.Cell>{attempt.attempt ?? "–"}</Table.Cell>
              <Table.Cell>
                <Status attempt={attempt} run={run} />
                <Box css={onlyNarrow} fontSize="xs">
                  <Log attempt={attempt} run={run} />
                </Box>
              </Table.Cell>
              <Table.Cell css={onlyWide}>
                {attempt.started_at === null ? "–" : <Time iso={attempt.started_at} />}
              </Table.Cell>
              <Table.Cell css={onlyWide}>
                {attempt.ended_at === null ? "–" : <Time iso={attempt.ended_at} />}
              </Table.Cell>
              <Table.Cell css={onlyWide} whiteSpace="nowrap">
                {attempt.ended_at === null
                  ? since(attempt.started_at, now)
                  : formatDuration(between(attempt.started_at, attempt.ended_at) ?? 0)}
              </Table.Cell>
              <Table.Cell>
                <Text {...clamped(4)} title={attempt.error ?? ""}>
                  <bdi>{attempt.error ?? "–"}</bdi>
                </Text>
                <Box css={onlyNarrow} fontSize="xs" overflowWrap="anywhere">
                  <Application attempt={attempt} history={run.history_url} />
                </Box>
              </Table.Cell>
              <Table.Cell css={onlyWide} overflowWrap="anywhere">
                <Application attempt={attempt} history={run.history_url} />
              </Table.Cell>
              <Table.Cell css={onlyWide}>
                <Log attempt={attempt} run={run} />
              </Table.Cell>
            </Table.Row>
          ))}
        </Table.Body>
      </Table.Root>
    </Frame>
  );
};

const Log = ({ attempt, run }: { attempt: Attempt; run: RunDetail }) =>
  attempt.try_number === null ? (
    <>–</>
  ) : (
    <PageLink to={`${taskPath(run)}?try_number=${String(attempt.try_number)}`}>
      {t.run.log(attempt.try_number)}
    </PageLink>
  );

const Status = ({ attempt, run }: { attempt: Attempt; run: RunDetail }) => {
  if (attempt.attempt !== null || attempt.status === "refused") return <StateBadge state={attempt.status} />;
  const waits = attempt.ended_at === null && run.task_pending;
  if (waits) return <AirflowBadge run={run} />;
  return attempt.task_state === "success" ? (
    <StateBadge state="not_recorded" />
  ) : (
    <Mark palette={attempt.task_state ?? "removed"} label={stateName(attempt.task_state ?? "unknown")} />
  );
};

const Application = ({ attempt, history }: { attempt: Attempt; history: string | null }) => {
  const id = attempt.spark_application_id;
  if (id === null) return <>–</>;
  if (history === null) return <>{id}</>;
  return (
    <Link
      href={`${history}/history/${encodeURIComponent(id)}`}
      color="fg.info"
      target="_blank"
      rel="noopener noreferrer"
    >
      {id}
    </Link>
  );
};
