import { Box, Button, Checkbox, Flex, HStack, Heading, Progress, Stack } from "@chakra-ui/react";
import { useEffect, useState } from "react";
import { useLocation, useSearchParams } from "react-router-dom";

import { ActionDialog } from "./ActionDialog";
import { listRuns } from "./api";
import { Bulk } from "./Bulk";
import { type Changing, ENDED, FILTERS, FilterBar } from "./Filters";
import { SortIcon } from "./icons";
import { Paging, SIZES, SMALLEST } from "./Paging";
import { Empty, Loading, Locations, Trouble, useDocumentTitle } from "./parts";
import { RunActions } from "./RunActions";
import { type Selected, runKey } from "./RunCells";
import { RunTable } from "./RunTable";
import { NEWEST_FIRST, Sorting } from "./Sorting";
import { type Action, t } from "./texts";
import { Toaster } from "./toaster";
import type { Run, RunList } from "./types";
import { usePolling } from "./usePolling";

/** The filters, sort order and page of the last list, for the way back from a run. */
export const LAST_LIST = "spark-pipeline.list";

const ASKED = ["q", ...FILTERS, "order_by"];
/** In place of a name: all filters and the sort order. Two changes in a row would both start from the old address. */
const ALL = "*";

const pageOf = (params: URLSearchParams): number => Math.max(1, Number.parseInt(params.get("page") ?? "1", 10) || 1);
const sizeOf = (params: URLSearchParams): number => {
  const size = Number(params.get("size"));
  return SIZES.includes(size) ? size : SMALLEST;
};

/** The query for the server, from the page's address. */
export const question = (params: URLSearchParams): URLSearchParams => {
  const asked = new URLSearchParams();
  for (const name of ASKED) {
    const value = params.get(name);
    if (value !== null && value !== "") asked.set(name, value);
  }
  if (params.get("group") === "dag_run") asked.set("order_by", "dag_id");
  asked.set("limit", String(sizeOf(params)));
  asked.set("offset", String((pageOf(params) - 1) * sizeOf(params)));
  return asked;
};

/** All unfinished runs that the user may see. */
export const ListPage = () => {
  const [params, setParams] = useSearchParams();
  const asked = question(params);
  const { data, error, stale, refresh } = usePolling(asked.toString(), (signal) => listRuns(asked, signal));
  const [selected, setSelected] = useState<Selected>(new Map());
  const [acting, setActing] = useState<{ action: Action; runs: Run[] }>();
  useDocumentTitle(t.page.title);
  const { search } = useLocation();
  useEffect(() => {
    sessionStorage.setItem(LAST_LIST, search);
  }, [search]);

  const change = (name: string, value: string | null): void => {
    setParams(
      (known) => {
        const changed = new URLSearchParams(known);
        if (name === "") for (const each of ["q", ...FILTERS]) changed.delete(each);
        else if (name === ALL) for (const each of ASKED) changed.delete(each);
        else if (value === null || value === "") changed.delete(name);
        else changed.set(name, value);
        if (name === "order_by") changed.delete("group"); // a group has its own order
        if (name !== "page") changed.delete("page");
        return changed;
      },
      { replace: name === "q" },
    );
    // Paging, sorting and grouping keep the selection; another filter starts a new one.
    if (!["page", "size", "order_by", "group"].includes(name)) setSelected(new Map());
  };
  const onAct = (action: Action, runs: Run[]): void => {
    setActing({ action, runs });
  };
  // The selected runs as they were last seen.
  const seen = new Map(data?.runs.map((run) => [runKey(run), run]));
  const chosen = [...selected].map(([key, run]) => seen.get(key) ?? run);

  const heading = (
    <Heading size="md" as="h1" tabIndex={-1} id="spark-pipeline-heading" data-testid="total">
      {data === undefined ? t.page.title : t.page.heading(data.total)}
    </Heading>
  );

  return (
    <Stack gap={4} p={3} data-testid="resumable-runs">
      <Toaster />
      {error === undefined ? null : <Trouble error={error} known={data !== undefined} onRetry={refresh} />}
      {data === undefined ? (
        error === undefined ? (
          <>
            {heading}
            <Loading />
          </>
        ) : (
          <>
            {heading}
            <ClearFilters params={params} change={change} />
          </>
        )
      ) : (
        <>
          <Locations locations={data.locations} />
          <Flex gap={3} wrap="wrap" align="center" justify="space-between">
            <FilterBar params={params} list={data} change={change} />
            <Checkbox.Root
              size="sm"
              colorPalette="brand"
              minH="24px"
              checked={params.get("group") === "dag_run"}
              onCheckedChange={(changed) => {
                change("group", changed.checked === true ? "dag_run" : null);
              }}
            >
              <Checkbox.HiddenInput />
              <Checkbox.Control />
              <Checkbox.Label>{t.filters.group}</Checkbox.Label>
            </Checkbox.Root>
          </Flex>
          {heading}
          <Runs {...{ data, params, change, stale, selected, setSelected, chosen, onAct, asked }} />
        </>
      )}
      {acting === undefined ? null : (
        <ActionDialog
          {...acting}
          onClose={(acted) => {
            setActing(undefined);
            if (!acted) return;
            setSelected(new Map());
            refresh();
            keepFocus();
          }}
        />
      )}
    </Stack>
  );
};

/** The element that opened the dialog may be gone or disabled: then the heading gets the focus. */
export const keepFocus = (): void => {
  setTimeout(() => {
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (lost) document.getElementById("spark-pipeline-heading")?.focus();
  }, 150);
};

const ClearFilters = ({ params, change }: Changing) =>
  ASKED.some((name) => params.has(name)) ? (
    <Button
      size="sm"
      variant="outline"
      alignSelf="flex-start"
      onClick={() => {
        change(ALL, null);
      }}
    >
      {t.filters.clear}
    </Button>
  ) : null;

interface RunsProps extends Changing {
  data: RunList;
  stale: boolean;
  selected: Selected;
  setSelected: (selected: Selected) => void;
  chosen: Run[];
  onAct: (action: Action, runs: Run[]) => void;
  asked: URLSearchParams;
}

const Runs = ({ data, params, change, stale, selected, setSelected, chosen, onAct, asked }: RunsProps) => {
  if (data.visible === 0) {
    return ENDED.some((state) => state === params.get("state")) ? (
      <Empty title={t.empty.noEnded} />
    ) : (
      <Nothing list={data} />
    );
  }
  const page = pageOf(params);
  return (
    <>
      {chosen.length === 0 ? null : <Bulk runs={chosen} total={data.total} {...{ asked, onAct, setSelected }} />}
      <Box aria-busy={stale}>
        <Waiting visible={stale} />
        {data.runs.length === 0 ? (
          <Empty title={data.total > 0 ? t.filters.noPage(page) : t.filters.none}>
            <Button
              size="sm"
              variant="outline"
              mt={2}
              onClick={() => {
                if (data.total > 0) change("page", null);
                else change("", null);
              }}
            >
              {data.total > 0 ? t.filters.firstPage : t.filters.clear}
            </Button>
          </Empty>
        ) : (
          <RunTable
            runs={data.runs}
            selected={selected}
            onSelect={setSelected}
            grouped={params.get("group") === "dag_run"}
            actions={(run) => (ENDED.includes(run.state) ? null : <RunActions run={run} onAct={onAct} />)}
            header={(column, label) => sorter(column, label, params, change)}
            sorting={
              <Sorting
                order={question(params).get("order_by") ?? NEWEST_FIRST}
                onSort={(order) => {
                  change("order_by", order);
                }}
              />
            }
          />
        )}
      </Box>
      <Paging
        page={Math.min(page, Math.max(1, Math.ceil(data.total / sizeOf(params))))}
        size={sizeOf(params)}
        total={data.total}
        onPage={(wanted) => {
          change("page", String(wanted));
        }}
        onSize={(size) => {
          change("size", size === SMALLEST ? null : String(size));
        }}
      />
    </>
  );
};

/** Airflow's progress bar above a table that waits for its next answer; the old rows can still be read. */
const Waiting = ({ visible }: { visible: boolean }) => (
  <Progress.Root value={null} size="xs" visibility={visible ? "visible" : "hidden"} aria-label={t.empty.loading}>
    <Progress.Track>
      <Progress.Range />
    </Progress.Track>
  </Progress.Root>
);

const Nothing = ({ list }: { list: RunList }) => {
  const readable = list.locations.filter((location) => location.state === "ok");
  if (list.locations.some((location) => location.state === "loading")) return <Loading />;
  if (readable.length === 0) return null; // what is wrong is said above
  return (
    <Empty title={t.empty.nothing}>
      {t.page.about}{" "}
      {readable.some((location) => location.temporary)
        ? t.empty.unconfigured
        : t.empty.allFinished(readable.map((location) => location.name).join(", "))}
    </Empty>
  );
};

const sorter = (column: string, label: string, params: URLSearchParams, change: Changing["change"]) => {
  const order = question(params).get("order_by") ?? NEWEST_FIRST;
  const sort = order === column ? "ascending" : order === `-${column}` ? "descending" : "none";
  const content = (
    <Button
      size="xs"
      variant="plain"
      px={0}
      h="auto"
      minH="24px"
      fontWeight="normal"
      fontSize="sm"
      color="inherit"
      whiteSpace="normal"
      textAlign="start"
      title={`${t.columns.sortBy} ${label}`}
      onClick={() => {
        change("order_by", sort === "descending" ? column : `-${column}`);
      }}
    >
      <HStack gap={1}>
        {label}
        <SortIcon direction={sort} />
      </HStack>
    </Button>
  );
  return { content, sort } as const;
};
