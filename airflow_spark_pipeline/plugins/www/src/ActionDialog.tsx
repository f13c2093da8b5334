import {
  Button,
  Checkbox,
  CloseButton,
  Dialog,
  HStack,
  Portal,
  Progress,
  Spinner,
  Stack,
  Text,
} from "@chakra-ui/react";
import { useEffect, useState } from "react";

import { type Options, type Outcome, act, actOnAll, affected, blocked } from "./act";
import { type Affected, showTask, taskPath } from "./api";
import { ERROR_TEXT, Notice, PageLink, ReasonedButton } from "./parts";
import { Plan } from "./Plan";
import { runKey } from "./RunTable";
import { type Action, stateName, t } from "./texts";
import { formatDuration } from "./time";
import { toaster } from "./toaster";
import type { Run, RunDetail } from "./types";
import { taskName } from "./words";

const SHOWN = 20; // of many runs: nobody reads a thousand

interface Props {
  action: Action;
  runs: Run[];
  onClose: (acted: boolean) => void;
}

/** What is known of a single run before it is acted on. */
interface Foresight {
  run: RunDetail | null | undefined;
  error?: string;
}

const useForesight = (run: Run | undefined): Foresight => {
  const [found, setFound] = useState<Foresight>({ run: undefined });
  useEffect(() => {
    if (run === undefined) return;
    const abort = new AbortController();
    showTask(run, abort.signal).then(
      (answer) => {
        setFound({ run: answer.runs.find((each) => each.id === run.id) ?? null });
      },
      (caught: unknown) => {
        if (!abort.signal.aborted)
          setFound({ run: null, error: String(caught instanceof Error ? caught.message : caught) });
      },
    );
    return () => {
      abort.abort();
    };
  }, [run]);
  return found;
};

const useAffected = (action: Action, run: Run | undefined, downstream: boolean): Affected[] | undefined => {
  const [found, setFound] = useState<Affected[]>();
  useEffect(() => {
    if (run === undefined || action === "discard") return;
    let current = true;
    affected(action, run, { downstream, latestVersion: false }).then(
      (tasks) => {
        if (current) setFound(tasks);
      },
      () => undefined, // the action itself says what is wrong
    );
    return () => {
      current = false;
    };
  }, [action, run, downstream]);
  return found;
};

/** Says beforehand what will happen, asks once, and shows what came of it. */
export const ActionDialog = ({ action: asked, runs, onClose }: Props) => {
  const [action, setAction] = useState(asked);
  const words = t.actions[action];
  const able = runs.filter((run) => blocked(action, run) === null);
  const refusing = action === "resume" && runs.length > 1 ? able.filter((run) => run.newest_try?.refused === true) : [];
  const chosen = able.filter((run) => !refusing.includes(run));
  const only = runs.length === 1 ? runs[0] : undefined;
  const foresight = useForesight(action === "resume" ? only : undefined);
  const [options, setOptions] = useState<Options>({ latestVersion: false, downstream: true });
  const tasks = useAffected(action, only, options.downstream);
  const [undone, setUndone] = useState(false);
  const [busy, setBusy] = useState(false);
  const [outcomes, setOutcomes] = useState<{ run: Run; outcome: Outcome }[]>([]);
  const finished = !busy && outcomes.length > 0;
  const next = foresight.run?.next;
  const refuses = action === "resume" && next?.refusal != null;
  const waits = action === "resume" && only !== undefined && foresight.run === undefined;
  const reason = refuses && !undone ? t.plan.refuses : waits ? t.empty.loading : null;

  const confirm = async (): Promise<void> => {
    setBusy(true);
    if (only !== undefined) {
      const outcome = await act(action, only, options);
      if (outcome.ok) {
        toaster.create({ type: "success", title: words.label, description: `${only.pipeline}: ${outcome.text}` });
        onClose(true);
        return;
      }
      setOutcomes([{ run: only, outcome }]);
    } else {
      await actOnAll(action, chosen, options, (run, outcome) => {
        setOutcomes((known) => [...known, { run, outcome }]);
      });
    }
    setBusy(false);
  };
  const close = (): void => {
    if (!busy) onClose(finished);
  };
  const left = runs.filter((run) => !chosen.includes(run));

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
              <Dialog.Title overflowWrap="anywhere" pe={6}>
                {words.title}: {only === undefined ? t.paging.total(runs.length) : only.pipeline}
              </Dialog.Title>
            </Dialog.Header>
            <Dialog.Body tabIndex={0}>
              <Stack gap={4}>
                {refuses ? null : <Text>{words.about}</Text>}
                {left.length === 0 || only !== undefined ? null : (
                  <Notice status="info" title={t.action.leftAlone(left.length)}>
                    {left.slice(0, 3).map((run) => (
                      <Text key={runKey(run)}>
                        {run.pipeline}, {taskName(run)}: {blocked(action, run) ?? t.plan.refuses}
                      </Text>
                    ))}
                  </Notice>
                )}
                {only === undefined ? (
                  <Many {...{ action, busy, outcomes }} runs={chosen} />
                ) : (
                  <One {...{ action, foresight, tasks }} run={only} outcome={outcomes[0]?.outcome} />
                )}
                {refuses ? (
                  <Stack gap={2}>
                    <HStack wrap="wrap">
                      {(["start-over", "rerun-from-change"] as const).map((other) => (
                        <ReasonedButton
                          key={other}
                          size="sm"
                          variant="outline"
                          reason={only === undefined ? null : blocked(other, only)}
                          about={t.actions[other].about}
                          onClick={() => {
                            setAction(other);
                          }}
                        >
                          {t.actions[other].label}
                        </ReasonedButton>
                      ))}
                    </HStack>
                    <Option checked={undone} onChange={setUndone} label={t.action.undone} />
                  </Stack>
                ) : null}
                {finished || action === "discard" ? null : (
                  <Stack gap={2}>
                    <Option
                      checked={options.downstream}
                      onChange={(downstream) => {
                        setOptions({ ...options, downstream });
                      }}
                      label={t.action.downstream}
                    />
                    {able.some((run) => run.versioned) ? (
                      <Option
                        checked={options.latestVersion}
                        onChange={(latestVersion) => {
                          setOptions({ ...options, latestVersion });
                        }}
                        label={t.action.latestVersion}
                      />
                    ) : null}
                  </Stack>
                )}
              </Stack>
            </Dialog.Body>
            <Dialog.Footer>
              {finished ? (
                <Button onClick={close} autoFocus>
                  {t.action.close}
                </Button>
              ) : (
                <>
                  <Button variant="outline" onClick={close} disabled={busy}>
                    {t.action.cancel}
                  </Button>
                  <ReasonedButton
                    size="md"
                    variant="solid"
                    colorPalette={words.loses ? "danger" : "brand"}
                    onClick={() => void confirm()}
                    loading={busy}
                    reason={reason ?? (chosen.length === 0 && only !== undefined ? blocked(action, only) : null)}
                  >
                    {words.button}
                    {only === undefined ? ` (${chosen.length.toLocaleString("en")})` : ""}
                  </ReasonedButton>
                </>
              )}
            </Dialog.Footer>
            <Dialog.CloseTrigger asChild>
              <CloseButton size="sm" disabled={busy} aria-label={t.action.close} />
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

const Name = ({ run }: { run: Run }) => (
  <Text overflowWrap="anywhere" fontSize="sm">
    <bdi>
      <Text as="span" fontWeight="semibold">
        {run.pipeline}
      </Text>{" "}
      {run.dag_display_name} / {run.run_id} / {taskName(run)}
    </bdi>
  </Text>
);

const lost = (run: Run): string =>
  t.action.lost(
    run.pieces.filter((piece) => piece.state === "done").length,
    run.saved_seconds > 0 ? formatDuration(run.saved_seconds) : "",
  );

interface OneProps {
  action: Action;
  run: Run;
  foresight: Foresight;
  tasks: Affected[] | undefined;
  outcome: Outcome | undefined;
}

const One = ({ action, run, foresight, tasks, outcome }: OneProps) => (
  <Stack gap={3}>
    <Name run={run} />
    {t.actions[action].loses ? (
      <Text color={ERROR_TEXT}>
        {lost(run)} ({run.pieces.flatMap((piece) => (piece.state === "done" ? [piece.name] : [])).join(", ")})
      </Text>
    ) : action === "resume" ? (
      <Foreseen {...foresight} />
    ) : null}
    {tasks === undefined ? null : <Tasks tasks={tasks} />}
    {outcome === undefined ? null : (
      <Notice status={outcome.ok ? "success" : "error"} title={outcome.ok ? t.action.done : t.action.notDone}>
        {outcome.text}
      </Notice>
    )}
  </Stack>
);

const Tasks = ({ tasks }: { tasks: Affected[] }) => (
  <Stack gap={1} fontSize="sm">
    <Text fontWeight="semibold">{t.action.affected(tasks.length)}</Text>
    <Stack as="ul" gap={0} ps={5}>
      {tasks.slice(0, SHOWN).map((task) => (
        <Text as="li" key={`${task.task_id} ${String(task.map_index ?? -1)}`} overflowWrap="anywhere">
          {task.task_id}
          {(task.map_index ?? -1) < 0 ? "" : ` [${String(task.map_index)}]`} ({stateName(task.state ?? "no_status")})
        </Text>
      ))}
    </Stack>
    {tasks.length > SHOWN ? <Text>{t.action.moreTasks(tasks.length - SHOWN)}</Text> : null}
  </Stack>
);

const Foreseen = ({ run, error }: Foresight) => {
  if (error !== undefined)
    return (
      <Notice status="warning" title={t.action.noPlan}>
        {error}
      </Notice>
    );
  if (run === undefined) return <Spinner size="sm" aria-label={t.empty.loading} />;
  if (run?.next == null)
    return (
      <Notice status="warning" title={t.action.changed}>
        {t.action.lookAgain}
      </Notice>
    );
  return <Plan next={run.next} components={run.components} />;
};

interface ManyProps {
  action: Action;
  runs: Run[];
  busy: boolean;
  outcomes: { run: Run; outcome: Outcome }[];
}

/** Many runs: how far it is, and in the end one list, first of what was not done. */
const Many = ({ action, runs, busy, outcomes }: ManyProps) => {
  const failed = outcomes.filter(({ outcome }) => !outcome.ok);
  const done = outcomes.length - failed.length;
  if (busy)
    return (
      <Progress.Root value={outcomes.length} max={runs.length} aria-live="polite">
        <Progress.Label mb={2}>{t.action.progress(outcomes.length, runs.length)}</Progress.Label>
        <Progress.Track>
          <Progress.Range />
        </Progress.Track>
      </Progress.Root>
    );
  if (outcomes.length > 0)
    return (
      <Stack gap={2} data-testid="results">
        <Notice status={failed.length === 0 ? "success" : "error"} title={t.action.results(done, failed.length)}>
          {done === 0 ? undefined : t.actions[action].done}
        </Notice>
        {[...failed, ...outcomes.filter(({ outcome }) => outcome.ok)].slice(0, SHOWN).map(({ run, outcome }) => (
          <Stack key={runKey(run)} gap={0} borderTopWidth={1} pt={1}>
            <PageLink to={taskPath(run)}>{`${run.pipeline} / ${run.run_id} / ${taskName(run)}`}</PageLink>
            <Text fontSize="sm" {...(outcome.ok ? {} : { color: ERROR_TEXT })}>
              {outcome.text}
            </Text>
          </Stack>
        ))}
        {outcomes.length > SHOWN ? <Text fontSize="sm">{t.action.andMore(outcomes.length - SHOWN)}</Text> : null}
      </Stack>
    );
  return (
    <Stack gap={2}>
      {runs.slice(0, SHOWN).map((run) => (
        <Stack key={runKey(run)} gap={0}>
          <Name run={run} />
          {t.actions[action].loses ? (
            <Text fontSize="sm" color={ERROR_TEXT}>
              {lost(run)}
            </Text>
          ) : null}
        </Stack>
      ))}
      {runs.length > SHOWN ? <Text fontSize="sm">{t.action.andMore(runs.length - SHOWN)}</Text> : null}
    </Stack>
  );
};
