import { Button, Flex, Text } from "@chakra-ui/react";
import { useEffect, useRef, useState } from "react";

import { blocked } from "./act";
import { listAll } from "./api";
import { ReasonedButton } from "./parts";
import { type Selected, runKey } from "./RunCells";
import { type Action, t } from "./texts";
import { toaster } from "./toaster";
import type { Run } from "./types";
import { number } from "./words";

interface BulkProps {
  runs: Run[];
  total: number;
  asked: URLSearchParams;
  onAct: (action: Action, runs: Run[]) => void;
  setSelected: (selected: Selected) => void;
}

/** The number of selected runs, and the actions for all of them. */
export const Bulk = ({ runs, total, asked, onAct, setSelected }: BulkProps) => {
  const [collecting, setCollecting] = useState(false);
  const collection = useRef<AbortController>(undefined);
  const query = asked.toString();
  // Another filter starts a new selection: what matched the old one must not come back.
  useEffect(
    () => () => {
      collection.current?.abort();
    },
    [query],
  );
  const selectAll = async (): Promise<void> => {
    const { signal } = (collection.current = new AbortController());
    setCollecting(true);
    try {
      const found = await listAll(asked, signal);
      if (!signal.aborted) setSelected(new Map(found.map((run) => [runKey(run), run])));
    } catch (error) {
      if (!signal.aborted) toaster.create({ type: "error", title: t.trouble.failed, description: String(error) });
    }
    setCollecting(false);
  };
  return (
    <Flex
      gap={2}
      align="center"
      wrap="wrap"
      borderWidth={1}
      borderRadius="md"
      px={3}
      py={2}
      bg="bg.subtle"
      role="toolbar"
      aria-label={t.selection.toolbar}
    >
      <Text fontSize="sm">{t.selection.selected(runs.length)}</Text>
      {runs.length >= total ? null : (
        <Button
          size="xs"
          variant="plain"
          color="fg.info"
          loading={collecting}
          loadingText={t.selection.collecting}
          onClick={() => void selectAll()}
        >
          {t.selection.all(total)}
        </Button>
      )}
      {(["resume", "start-over", "discard"] as const).map((action) => {
        const able = runs.filter((run) => blocked(action, run) === null).length;
        const reason =
          able > 0 ? null : (runs.map((run) => blocked(action, run)).find((each) => each !== null) ?? null);
        return (
          <ReasonedButton
            key={action}
            variant="outline"
            reason={reason}
            onClick={() => {
              onAct(action, runs);
            }}
          >
            {t.actions[action].label}
            {able < runs.length && able > 0 ? ` (${number(able)})` : ""}
          </ReasonedButton>
        );
      })}
      <Button
        size="xs"
        variant="ghost"
        onClick={() => {
          setSelected(new Map());
        }}
      >
        {t.selection.clear}
      </Button>
    </Flex>
  );
};
