import { Box, Code, Flex, Heading, SimpleGrid, Stack, Text } from "@chakra-ui/react";
import { type ReactNode, useState } from "react";

import { ActionDialog } from "./ActionDialog";
import { dagPath, dagRunPath, taskPath } from "./api";
import { HistoryView, useHistory } from "./HistoryView";
import { keepFocus } from "./ListPage";
import { ComponentBar, Notice, PageLink, States, Time } from "./parts";
import { Plan, Refusal } from "./Plan";
import { Remedies } from "./Remedies";
import { RunActions } from "./RunActions";
import { Attempts, Components } from "./Tables";
import { type Action, said, t } from "./texts";
import { Timeline } from "./Timeline";
import { formatDuration, formatTime, useZone } from "./time";
import type { Failure, RunDetail } from "./types";
import { position, taskName } from "./words";
import { Unfold } from "./Unfold";

interface Props {
  run: RunDetail;
  refresh: () => void;
  titled?: boolean;
}

/** The page of one run. */
export const RunView = ({ run, refresh, titled = true }: Props) => {
  const [acting, setActing] = useState<Action>();
  const history = useHistory(run);
  const ended = run.state === "completed" || run.state === "discarded";
  return (
    <Stack gap={6} data-testid="run-view" minW={0}>
      <Head run={run} ended={ended} titled={titled} onAct={setActing} />
      <SimpleGrid columns={{ base: 2, md: 4 }} gap={3}>
        <Fact label={t.run.progress}>
          <ComponentBar pieces={run.pieces} height="10px" />
          <Text fontSize="sm" mt={1} overflowWrap="anywhere" title={position(run, Infinity)}>
            <bdi>{run.state === "discarded" ? t.runStates.discarded.help : position(run)}</bdi>
          </Text>
        </Fact>
        <Fact label={t.run.attempts}>{run.attempt}</Fact>
        <Fact label={t.run.started}>
          <Time iso={run.first_started_at} wrap />
        </Fact>
        <Fact label={ended || run.state === "running" ? t.run.work : t.run.saves}>
          {formatDuration(run.saved_seconds)}
        </Fact>
      </SimpleGrid>
      {run.components.length === 0 ? null : (
        <>
          <Section title={t.run.timeline}>
            <Timeline run={run} />
          </Section>
          {run.next === null || run.state === "running" || run.next.refusal !== null ? null : (
            <Section title={t.plan.title}>
              <Plan next={run.next} components={run.components} />
            </Section>
          )}
          <Section title={t.run.components}>
            <Components run={run} history={history} />
          </Section>
          <Section title={t.run.attempts}>
            <Attempts run={run} />
          </Section>
          {history === undefined ? null : (
            <Section title={t.history.title}>
              <HistoryView run={run} history={history} />
            </Section>
          )}
        </>
      )}
      <Section title={t.run.pipeline}>
        {run.config === null ? (
          <Text color="fg.muted" fontSize="sm">
            {run.config_note === null ? null : said(run.config_note)}
          </Text>
        ) : (
          <Unfold label={t.run.description}>
            <Pre text={JSON.stringify(run.config, null, 2)} />
          </Unfold>
        )}
        <Text fontSize="xs" color="fg.muted" overflowWrap="anywhere">
          {t.run.recordedIn(run.location, run.id)}
        </Text>
      </Section>
      {acting === undefined ? null : (
        <ActionDialog
          action={acting}
          runs={[run]}
          onClose={(acted) => {
            setActing(undefined);
            if (!acted) return;
            refresh();
            keepFocus();
          }}
        />
      )}
    </Stack>
  );
};

interface HeadProps {
  run: RunDetail;
  ended: boolean;
  titled: boolean;
  onAct: (action: Action) => void;
}

/** The facts about the run, after the reasons why it is not done, the newest first. */
const Head = ({ run, ended, titled, onAct }: HeadProps) => {
  const newest = run.task_pending ? null : run.newest_try;
  const refusal = run.next?.refusal != null && !run.task_pending ? run.next : null;
  return (
    <Stack gap={2}>
      <Flex gap={3} align="center" wrap="wrap">
        <Heading size="lg" as="h1" overflowWrap="anywhere" minW={0} tabIndex={-1} id="spark-pipeline-heading">
          <bdi>{run.pipeline}</bdi>
        </Heading>
        <States run={run} />
        <Box flex={1} />
        {ended ? null : <RunActions run={run} onAct={onAct} />}
      </Flex>
      {titled || run.iteration !== null ? (
        <Text fontSize="sm" overflowWrap="anywhere">
          <PageLink to={dagPath(run)}>{run.dag_display_name}</PageLink> /{" "}
          <PageLink to={dagRunPath(run)}>{run.run_id}</PageLink> /{" "}
          <PageLink to={taskPath(run)}>{taskName(run)}</PageLink>
        </Text>
      ) : null}
      {run.resume_blocked === null || ended ? null : (
        <Text fontSize="sm" color="fg.muted">
          {t.run.blocked(said(run.resume_blocked))}
        </Text>
      )}
      {run.state === "discarded" ? (
        <Text fontSize="sm">
          <DiscardedBy run={run} /> <PageLink to={`${taskPath(run)}/events`}>{t.run.auditLog}</PageLink>
        </Text>
      ) : null}
      {newest === null || (refusal !== null && newest.refused) ? null : (
        <Notice
          status="error"
          title={newest.refused ? t.run.refused(newest.try_number) : t.run.failedEarly(newest.try_number)}
        >
          {newest.error === null ? t.run.seeLog : said(newest.error)} <TryLog run={run} number={newest.try_number} />
        </Notice>
      )}
      {refusal === null ? null : (
        <Refusal next={refusal} refusedBy={newest?.refused === true ? newest.try_number : null}>
          <Flex gap={3} mt={2} wrap="wrap" align="center">
            <Remedies run={run} onAct={onAct} />
            {newest?.refused === true ? <TryLog run={run} number={newest.try_number} /> : null}
          </Flex>
        </Refusal>
      )}
      {run.state === "dead" ? <Lost run={run} /> : null}
      {run.failure === null ? null : <Failed failure={run.failure} />}
      {run.more_failures.map((failure) => (
        <Failed key={failure.component} failure={failure} />
      ))}
    </Stack>
  );
};

const TryLog = ({ run, number }: { run: RunDetail; number: number }) => (
  <PageLink to={`${taskPath(run)}?try_number=${String(number)}`}>{t.run.log(number)}</PageLink>
);

const DiscardedBy = ({ run }: { run: RunDetail }) => {
  const zone = useZone();
  const by = run.discarded_by;
  return by === null ? t.run.discardedBy : t.run.discarded(by.user, formatTime(by.at, zone));
};

const Lost = ({ run }: { run: RunDetail }) => {
  const zone = useZone();
  return (
    <Notice status="warning" title={t.run.lost}>
      {t.run.lostAt(formatTime(run.updated_at, zone))}
    </Notice>
  );
};

const Section = ({ title, children }: { title: string; children: ReactNode }) => (
  <Stack as="section" gap={2} aria-label={title} minW={0}>
    <Heading size="sm" as="h2">
      {title}
    </Heading>
    {children}
  </Stack>
);

const Fact = ({ label, children }: { label: string; children: ReactNode }) => (
  <Box borderWidth={1} borderRadius="md" p={3} minW={0}>
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
    tabIndex={0}
    dir="ltr"
  >
    {text}
  </Code>
);

const Failed = ({ failure }: { failure: Failure }) => (
  <Notice
    status="error"
    title={failure.component === null ? failure.error_type : `${failure.component}: ${failure.error_type}`}
  >
    <Stack gap={2}>
      <Text whiteSpace="pre-wrap" maxH="240px" overflowY="auto" tabIndex={0}>
        {failure.message}
      </Text>
      {failure.retry_helps ? null : <Text>{t.run.noRetry}</Text>}
      {failure.traceback === null ? null : (
        <Unfold label={t.run.traceback}>
          <Pre text={failure.traceback} />
        </Unfold>
      )}
    </Stack>
  </Notice>
);
