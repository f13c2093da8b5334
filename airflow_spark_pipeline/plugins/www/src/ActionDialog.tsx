import { Button, CloseButton, Dialog, Portal, Stack, Text } from "@chakra-ui/react";
import { useState } from "react";

import { type Options, type Outcome, act, actOnAll, blocked } from "./act";
import { Choice, wrongChoice } from "./Choice";
import { Note, Option } from "./fields";
import { Many } from "./OfManyRuns";
import { One, useAffected, useForesight, usePlan } from "./OfOneRun";
import { Notice, ReasonedButton } from "./parts";
import { Remedies } from "./Remedies";
import { runKey } from "./RunCells";
import { type Action, LOSES, t } from "./texts";
import { toaster } from "./toaster";
import type { Run, Selected } from "./types";
import { number, taskName } from "./words";

interface Props {
  action: Action;
  runs: Run[];
  onClose: (acted: boolean) => void;
}

/** Says beforehand what will happen, asks once, and shows what came of it. */
export const ActionDialog = ({ action: asked, runs, onClose }: Props) => {
  const [action, setAction] = useState(asked);
  const words = t.actions[action];
  const able = runs.filter((run) => blocked(action, run) === null);
  const refusing = action === "resume" && runs.length > 1 ? able.filter((run) => run.newest_try?.refused === true) : [];
  const chosen = able.filter((run) => !refusing.includes(run));
  const only = runs.length === 1 ? runs[0] : undefined;
  const resumed = action === "resume" ? only : undefined;
  const foresight = useForesight(resumed);
  const [selected, setSelected] = useState<Selected>();
  const plan = usePlan(foresight.run, selected);
  const [options, setOptions] = useState<Options>({ latestVersion: false, downstream: true });
  const tasks = useAffected(action, only, options.downstream);
  const [undone, setUndone] = useState(false);
  const [busy, setBusy] = useState(false);
  const [outcomes, setOutcomes] = useState<{ run: Run; outcome: Outcome }[]>([]);
  const finished = !busy && outcomes.length > 0;
  const refuses = resumed !== undefined && plan.next?.refusal != null;
  const waits = resumed !== undefined && (foresight.run === undefined || plan.waits);
  const wrong = selected === undefined ? null : (wrongChoice(selected, foresight.run) ?? plan.error ?? null);
  const gone = resumed !== undefined && foresight.run === null && foresight.error === undefined;
  const reason =
    wrong ?? (gone ? t.action.changed : refuses && !undone ? t.plan.refuses : waits ? t.empty.loading : null);

  const confirm = async (): Promise<void> => {
    setBusy(true);
    const before = only?.takes_choices === true ? foresight.run?.selected : undefined;
    const how: Options = { ...options, selected: selected ?? (isEmpty(before) ? undefined : before) };
    if (only !== undefined) {
      const outcome = await act(action, only, how);
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
      role={LOSES[action] ? "alertdialog" : "dialog"}
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
                  <One {...{ action, foresight, plan, tasks }} run={only} outcome={outcomes[0]?.outcome}>
                    {foresight.run == null || finished ? null : (
                      <Choice run={foresight.run} value={selected ?? foresight.run.selected} onChange={setSelected} />
                    )}
                  </One>
                )}
                {refuses ? (
                  <Stack gap={2}>
                    <Remedies
                      run={resumed}
                      onAct={(other) => {
                        setSelected(undefined);
                        setAction(other);
                      }}
                    />
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
                    {able.some((run) => run.takes_note) ? (
                      <Note
                        value={options.note ?? ""}
                        onChange={(note) => {
                          setOptions({ ...options, note });
                        }}
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
                    colorPalette={LOSES[action] ? "danger" : "brand"}
                    onClick={() => void confirm()}
                    loading={busy}
                    reason={reason ?? (chosen.length === 0 && only !== undefined ? blocked(action, only) : null)}
                  >
                    {words.button}
                    {only === undefined ? ` (${number(chosen.length)})` : ""}
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

const isEmpty = (selected: Selected | undefined): boolean =>
  selected === undefined ||
  (selected.start_from === null &&
    selected.stop_after === null &&
    selected.only.length === 0 &&
    selected.force.length === 0);
