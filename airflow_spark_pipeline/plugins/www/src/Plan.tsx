import { Button, HStack, Stack, Text } from "@chakra-ui/react";
import { type ReactNode, useState } from "react";

import { Notice } from "./parts";
import { t } from "./texts";
import { formatDuration } from "./time";
import type { Component, NextAttempt, PlannedStep } from "./types";

const FEW = 5;

/** Show or hide what is long. */
export const Unfold = ({ label, children }: { label: string; children: ReactNode }) => {
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
        minH="24px"
        py={1}
      >
        {open ? t.run.hide(label) : t.run.show(label)}
      </Button>
      {open ? children : null}
    </Stack>
  );
};

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
            {step.reason}
          </Text>
        </Text>
      </HStack>
    ))}
  </Stack>
);

/** What the next attempt does: what runs is seen at once, and many skips are one line. */
export const Plan = ({ next, components = [] }: { next: NextAttempt; components?: Component[] }) => {
  const skips = next.steps.filter((step) => step.action === "skip");
  const others = next.steps.filter((step) => step.action !== "skip");
  const names = new Set(skips.map((step) => step.name));
  const seconds = components.reduce((sum, each) => sum + (names.has(each.name) ? (each.duration_seconds ?? 0) : 0), 0);
  if (next.refusal !== null) return <Refusal next={next} />;
  return (
    <Stack gap={2} fontSize="sm">
      {skips.length <= FEW ? (
        <Steps steps={skips} />
      ) : (
        <Unfold label={t.plan.skips(skips.length, seconds > 0 ? formatDuration(seconds) : "")}>
          <Steps steps={skips} />
        </Unfold>
      )}
      {others.length <= 4 * FEW ? (
        <Steps steps={others} />
      ) : (
        <Unfold label={t.plan.runs(others.length)}>
          <Steps steps={others} />
        </Unfold>
      )}
      <Text color="fg.muted" fontSize="xs">
        {next.basis === "description" ? t.plan.description : t.plan.record}
      </Text>
    </Stack>
  );
};

/** Why the next attempt would refuse; what it would run if it did not is not said next to it. */
export const Refusal = ({ next }: { next: NextAttempt }) => (
  <Notice status="warning" title={t.plan.refuses}>
    <Text>{next.refusal}</Text>
    {next.differences.length === 0 ? null : <Text mt={1}>{t.plan.fields(next.differences)}</Text>}
    <Text mt={1}>{t.plan.asRead}</Text>
  </Notice>
);
