import { Button, Checkbox, CloseButton, Dialog, HStack, Menu, Portal, Spinner, Stack, Text } from "@chakra-ui/react";
import { useEffect, useState } from "react";

import { clear, discard, showTask, taskPath } from "./api";
import { Notice, PageLink } from "./parts";
import { formatDuration } from "./time";
import type { NextAttempt, Run } from "./types";
import { plural } from "./words";

export type Action = "resume" | "start-over" | "discard";

interface Words {
  label: string;
  title: string;
  about: string;
  button: string;
  done: string;
  loses: boolean;
}

export const WORDS: Record<Action, Words> = {
  resume: {
    label: "Resume",
    title: "Resume",
    about: "Airflow clears the task, and its next try skips the components that are done.",
    button: "Resume",
    done: "cleared; Airflow will run it, and it resumes",
    loses: false,
  },
  "start-over": {
    label: "Start over",
    title: "Start over from the first component",
    about: "The progress is discarded, and Airflow clears the task. Every component runs again.",
    button: "Discard the progress and start over",
    done: "cleared; Airflow will run it from the first component",
    loses: true,
  },
  discard: {
    label: "Discard",
    title: "Discard the progress",
    about: "Nothing is started. When the task runs again, it starts at the first component.",
    button: "Discard the progress",
    done: "the progress is discarded",
    loses: true,
  },
};

/** Why an action cannot be done to a run now; null where it can. */
export const blocked = (action: Action, run: Run): string | null =>
  action === "discard"
    ? run.discard_blocked
    : (run.resume_blocked ?? (action === "resume" ? null : run.discard_blocked));

interface RowProps {
  run: Run;
  onAct: (action: Action, runs: Run[]) => void;
}

/** Resume as a button, what loses something in a menu. */
export const RunActions = ({ run, onAct }: RowProps) => (
  <HStack gap={1} justify="flex-end" display="inline-flex">
    <Button
      size="xs"
      variant="outline"
      colorPalette="brand"
      disabled={blocked("resume", run) !== null}
      title={blocked("resume", run) ?? WORDS.resume.about}
      onClick={() => {
        onAct("resume", [run]);
      }}
    >
      Resume
    </Button>
    <Menu.Root positioning={{ placement: "bottom-end" }}>
      <Menu.Trigger asChild>
        <Button size="xs" variant="ghost" aria-label={`More actions for ${run.pipeline}, ${run.run_id}`} px={2}>
          ⋮
        </Button>
      </Menu.Trigger>
      <Portal>
        <Menu.Positioner>
          <Menu.Content>
            {(["start-over", "discard"] as const).map((action) => {
              const reason = blocked(action, run);
              return (
                <Menu.Item
                  key={action}
                  value={action}
                  disabled={reason !== null}
                  onClick={() => {
                    onAct(action, [run]);
                  }}
                >
                  <Stack gap={0} maxW="xs">
                    <Text>{WORDS[action].label}…</Text>
                    {reason === null ? null : (
                      <Text fontSize="xs" color="fg.muted">
                        {reason}
                      </Text>
                    )}
                  </Stack>
                </Menu.Item>
              );
            })}
          </Menu.Content>
        </Menu.Positioner>
      </Portal>
    </Menu.Root>
  </HStack>
);

type Outcome = { ok: true; text: string } | { ok: false; text: string };

/** Do it to one run; what comes back is said in words. */
export const act = async (
  action: Action,
  run: Run,
  options: { latestVersion: boolean; downstream: boolean },
): Promise<Outcome> => {
  let discarded = false;
  try {
    const how = { ...options, also: action === "resume" ? run.clear_to_resume : run.clear_to_start_over };
    if (action !== "discard") await clear(run, { ...how, dryRun: true });
    if (action !== "resume") {
      await discard(run);
      discarded = true;
    }
    if (action !== "discard") await clear(run, { ...how, dryRun: false });
    return { ok: true, text: WORDS[action].done };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      text: discarded
        ? `The progress is discarded, but the task could not be cleared: ${why} Clear it in Airflow.`
        : why,
    };
  }
};

interface DialogProps {
  action: Action;
  runs: Run[];
  onClose: (acted: boolean) => void;
}

/** Says beforehand what will happen, asks once, and shows what came of it. */
export const ActionDialog = ({ action, runs, onClose }: DialogProps) => {
  const words = WORDS[action];
  const able = runs.filter((run) => blocked(action, run) === null);
  const unable = runs.length - able.length;
  const [latestVersion, setLatestVersion] = useState(false);
  const [downstream, setDownstream] = useState(true);
  const [busy, setBusy] = useState(false);
  const [outcomes, setOutcomes] = useState<Outcome[]>([]);
  const finished = !busy && outcomes.length > 0;

  const confirm = async (): Promise<void> => {
    setBusy(true);
    for (const run of able) {
      const outcome = await act(action, run, { latestVersion, downstream });
      setOutcomes((known) => [...known, outcome]);
    }
    setBusy(false);
  };
  const close = (): void => {
    if (!busy) onClose(finished);
  };

  return (
    <Dialog.Root
      open
      onOpenChange={close}
      size="lg"
      scrollBehavior="inside"
      role={words.loses ? "alertdialog" : "dialog"}
    >
      <Portal>
        <Dialog.Backdrop />
        <Dialog.Positioner>
          <Dialog.Content>
            <Dialog.Header>
              <Dialog.Title>
                {words.title}
                {runs.length > 1 ? `: ${plural(runs.length, "run")}` : ""}
              </Dialog.Title>
            </Dialog.Header>
            <Dialog.Body>
              <Stack gap={4}>
                <Text>{words.about}</Text>
                {unable > 0 ? (
                  <Notice status="info" title={`${plural(unable, "run")} of the selection will be left alone`}>
                    {runs.find((run) => blocked(action, run) !== null && !able.includes(run))?.pipeline}:{" "}
                    {blocked(action, runs.find((run) => blocked(action, run) !== null) ?? (runs[0] as Run))}
                  </Notice>
                ) : null}
                {able.map((run, index) => (
                  <RunPlan key={run.id} action={action} run={run} alone={able.length === 1} outcome={outcomes[index]} />
                ))}
                {finished || action === "discard" ? null : (
                  <Stack gap={2}>
                    <Option
                      checked={downstream}
                      onChange={setDownstream}
                      label="Clear the tasks downstream of it, too"
                    />
                    {able.some((run) => run.versioned) ? (
                      <Option
                        checked={latestVersion}
                        onChange={setLatestVersion}
                        label="Run with the latest version of the DAG"
                      />
                    ) : null}
                  </Stack>
                )}
              </Stack>
            </Dialog.Body>
            <Dialog.Footer>
              {finished ? (
                <Button onClick={close} autoFocus>
                  Close
                </Button>
              ) : (
                <>
                  <Button variant="outline" onClick={close} disabled={busy}>
                    Cancel
                  </Button>
                  <Button
                    colorPalette={words.loses ? "danger" : "brand"}
                    onClick={() => void confirm()}
                    loading={busy}
                    disabled={able.length === 0}
                  >
                    {words.button}
                    {able.length > 1 ? ` (${String(able.length)})` : ""}
                  </Button>
                </>
              )}
            </Dialog.Footer>
            <Dialog.CloseTrigger asChild>
              <CloseButton size="sm" disabled={busy} />
            </Dialog.CloseTrigger>
          </Dialog.Content>
        </Dialog.Positioner>
      </Portal>
    </Dialog.Root>
  );
};

interface OptionProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  label: string;
}

const Option = ({ checked, onChange, label }: OptionProps) => (
  <Checkbox.Root
    checked={checked}
    onCheckedChange={(change) => {
      onChange(change.checked === true);
    }}
    colorPalette="brand"
  >
    <Checkbox.HiddenInput />
    <Checkbox.Control />
    <Checkbox.Label>{label}</Checkbox.Label>
  </Checkbox.Root>
);

interface PlanProps {
  action: Action;
  run: Run;
  alone: boolean;
  outcome: Outcome | undefined;
}

const RunPlan = ({ action, run, alone, outcome }: PlanProps) => {
  const done = run.pieces.filter((piece) => piece.state === "done");
  const rest = run.pieces.filter((piece) => piece.state !== "done" && piece.state !== "left_out");
  return (
    <Stack gap={1} borderWidth={1} borderRadius="md" p={3}>
      <Text fontWeight="semibold" overflowWrap="anywhere">
        {run.pipeline}{" "}
        <Text as="span" fontWeight="normal" color="fg.muted">
          {run.dag_id} / {run.task_id} / {run.run_id}
        </Text>
      </Text>
      {action !== "resume" ? (
        <Text color="fg.error">
          Lost: {plural(done.length, "finished component")}
          {run.saved_seconds > 0 ? `, ${formatDuration(run.saved_seconds)} of work` : ""}
          {done.length > 0 ? ` (${done.map((piece) => piece.name).join(", ")})` : ""}
        </Text>
      ) : alone ? (
        <Foreseen run={run} />
      ) : (
        <Text fontSize="sm">
          Skips {done.map((piece) => piece.name).join(", ") || "nothing"}; runs{" "}
          {rest.map((piece) => piece.name).join(", ") || "nothing"}
        </Text>
      )}
      {outcome === undefined ? null : (
        <Notice status={outcome.ok ? "success" : "error"} title={outcome.ok ? "Done" : "Not done"}>
          {outcome.text}{" "}
          {outcome.ok && action !== "discard" ? <PageLink to={taskPath(run)}>Go to the task</PageLink> : null}
        </Notice>
      )}
    </Stack>
  );
};

/** What the next attempt does, as the server knows it now. */
const Foreseen = ({ run }: { run: Run }) => {
  const [next, setNext] = useState<NextAttempt | null | undefined>(undefined);
  const [error, setError] = useState<string>();
  useEffect(() => {
    const abort = new AbortController();
    showTask(run, abort.signal).then(
      (answer) => {
        setNext(answer.runs.find((each) => each.id === run.id)?.next ?? null);
      },
      (caught: unknown) => {
        if (!abort.signal.aborted) setError(caught instanceof Error ? caught.message : String(caught));
      },
    );
    return () => {
      abort.abort();
    };
  }, [run]);
  if (error !== undefined)
    return (
      <Notice status="warning" title="What will run could not be found out">
        {error}
      </Notice>
    );
  if (next === undefined) return <Spinner size="sm" />;
  if (next === null)
    return (
      <Notice status="warning" title="This run has changed meanwhile">
        Close this, and look again.
      </Notice>
    );
  return <Plan next={next} />;
};

const VERBS = { skip: "Skips", replay: "Replays", run: "Runs", omit: "Omits", disable: "Disabled" };

export const Plan = ({ next }: { next: NextAttempt }) => (
  <Stack gap={2} fontSize="sm">
    {next.refusal === null ? null : (
      <Notice status="warning" title="The task would refuse to resume">
        <Text>{next.refusal}</Text>
        <Text color="fg.muted" mt={1}>
          As the file was when the task last read it. If you have undone the change since, it resumes.
        </Text>
      </Notice>
    )}
    <Stack as="ul" gap={0.5} listStyleType="none" m={0} p={0}>
      {next.steps.map((step) => (
        <HStack as="li" key={step.name} gap={2} align="baseline">
          <Text w="60px" flexShrink={0} fontWeight="semibold" color={step.action === "run" ? "fg.info" : "fg.muted"}>
            {VERBS[step.action]}
          </Text>
          <Text overflowWrap="anywhere">
            {step.name}{" "}
            <Text as="span" color="fg.muted">
              {step.reason}
            </Text>
          </Text>
        </HStack>
      ))}
    </Stack>
    <Text color="fg.muted" fontSize="xs">
      {next.basis === "description"
        ? "From the pipeline as the task last read it; the task itself decides when it reads the file again."
        : "From what the last attempt recorded; the task itself decides when it reads the file again."}
    </Text>
  </Stack>
);
