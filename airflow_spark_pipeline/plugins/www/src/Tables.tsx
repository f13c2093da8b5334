import { Link, Text } from "@chakra-ui/react";

import { taskPath } from "./api";
import { type Column, DataTable, Narrow } from "./DataTable";
import { AirflowBadge, Mark, PageLink, StateBadge, Time, clamped } from "./parts";
import { said, stateName, t } from "./texts";
import { between, formatDuration, useNow } from "./time";
import type { Attempt, Component, History, RunDetail } from "./types";
import { COMPONENT_PALETTES } from "./words";

const since = (iso: string | null, now: number): string =>
  iso === null ? "–" : formatDuration(Math.max(0, (now - Date.parse(iso)) / 1_000));

const lasted = (component: Component, now: number): string =>
  component.duration_seconds !== null
    ? formatDuration(component.duration_seconds)
    : component.state === "running"
      ? since(component.started_at, now)
      : "–";

const Moment = ({ iso }: { iso: string | null }) => (iso === null ? <>–</> : <Time iso={iso} />);

/** The components; in a narrow pane, several values share one cell. */
export const Components = ({ run, history }: { run: RunDetail; history: History | undefined }) => {
  const now = useNow(run.state === "running");
  const usual = new Map(history?.components.map((each) => [each.name, each.usual_seconds]));
  const took = (component: Component) => <Took text={lasted(component, now)} usual={usual.get(component.name)} />;
  const columns: Column<Component>[] = [
    { header: t.run.number, width: "48px", wide: true, cell: (component) => component.index + 1 },
    {
      header: t.run.name,
      cell: (component) => (
        <>
          <Text fontWeight="medium" {...clamped(3)} title={component.name}>
            <bdi>{component.name}</bdi>
          </Text>
          <Text fontSize="xs" color="fg.muted" {...clamped(2)} title={component.type}>
            <bdi>{component.type}</bdi>
          </Text>
          <Narrow>
            {took(component)}
            <Why component={component} />
          </Narrow>
        </>
      ),
    },
    {
      header: t.columns.state,
      width: "124px",
      cell: ({ state, parts }) => (
        <>
          <Mark palette={COMPONENT_PALETTES[state]} label={t.componentStates[state]} />
          {parts === null ? null : (
            <Text fontSize="xs" color="fg.muted" data-testid="parts">
              {t.run.parts(parts.done, parts.total)}
            </Text>
          )}
        </>
      ),
    },
    { header: t.columns.attempt, width: "84px", wide: true, cell: ({ attempt }) => attempt ?? "–" },
    { header: t.columns.started, width: "156px", wide: true, cell: (each) => <Moment iso={each.started_at} /> },
    { header: t.run.duration, width: "104px", wide: true, cell: took },
    { header: t.run.why, wide: true, cell: (component) => <Why component={component} /> },
    { header: t.run.outputs, wide: true, cell: (component) => <Outputs component={component} /> },
  ];
  return <DataTable columns={columns} rows={run.components} keyOf={({ name }) => name} testId="component" />;
};

const Took = ({ text, usual }: { text: string; usual: number | null | undefined }) => (
  <>
    {text}
    {usual == null ? null : (
      <Text fontSize="xs" color="fg.muted">
        {t.history.usually(formatDuration(usual))}
      </Text>
    )}
  </>
);

const Why = ({ component }: { component: Component }) =>
  component.reason === null ? null : (
    <Text color="fg.muted" {...clamped(3)} title={component.reason}>
      <bdi>{said(component.reason)}</bdi>
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

/** Whether an attempt has not ended; of some attempts nobody knows the end. */
const goesOn = ({ ended_at, status }: Attempt): boolean => ended_at === null && status !== "unknown";

/** What each attempt did, and the tries that recorded nothing, each with its log. */
export const Attempts = ({ run }: { run: RunDetail }) => {
  const now = useNow(run.attempts.some(goesOn));
  const application = (attempt: Attempt) => <Application attempt={attempt} history={run.history_url} />;
  const log = (attempt: Attempt) => <Log attempt={attempt} run={run} />;
  const columns: Column<Attempt>[] = [
    { header: t.columns.attempt, width: "84px", cell: ({ attempt }) => attempt ?? "–" },
    {
      header: t.columns.state,
      width: "132px",
      cell: (attempt) => (
        <>
          <Status attempt={attempt} run={run} />
          <Narrow>{log(attempt)}</Narrow>
        </>
      ),
    },
    { header: t.columns.started, width: "156px", wide: true, cell: (each) => <Moment iso={each.started_at} /> },
    { header: t.run.end, width: "156px", wide: true, cell: (attempt) => <Moment iso={attempt.ended_at} /> },
    {
      header: t.run.duration,
      width: "88px",
      wide: true,
      cell: (attempt) =>
        attempt.ended_at !== null
          ? formatDuration(between(attempt.started_at, attempt.ended_at) ?? 0)
          : goesOn(attempt)
            ? since(attempt.started_at, now)
            : "–",
    },
    {
      header: t.run.error,
      cell: (attempt) => (
        <>
          <Text {...clamped(4)} title={attempt.error ?? ""}>
            <bdi>{attempt.error === null ? "–" : said(attempt.error)}</bdi>
          </Text>
          <Narrow>{application(attempt)}</Narrow>
        </>
      ),
    },
    { header: t.run.application, wide: true, cell: application },
    { header: t.run.tryLog, width: "112px", wide: true, cell: log },
  ];
  return <DataTable columns={columns} rows={run.attempts} keyOf={({ id }) => id} testId="attempt" />;
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
