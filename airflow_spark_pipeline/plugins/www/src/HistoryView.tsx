import { Box, Flex, HStack, Stack, Text } from "@chakra-ui/react";
import { useEffect, useState } from "react";

import { showHistory } from "./api";
import { type Column, DataTable, Narrow } from "./DataTable";
import { OneOf } from "./fields";
import { Mark, Notice, clamped } from "./parts";
import { t } from "./texts";
import { formatDuration } from "./time";
import type { History, PastRun, Run } from "./types";
import { COMPONENT_PALETTES } from "./words";

/** The last runs of the pipeline; requested once, and again when the run's state changes. The page works without them. */
export const useHistory = ({
  dag_id,
  run_id,
  task_id,
  map_index,
  pipeline,
  state,
  attempt,
}: Run): History | undefined => {
  const [found, setFound] = useState<History>();
  useEffect(() => {
    const abort = new AbortController();
    showHistory({ dag_id, run_id, task_id, map_index }, pipeline, abort.signal).then(setFound, () => undefined);
    return () => {
      abort.abort();
    };
  }, [dag_id, run_id, task_id, map_index, pipeline, state, attempt]);
  return found;
};

interface Row {
  name: string;
  seconds: number | null;
  other: number | null;
}

/** The difference of a component's duration: `+00:04:10`, `−2.3s`. */
export const change = ({ seconds, other }: Pick<Row, "seconds" | "other">): string => {
  if (seconds === null || other === null) return "–";
  const difference = seconds - other;
  if (Math.abs(difference) < 0.05) return "±0s";
  return `${difference > 0 ? "+" : "−"}${formatDuration(Math.abs(difference))}`;
};

const duration = (seconds: number | null): string => (seconds === null ? "–" : formatDuration(seconds));

/** The duration of each component in the last runs; one run is compared with usual durations, or with another run. */
export const HistoryView = ({ run, history }: { run: Run; history: History }) => {
  const [chosen, setChosen] = useState("");
  const others = history.runs.filter((each) => each.run_id !== run.run_id).reverse();
  if (others.length === 0) return <Text color="fg.muted">{t.history.none}</Text>;
  const other = others.find((each) => each.run_id === chosen);
  const rows: Row[] = history.components.map(({ name, seconds, usual_seconds }) => ({
    name,
    seconds,
    other: other === undefined ? usual_seconds : (other.seconds[name] ?? null),
  }));
  const known = history.components.some((component) => component.usual_seconds !== null);
  const columns: Column<Row>[] = [
    {
      header: t.run.name,
      cell: (row) => (
        <>
          <HStack gap={2} wrap="wrap">
            <Text fontWeight="medium" {...clamped(3)} title={row.name}>
              <bdi>{row.name}</bdi>
            </Text>
            {row.name === history.grown ? <Mark palette="up_for_retry" label={t.history.grown} /> : null}
          </HStack>
          <Narrow>
            {duration(row.seconds)} ({change(row)})
          </Narrow>
        </>
      ),
    },
    {
      header: t.history.last(history.runs.length),
      cell: (row) => <Chart name={row.name} runs={history.runs} run={run} />,
    },
    { header: t.run.duration, width: "100px", wide: true, cell: (row) => duration(row.seconds) },
    {
      header: other === undefined ? t.history.usual : other.run_id,
      width: "180px",
      wide: true,
      cell: (row) => <Other row={row} other={other} />,
    },
    { header: t.history.change, width: "110px", wide: true, cell: change },
  ];
  return (
    <Stack gap={3}>
      <Longer history={history} />
      <Flex>
        <OneOf
          label={t.history.compare}
          value={other === undefined ? "" : chosen}
          options={[["", t.history.usualOption] as const, ...others.map((each) => [each.run_id, each.run_id] as const)]}
          onChange={setChosen}
        />
        <Box flex={2} />
      </Flex>
      <DataTable columns={columns} rows={rows} keyOf={({ name }) => name} testId="history" />
      {known ? null : (
        <Text fontSize="sm" color="fg.muted">
          {t.history.few}
        </Text>
      )}
    </Stack>
  );
};

const Longer = ({ history }: { history: History }) => {
  const grown = history.components.find((component) => component.name === history.grown);
  if (grown?.seconds == null || grown.usual_seconds === null) return null;
  const seconds = formatDuration(grown.seconds - grown.usual_seconds);
  return <Notice status="info" title={t.history.longer(grown.name, seconds)} />;
};

const Other = ({ row, other }: { row: Row; other: PastRun | undefined }) => {
  const state = other?.states[row.name];
  return state === undefined || state === "done" ? (
    <>{duration(row.other)}</>
  ) : (
    <Mark palette={COMPONENT_PALETTES[state]} label={t.componentStates[state]} />
  );
};

/** A bar for each run, the oldest first; the bar of the current run is solid. */
const Chart = ({ name, runs, run }: { name: string; runs: PastRun[]; run: Run }) => {
  const longest = Math.max(...runs.map((each) => each.seconds[name] ?? 0));
  const durations = runs.map((each) => duration(each.seconds[name] ?? null)).join(", ");
  return (
    <Flex role="img" aria-label={t.history.chart(name, durations)} h="32px" gap="2px" align="end" maxW="320px">
      {runs.map((each) => {
        const seconds = each.seconds[name] ?? null;
        const share = seconds === null || longest === 0 ? 0 : (100 * seconds) / longest;
        return (
          <Box
            key={each.run_id}
            flex="1 1 4px"
            maxW="16px"
            h={`${String(share)}%`}
            minH="2px"
            borderRadius="xs"
            title={t.history.bar(each.run_id, duration(seconds))}
            opacity={each.run_id === run.run_id ? 1 : 0.45}
            colorPalette={COMPONENT_PALETTES[each.states[name] ?? "pending"]}
            bg={seconds === null && each.states[name] !== "failed" ? "bg.emphasized" : "colorPalette.solid"}
          />
        );
      })}
    </Flex>
  );
};
