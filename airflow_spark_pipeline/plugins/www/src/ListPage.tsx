import { Box, Button, Flex, HStack, Heading, Input, NativeSelect, Stack, Text } from "@chakra-ui/react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router-dom";

import { type Action, ActionDialog, RunActions, WORDS, blocked } from "./Actions";
import { ApiError, listRuns } from "./api";
import { Empty, Loading, Locations, Notice } from "./parts";
import { RunTable, runKey } from "./RunTable";
import type { Run, RunList, RunState } from "./types";
import { usePolling } from "./usePolling";
import { RUN_STATES, plural } from "./words";

const PAGE_SIZE = 25;
const FILTERS = ["q", "dag_id", "pipeline", "state"];
const UNFINISHED: RunState[] = ["running", "submitted", "failed", "dead", "unreadable"];
/** These are listed where they are asked for; how many there are is not known before. */
const ENDED: RunState[] = ["completed", "discarded"];

/** The question for the server, from the page's address. */
export const question = (params: URLSearchParams): URLSearchParams => {
  const asked = new URLSearchParams();
  for (const name of [...FILTERS, "order_by"]) {
    const value = params.get(name);
    if (value !== null && value !== "") asked.set(name, value);
  }
  const page = Math.max(1, Number.parseInt(params.get("page") ?? "1", 10) || 1);
  asked.set("limit", String(PAGE_SIZE));
  asked.set("offset", String((page - 1) * PAGE_SIZE));
  return asked;
};

/** All unfinished runs that the user may see. */
export const ListPage = () => {
  const [params, setParams] = useSearchParams();
  const asked = question(params);
  const { data, error, stale, refresh } = usePolling(asked.toString(), (signal) => listRuns(asked, signal));
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [acting, setActing] = useState<{ action: Action; runs: Run[] }>();

  const change = (name: string, value: string | null): void => {
    setParams(
      (known) => {
        const changed = new URLSearchParams(known);
        if (value === null || value === "") changed.delete(name);
        else changed.set(name, value);
        if (name !== "page") changed.delete("page");
        return changed;
      },
      { replace: name === "q" },
    );
    setSelected(new Set());
  };
  const clearFilters = (): void => {
    setParams(new URLSearchParams());
  };
  const onAct = (action: Action, runs: Run[]): void => {
    setActing({ action, runs });
  };
  const chosen = data?.runs.filter((run) => selected.has(runKey(run))) ?? [];

  return (
    <Stack gap={4} p={{ base: 3, md: 4 }} data-testid="resumable-runs">
      <Box>
        <Heading size="lg" as="h1">
          Resumable runs
        </Heading>
        <Text color="fg.muted">
          Spark pipelines that did not finish. Resume one, and it goes on at the component that is not done.
        </Text>
      </Box>
      {error === undefined ? null : <Trouble error={error} known={data !== undefined} onRetry={refresh} />}
      {data === undefined ? (
        error === undefined ? (
          <Loading />
        ) : null
      ) : (
        <>
          <Locations locations={data.locations} />
          <FilterBar params={params} list={data} change={change} />
          {data.visible === 0 ? (
            ENDED.some((state) => state === params.get("state")) ? (
              <Empty title="No run that ended is recorded" />
            ) : (
              <Nothing list={data} />
            )
          ) : (
            <>
              {chosen.length === 0 ? null : <Bulk runs={chosen} onAct={onAct} clear={() => setSelected(new Set())} />}
              <Box opacity={stale ? 0.6 : 1} transition="opacity 0.15s" overflowX="auto">
                {data.runs.length === 0 ? (
                  <Empty title="No run matches these filters">
                    <Button size="sm" variant="outline" onClick={clearFilters} mt={2}>
                      Clear the filters
                    </Button>
                  </Empty>
                ) : (
                  <RunTable
                    runs={data.runs}
                    selected={selected}
                    onSelect={setSelected}
                    actions={(run) => <RunActions run={run} onAct={onAct} />}
                    header={(column, label) => (
                      <Sorter column={column} label={label} current={params.get("order_by")} change={change} />
                    )}
                  />
                )}
              </Box>
              <Pages total={data.total} params={params} change={change} />
            </>
          )}
        </>
      )}
      {acting === undefined ? null : (
        <ActionDialog
          {...acting}
          onClose={(acted) => {
            setActing(undefined);
            if (!acted) return;
            setSelected(new Set());
            refresh();
          }}
        />
      )}
    </Stack>
  );
};

export const Trouble = ({ error, known, onRetry }: { error: Error; known: boolean; onRetry: () => void }) => {
  const forbidden = error instanceof ApiError && (error.status === 401 || error.status === 403);
  if (forbidden)
    return (
      <Notice status="warning" title="You may not see this">
        {error.message}
      </Notice>
    );
  return (
    <Notice status="error" title={known ? "What is shown may be old" : "This could not be loaded"} onRetry={onRetry}>
      {error.message}
    </Notice>
  );
};

const Nothing = ({ list }: { list: RunList }) => {
  const readable = list.locations.filter((location) => location.state === "ok");
  if (list.locations.some((location) => location.state === "loading")) return <Loading />;
  if (readable.length === 0) return null; // what is wrong stands above
  return (
    <Empty title="Nothing to resume">
      {readable.some((location) => location.temporary)
        ? "No checkpoint location is configured ([spark_pipeline] checkpoint_location), so only this machine's folder for trying out was looked at."
        : `Every pipeline that you may see has finished. Looked at: ${readable.map((location) => location.name).join(", ")}.`}
    </Empty>
  );
};

interface Changing {
  params: URLSearchParams;
  change: (name: string, value: string | null) => void;
}

const FilterBar = ({ params, list, change }: Changing & { list: RunList }) => {
  const state = params.get("state");
  return (
    <Flex gap={2} wrap="wrap" align="center">
      <Search value={params.get("q") ?? ""} change={change} />
      <Choice name="dag_id" label="All DAGs" values={list.dag_ids} params={params} change={change} />
      <Choice name="pipeline" label="All pipelines" values={list.pipelines} params={params} change={change} />
      <HStack gap={1} role="group" aria-label="State" wrap="wrap">
        {[...UNFINISHED.filter((each) => (list.counts[each] ?? 0) > 0 || each === state), ...ENDED].map((each) => (
          <Button
            key={each}
            size="xs"
            variant={each === state ? "solid" : "outline"}
            colorPalette={each === state ? RUN_STATES[each].palette : "gray"}
            aria-pressed={each === state}
            title={RUN_STATES[each].help}
            onClick={() => {
              change("state", each === state ? null : each);
            }}
          >
            {RUN_STATES[each].label} {ENDED.includes(each) && each !== state ? "" : (list.counts[each] ?? 0)}
          </Button>
        ))}
      </HStack>
    </Flex>
  );
};

const Search = ({ value, change }: { value: string; change: Changing["change"] }) => {
  const [text, setText] = useState(value);
  const latest = useRef(change);
  // What was written into the address and has not been seen there yet: it may arrive after the next key.
  const written = useRef<string[]>([]);
  const shown = useRef(value);
  useEffect(() => {
    latest.current = change;
  });
  useEffect(() => {
    if (value === shown.current) return;
    shown.current = value;
    const own = written.current.indexOf(value);
    written.current = own < 0 ? [] : written.current.slice(own + 1);
    if (own < 0) setText(value); // the address changed some other way (back, a link)
  }, [value]);
  useEffect(() => {
    if (text === (written.current.at(-1) ?? shown.current)) return;
    const timer = setTimeout(() => {
      written.current.push(text);
      latest.current("q", text);
    }, 300);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  return (
    <Input
      size="sm"
      maxW={{ base: "full", md: "260px" }}
      type="search"
      placeholder="Search runs"
      aria-label="Search by DAG, run, task, pipeline or error"
      value={text}
      onChange={(event) => {
        setText(event.target.value);
      }}
    />
  );
};

const Choice = ({
  name,
  label,
  values,
  params,
  change,
}: Changing & { name: string; label: string; values: string[] }) => {
  const value = params.get(name) ?? "";
  const known = value === "" || values.includes(value) ? values : [value, ...values];
  return (
    <NativeSelect.Root size="sm" w="auto" maxW={{ base: "full", md: "240px" }}>
      <NativeSelect.Field
        aria-label={label}
        value={value}
        onChange={(event) => {
          change(name, event.target.value);
        }}
      >
        <option value="">{label}</option>
        {known.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </NativeSelect.Field>
      <NativeSelect.Indicator />
    </NativeSelect.Root>
  );
};

interface BulkProps {
  runs: Run[];
  onAct: (action: Action, runs: Run[]) => void;
  clear: () => void;
}

const Bulk = ({ runs, onAct, clear }: BulkProps) => (
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
    aria-label="Actions for the selection"
  >
    <Text fontSize="sm">{plural(runs.length, "run")} selected</Text>
    {(["resume", "start-over", "discard"] as const).map((action) => {
      const able = runs.filter((run) => blocked(action, run) === null).length;
      const reason = runs.map((run) => blocked(action, run)).find((each) => each !== null);
      return (
        <Button
          key={action}
          size="xs"
          variant="outline"
          disabled={able === 0}
          {...(able === 0 && reason !== undefined ? { title: reason } : {})}
          onClick={() => {
            onAct(action, runs);
          }}
        >
          {WORDS[action].label}
          {able < runs.length && able > 0 ? ` (${String(able)})` : ""}
        </Button>
      );
    })}
    <Button size="xs" variant="ghost" onClick={clear}>
      Clear the selection
    </Button>
  </Flex>
);

interface SorterProps {
  column: string;
  label: string;
  current: string | null;
  change: Changing["change"];
}

const Sorter = ({ column, label, current, change }: SorterProps): ReactNode => {
  const order = current ?? "-started_at";
  const direction = order === column ? "ascending" : order === `-${column}` ? "descending" : undefined;
  return (
    <Button
      size="xs"
      variant="plain"
      px={0}
      h="auto"
      fontWeight="bold"
      color="inherit"
      aria-label={`${label}${direction === undefined ? "" : `, sorted ${direction}`}`}
      onClick={() => {
        change("order_by", direction === "descending" ? column : `-${column}`);
      }}
    >
      {label} {direction === undefined ? "" : direction === "ascending" ? "↑" : "↓"}
    </Button>
  );
};

const Pages = ({ total, params, change }: Changing & { total: number }) => {
  const page = Math.max(1, Number.parseInt(params.get("page") ?? "1", 10) || 1);
  const last = Math.max(1, Math.ceil(total / PAGE_SIZE));
  if (total === 0) return null;
  return (
    <HStack justify="space-between" fontSize="sm" color="fg.muted">
      <Text data-testid="total">{plural(total, "run")}</Text>
      {last === 1 ? null : (
        <HStack as="nav" aria-label="Pages">
          <Button size="xs" variant="outline" disabled={page <= 1} onClick={() => change("page", String(page - 1))}>
            Previous
          </Button>
          <Text>
            {page} of {last}
          </Text>
          <Button size="xs" variant="outline" disabled={page >= last} onClick={() => change("page", String(page + 1))}>
            Next
          </Button>
        </HStack>
      )}
    </HStack>
  );
};
