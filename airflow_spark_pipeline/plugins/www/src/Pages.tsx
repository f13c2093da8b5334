import { Box, HStack, Heading, Stack, Text } from "@chakra-ui/react";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "react-router-dom";

import { ActionDialog } from "./ActionDialog";
import { runQuery, showDag, showTask } from "./api";
import { LAST_LIST, ListPage, keepFocus } from "./ListPage";
import { Paging, SMALLEST } from "./Paging";
import { Empty, Loading, Locations, PageLink, Trouble, useDocumentTitle } from "./parts";
import { RunActions } from "./RunActions";
import { runKey } from "./RunCells";
import { RunTable } from "./RunTable";
import { RunView } from "./RunView";
import { type Action, t } from "./texts";
import { Toaster } from "./toaster";
import type { Location, Run, TaskKey } from "./types";
import { usePolling } from "./usePolling";

const LIST = "/plugin/spark-pipeline";

/** The page of the menu: one run where the address names a task instance, otherwise the list. */
export const NavPage = () => {
  const [params] = useSearchParams();
  const [dag_id, run_id, task_id] = ["dag_id", "run_id", "task_id"].map((name) => params.get(name));
  if (!dag_id || !run_id || !task_id) return <ListPage />;
  const map_index = Number.parseInt(params.get("map_index") ?? "-1", 10);
  const task = { dag_id, run_id, task_id, map_index: Number.isNaN(map_index) ? -1 : map_index };
  return (
    <Stack gap={4} p={3}>
      <HStack as="nav" aria-label={t.run.breadcrumb} fontSize="sm" align="baseline">
        <PageLink to={LIST + (sessionStorage.getItem(LAST_LIST) ?? "")}>{t.page.title}</PageLink>
        <Text aria-hidden>/</Text>
        <Text minW={0} overflowWrap="anywhere" aria-current="page">
          <bdi>{task_id}</bdi>
        </Text>
      </HStack>
      <Task key={runQuery(task)} task={task} titled />
    </Stack>
  );
};

/**
 * The tab of a task instance: Airflow's own header already names it. Another task instance gets another component:
 * Airflow keeps this one mounted, and the first run would stay below the second one's header until its answer is there.
 */
export const TaskTab = ({ task }: { task: TaskKey }) => (
  <Box p={3}>
    <Task key={runQuery(task)} task={task} />
  </Box>
);

const Task = ({ task, titled = false }: { task: TaskKey; titled?: boolean }) => {
  const { data, error, refresh } = usePolling(JSON.stringify(task), (signal) => showTask(task, signal));
  useDocumentTitle(data?.runs[0]?.pipeline ?? task.task_id);
  if (data === undefined) {
    return error === undefined ? <Loading /> : <Trouble error={error} known={false} onRetry={refresh} />;
  }
  return (
    <Stack gap={4}>
      <Toaster />
      {error === undefined ? null : <Trouble error={error} known onRetry={refresh} />}
      <Locations locations={data.locations} />
      {!data.exists && data.runs.length === 0 ? (
        <Empty title={t.empty.noRun}>{t.empty.noRunHelp}</Empty>
      ) : !data.is_pipeline ? (
        <Empty title={t.empty.noPipelineTask}>{t.empty.onlyOurs}</Empty>
      ) : data.runs.length === 0 ? (
        <Unrecorded locations={data.locations}>{t.empty.noRecordTask}</Unrecorded>
      ) : (
        data.runs.map((run) => (
          <RunView
            key={[run.location, run.pipeline, run.iteration].join(" ")}
            run={run}
            refresh={refresh}
            titled={titled}
          />
        ))
      )}
    </Stack>
  );
};

/** Says that nothing is recorded, unless a location did not answer: that is said above. */
const Unrecorded = ({ locations, children }: { locations: Location[]; children: ReactNode }) =>
  locations.every(({ state }) => state === "ok" || state === "missing") ? (
    <Empty title={t.empty.noRecord}>{children}</Empty>
  ) : null;

/** The tab of a Dag: the newest runs of its pipelines. */
export const DagTab = ({ dagId }: { dagId: string }) => {
  const [page, setPage] = useState(1);
  const [size, setSize] = useState(SMALLEST);
  const { data, error, refresh } = usePolling(`${dagId} ${String(page)} ${String(size)}`, (signal) =>
    showDag(dagId, size, (page - 1) * size, signal),
  );
  const [acting, setActing] = useState<{ action: Action; runs: Run[] }>();
  useDocumentTitle(`${data?.runs[0]?.dag_display_name ?? dagId}: ${t.page.dagTitle}`);
  if (data === undefined) {
    return (
      <Box p={4}>{error === undefined ? <Loading /> : <Trouble error={error} known={false} onRetry={refresh} />}</Box>
    );
  }
  return (
    <Stack gap={4} p={3} data-testid="dag-runs">
      <Toaster />
      <Heading size="md" as="h1" tabIndex={-1} id="spark-pipeline-heading">
        {t.page.dagTitle}
      </Heading>
      {error === undefined ? null : <Trouble error={error} known onRetry={refresh} />}
      <Locations locations={data.locations} />
      {!data.exists ? (
        <Empty title={t.empty.noDag}>{t.empty.noDagHelp}</Empty>
      ) : !data.is_pipeline ? (
        <Empty title={t.empty.noPipelineDag}>{t.empty.noOurs}</Empty>
      ) : data.runs.length === 0 ? (
        <Unrecorded locations={data.locations}>{t.empty.noRecordDag}</Unrecorded>
      ) : (
        <RunTable
          runs={data.runs}
          actions={(run) =>
            run.state === "completed" || run.state === "discarded" ? null : (
              <RunActions
                key={runKey(run)}
                run={run}
                onAct={(action, runs) => {
                  setActing({ action, runs });
                }}
              />
            )
          }
        />
      )}
      <Paging
        page={page}
        size={size}
        total={data.total}
        onPage={setPage}
        onSize={(changed) => {
          setSize(changed);
          setPage(1);
        }}
      />
      {acting === undefined ? null : (
        <ActionDialog
          {...acting}
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
