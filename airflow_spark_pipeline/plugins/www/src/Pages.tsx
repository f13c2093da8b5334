import { Box, Heading, Stack, Text } from "@chakra-ui/react";
import { useState } from "react";
import { useSearchParams } from "react-router-dom";

import { type Action, ActionDialog, RunActions } from "./Actions";
import { showDag, showTask } from "./api";
import { ListPage, Trouble } from "./ListPage";
import { Empty, Loading, Locations, PageLink } from "./parts";
import { RunTable, runKey } from "./RunTable";
import { RunView } from "./RunView";
import type { Run, TaskKey } from "./types";
import { usePolling } from "./usePolling";

/** The page of the menu: one run where the address names a task instance, else the list. */
export const NavPage = () => {
  const [params] = useSearchParams();
  const [dag_id, run_id, task_id] = ["dag_id", "run_id", "task_id"].map((name) => params.get(name));
  if (!dag_id || !run_id || !task_id) return <ListPage />;
  const map_index = Number.parseInt(params.get("map_index") ?? "-1", 10);
  return (
    <Stack gap={4} p={{ base: 3, md: 4 }}>
      <Text fontSize="sm">
        <PageLink to="/plugin/spark-pipeline">← Resumable runs</PageLink>
      </Text>
      <Task task={{ dag_id, run_id, task_id, map_index: Number.isNaN(map_index) ? -1 : map_index }} />
    </Stack>
  );
};

/** The tab of a task instance. */
export const TaskTab = ({ task }: { task: TaskKey }) => (
  <Box p={{ base: 3, md: 4 }}>
    <Task task={task} />
  </Box>
);

const Task = ({ task }: { task: TaskKey }) => {
  const { data, error, refresh } = usePolling(JSON.stringify(task), (signal) => showTask(task, signal));
  if (data === undefined) {
    return error === undefined ? <Loading /> : <Trouble error={error} known={false} onRetry={refresh} />;
  }
  return (
    <Stack gap={4}>
      {error === undefined ? null : <Trouble error={error} known onRetry={refresh} />}
      <Locations locations={data.locations} />
      {!data.is_pipeline ? (
        <Empty title="This task runs no Spark pipeline">
          Only tasks of SparkPipelineOperator have components that can be resumed.
        </Empty>
      ) : data.runs.length === 0 ? (
        <Empty title="Nothing is recorded yet">
          The task has not claimed a checkpoint in a location that this page reads. Locations of a pipeline's own have
          to stand in [spark_pipeline] checkpoint_locations.
        </Empty>
      ) : (
        data.runs.map((run) => (
          <RunView key={[run.location, run.pipeline, run.iteration].join(" ")} run={run} refresh={refresh} />
        ))
      )}
    </Stack>
  );
};

/** The tab of a DAG: the newest runs of its pipelines. */
export const DagTab = ({ dagId }: { dagId: string }) => {
  const { data, error, refresh } = usePolling(dagId, (signal) => showDag(dagId, signal));
  const [acting, setActing] = useState<{ action: Action; runs: Run[] }>();
  if (data === undefined) {
    return (
      <Box p={4}>{error === undefined ? <Loading /> : <Trouble error={error} known={false} onRetry={refresh} />}</Box>
    );
  }
  return (
    <Stack gap={4} p={{ base: 3, md: 4 }} data-testid="dag-runs">
      <Heading size="md" as="h1">
        Newest runs of this DAG&apos;s pipelines
      </Heading>
      {error === undefined ? null : <Trouble error={error} known onRetry={refresh} />}
      <Locations locations={data.locations} />
      {!data.is_pipeline ? (
        <Empty title="This DAG runs no Spark pipeline">No task of it is a SparkPipelineOperator.</Empty>
      ) : data.runs.length === 0 ? (
        <Empty title="Nothing is recorded yet">None of its newest runs has claimed a checkpoint.</Empty>
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
      {acting === undefined ? null : (
        <ActionDialog
          {...acting}
          onClose={(acted) => {
            setActing(undefined);
            if (acted) refresh();
          }}
        />
      )}
    </Stack>
  );
};
