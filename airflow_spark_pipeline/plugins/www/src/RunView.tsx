import { Badge, Box, Button, Code, Flex, Heading, Link, SimpleGrid, Stack, Table, Text } from "@chakra-ui/react";
import { type ReactNode, useState } from "react";

import { type Action, ActionDialog, Plan, RunActions } from "./Actions";
import { dagPath, dagRunPath, taskName, taskPath } from "./api";
import { ComponentBar, Notice, PageLink, StateBadge, Time } from "./parts";
import { Timeline } from "./Timeline";
import { formatDuration } from "./time";
import type { Attempt, Failure, RunDetail } from "./types";
import { COMPONENT_STATES, RUN_STATES, position } from "./words";

/** Everything that is known of one run. */
export const RunView = ({ run, refresh }: { run: RunDetail; refresh: () => void }) => {
  const [acting, setActing] = useState<Action>();
  const ended = run.state === "completed" || run.state === "discarded";
  return (
    <Stack gap={6} data-testid="run-view">
      <Stack gap={2}>
        <Flex gap={3} align="center" wrap="wrap">
          <Heading size="lg" as="h1" overflowWrap="anywhere">
            {run.pipeline}
          </Heading>
          <StateBadge state={run.state} />
          <Box flex={1} />
          {ended ? null : (
            <RunActions
              run={run}
              onAct={(action) => {
                setActing(action);
              }}
            />
          )}
        </Flex>
        <Text fontSize="sm" overflowWrap="anywhere">
          <PageLink to={dagPath(run)}>{run.dag_id}</PageLink> / <PageLink to={dagRunPath(run)}>{run.run_id}</PageLink> /{" "}
          <PageLink to={taskPath(run)}>{taskName(run)}</PageLink>
        </Text>
        {run.resume_blocked === null || ended ? null : (
          <Text fontSize="sm" color="fg.muted">
            It cannot be resumed now: {run.resume_blocked}
          </Text>
        )}
      </Stack>
      <SimpleGrid columns={{ base: 2, md: 4 }} gap={3}>
        <Fact label="Progress">
          <ComponentBar pieces={run.pieces} height="10px" />
          <Text fontSize="sm" mt={1}>
            {run.state === "discarded" ? RUN_STATES.discarded.help : position(run)}
          </Text>
        </Fact>
        <Fact label="Attempts">{run.attempt}</Fact>
        <Fact label="Started">
          <Time iso={run.first_started_at} wrap />
        </Fact>
        <Fact label={ended ? "Work done" : "A resume saves"}>{formatDuration(run.saved_seconds)}</Fact>
      </SimpleGrid>
      {run.failure === null ? null : <Error failure={run.failure} />}
      {run.state === "dead" ? (
        <Notice status="warning" title="The driver was lost">
          It recorded something last at <Time iso={run.updated_at} />, and gave no sign of life within its lease.
        </Notice>
      ) : null}
      {run.components.length === 0 ? null : (
        <>
          <Section title="Timeline">
            <Timeline run={run} />
          </Section>
          {run.next === null || run.state === "running" ? null : (
            <Section title="What a resume would do">
              <Plan next={run.next} />
            </Section>
          )}
          <Section title="Components">
            <Components run={run} />
          </Section>
          <Section title="Attempts">
            <Attempts run={run} />
          </Section>
        </>
      )}
      <Section title="Pipeline">
        {run.config === null ? (
          <Text color="fg.muted" fontSize="sm">
            {run.config_note}
          </Text>
        ) : (
          <Unfold label="the description as the task last read it (secrets are masked)">
            <Pre text={JSON.stringify(run.config, null, 2)} />
          </Unfold>
        )}
        <Text fontSize="xs" color="fg.muted" overflowWrap="anywhere">
          Recorded in {run.location} as {run.id}
        </Text>
      </Section>
      {acting === undefined ? null : (
        <ActionDialog
          action={acting}
          runs={[run]}
          onClose={(acted) => {
            setActing(undefined);
            if (acted) refresh();
          }}
        />
      )}
    </Stack>
  );
};

const Section = ({ title, children }: { title: string; children: ReactNode }) => (
  <Stack as="section" gap={2} aria-label={title}>
    <Heading size="sm" as="h2">
      {title}
    </Heading>
    {children}
  </Stack>
);

const Fact = ({ label, children }: { label: string; children: ReactNode }) => (
  <Box borderWidth={1} borderRadius="md" p={3}>
    <Text fontSize="xs" color="fg.muted" mb={1}>
      {label}
    </Text>
    <Box>{children}</Box>
  </Box>
);

const Pre = ({ text }: { text: string }) => (
  <Code
    as="pre"
    display="block"
    p={3}
    fontSize="xs"
    whiteSpace="pre-wrap"
    overflowWrap="anywhere"
    maxH="480px"
    overflowY="auto"
  >
    {text}
  </Code>
);

const Unfold = ({ label, children }: { label: string; children: ReactNode }) => {
  const [open, setOpen] = useState(false);
  return (
    <Stack gap={2} align="stretch">
      <Button
        size="xs"
        variant="outline"
        alignSelf="flex-start"
        aria-expanded={open}
        onClick={() => {
          setOpen(!open);
        }}
        whiteSpace="normal"
        h="auto"
        py={1}
      >
        {open ? "Hide" : "Show"} {label}
      </Button>
      {open ? children : null}
    </Stack>
  );
};

const Error = ({ failure }: { failure: Failure }) => (
  <Notice
    status="error"
    title={failure.component === null ? failure.error_type : `${failure.component}: ${failure.error_type}`}
  >
    <Stack gap={2}>
      <Text whiteSpace="pre-wrap">{failure.message}</Text>
      {failure.retry_helps ? null : (
        <Text>Another try cannot end differently: something has to be corrected first.</Text>
      )}
      {failure.traceback === null ? null : (
        <Unfold label="the traceback">
          <Pre text={failure.traceback} />
        </Unfold>
      )}
    </Stack>
  </Notice>
);

const Components = ({ run }: { run: RunDetail }) => (
  <Box overflowX="auto">
    <Table.Root size="sm">
      <Table.Header>
        <Table.Row>
          <Table.ColumnHeader>#</Table.ColumnHeader>
          <Table.ColumnHeader>Component</Table.ColumnHeader>
          <Table.ColumnHeader>State</Table.ColumnHeader>
          <Table.ColumnHeader>Attempt</Table.ColumnHeader>
          <Table.ColumnHeader>Started</Table.ColumnHeader>
          <Table.ColumnHeader>Duration</Table.ColumnHeader>
          <Table.ColumnHeader>Why</Table.ColumnHeader>
          <Table.ColumnHeader>Outputs</Table.ColumnHeader>
        </Table.Row>
      </Table.Header>
      <Table.Body>
        {run.components.map((component) => (
          <Table.Row key={component.name} data-testid="component">
            <Table.Cell>{component.index + 1}</Table.Cell>
            <Table.Cell overflowWrap="anywhere">
              <Text fontWeight="medium">{component.name}</Text>
              <Text fontSize="xs" color="fg.muted">
                {component.type}
              </Text>
            </Table.Cell>
            <Table.Cell>
              <Badge colorPalette={COMPONENT_STATES[component.state].palette} variant="subtle">
                {COMPONENT_STATES[component.state].label}
              </Badge>
            </Table.Cell>
            <Table.Cell>{component.attempt ?? "–"}</Table.Cell>
            <Table.Cell>{component.started_at === null ? "–" : <Time iso={component.started_at} />}</Table.Cell>
            <Table.Cell whiteSpace="nowrap">
              {component.duration_seconds === null ? "–" : formatDuration(component.duration_seconds)}
            </Table.Cell>
            <Table.Cell overflowWrap="anywhere" color="fg.muted">
              {component.reason ?? ""}
            </Table.Cell>
            <Table.Cell overflowWrap="anywhere">
              {component.saved_outputs.length > 0
                ? `saved: ${component.saved_outputs.join(", ")}`
                : component.views.length > 0
                  ? `views: ${component.views.join(", ")}`
                  : "–"}
            </Table.Cell>
          </Table.Row>
        ))}
      </Table.Body>
    </Table.Root>
  </Box>
);

const Attempts = ({ run }: { run: RunDetail }) => (
  <Box overflowX="auto">
    <Table.Root size="sm">
      <Table.Header>
        <Table.Row>
          <Table.ColumnHeader>Attempt</Table.ColumnHeader>
          <Table.ColumnHeader>State</Table.ColumnHeader>
          <Table.ColumnHeader>Started</Table.ColumnHeader>
          <Table.ColumnHeader>Error</Table.ColumnHeader>
          <Table.ColumnHeader>Spark application</Table.ColumnHeader>
          <Table.ColumnHeader>Airflow</Table.ColumnHeader>
        </Table.Row>
      </Table.Header>
      <Table.Body>
        {run.attempts.map((attempt) => (
          <Table.Row key={attempt.id} data-testid="attempt">
            <Table.Cell>{attempt.attempt}</Table.Cell>
            <Table.Cell>{attempt.status === "unknown" ? "–" : <StateBadge state={attempt.status} />}</Table.Cell>
            <Table.Cell>
              <Time iso={attempt.started_at} />
            </Table.Cell>
            <Table.Cell overflowWrap="anywhere">{attempt.error ?? "–"}</Table.Cell>
            <Table.Cell overflowWrap="anywhere">
              <Application attempt={attempt} history={run.history_url} />
            </Table.Cell>
            <Table.Cell whiteSpace="nowrap">
              {attempt.try_number === null ? (
                "–"
              ) : (
                <PageLink to={`${taskPath(run)}?try_number=${String(attempt.try_number)}`}>
                  Log of try {attempt.try_number}
                </PageLink>
              )}
            </Table.Cell>
          </Table.Row>
        ))}
      </Table.Body>
    </Table.Root>
  </Box>
);

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
