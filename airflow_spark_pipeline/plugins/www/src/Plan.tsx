import { HStack, Stack, Text } from "@chakra-ui/react";
import type { ReactNode } from "react";

import { Notice } from "./parts";
import { said, t } from "./texts";
import { formatDuration } from "./time";
import type { Component, NextAttempt, PlannedStep } from "./types";
import { Unfold } from "./Unfold";

const MANY = 20; // steps that run: more are folded, too

const Steps = ({ steps }: { steps: PlannedStep[] }) => (
  <Stack as="ul" gap={0.5} listStyleType="none" m={0} p={0}>
    {steps.map((step) => (
      <HStack as="li" key={step.name} gap={2} align="baseline">
        <Text minW="60px" flexShrink={0} fontWeight="semibold" color={step.action === "run" ? "fg" : "fg.muted"}>
          {t.steps[step.action]}
        </Text>
        <Text overflowWrap="anywhere" minW={0}>
          <bdi>{step.name}</bdi>{" "}
          <Text as="span" color="fg.muted">
            {said(step.reason)}
          </Text>
        </Text>
      </HStack>
    ))}
  </Stack>
);

const ABOUT = { skip: "skips", omit: "leavesOut", run: "runs" } as const;

/** What the next attempt does: first what runs, then in a line each what is skipped and what is left out. */
export const Plan = ({ next, components = [] }: { next: NextAttempt; components?: Component[] }) => {
  if (next.refusal !== null) return <Refusal next={next} />;
  const runs = next.steps.filter((step) => step.action !== "skip" && step.action !== "omit");
  return (
    <Stack gap={2} fontSize="sm">
      {runs.length <= MANY ? <Steps steps={runs} /> : <Folded kind="run" steps={runs} components={components} />}
      {(["skip", "omit"] as const).map((kind) => (
        <Folded key={kind} kind={kind} steps={next.steps.filter((step) => step.action === kind)} {...{ components }} />
      ))}
      <Text color="fg.muted" fontSize="xs">
        {next.basis === "description" ? t.plan.description : t.plan.record}
      </Text>
    </Stack>
  );
};

interface FoldedProps {
  kind: keyof typeof ABOUT;
  steps: PlannedStep[];
  components: Component[];
}

const Folded = ({ kind, steps, components }: FoldedProps) => {
  if (steps.length === 0) return null;
  const names = new Set(steps.map((step) => step.name));
  const seconds = components.reduce((sum, each) => sum + (names.has(each.name) ? (each.duration_seconds ?? 0) : 0), 0);
  const saves = kind === "skip" && seconds > 0 ? ` (${t.plan.saves(formatDuration(seconds))})` : "";
  return (
    <Unfold label={t.plan[ABOUT[kind]](steps.length) + saves} plain>
      <Steps steps={steps} />
    </Unfold>
  );
};

interface RefusalProps {
  next: NextAttempt;
  /** The number of the try that has refused; null if none has yet. */
  refusedBy?: number | null;
  children?: ReactNode;
}

/** Why the next attempt would refuse; what it would run if it did not is not said next to it. */
export const Refusal = ({ next, refusedBy = null, children }: RefusalProps) => (
  <Notice
    status={refusedBy === null ? "warning" : "error"}
    title={refusedBy === null ? t.plan.refuses : t.run.refused(refusedBy)}
  >
    <Text>{said(next.refusal ?? "")}</Text>
    {next.differences.length === 0 ? null : <Text mt={1}>{t.plan.fields(next.differences.join(", "))}</Text>}
    <Text mt={1}>{t.plan.asRead}</Text>
    {children}
  </Notice>
);
