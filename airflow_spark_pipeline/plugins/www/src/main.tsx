import { ChakraProvider, defaultSystem, type SystemContext } from "@chakra-ui/react";

import { DagTab, NavPage, TaskTab } from "./Pages";
import { useLanguage } from "./language";
import { Loading } from "./parts";
import { Settled } from "./Settled";

declare global {
  var ChakraUISystem: SystemContext | undefined; // Airflow 3.1 does not share it
}

/** What Airflow passes to a plugin's tab; nothing to a page of the menu. */
interface Props {
  dagId?: string;
  runId?: string;
  taskId?: string;
  mapIndex?: string;
}

const Place = ({ dagId, runId, taskId, mapIndex }: Props) => {
  if (dagId === undefined) return <NavPage />;
  if (runId === undefined || taskId === undefined) return <DagTab key={dagId} dagId={dagId} />;
  const index = Number.parseInt(mapIndex ?? "-1", 10);
  return (
    <TaskTab task={{ dag_id: dagId, run_id: runId, task_id: taskId, map_index: Number.isNaN(index) ? -1 : index }} />
  );
};

const Plugin = (props: Props) => {
  const language = useLanguage();
  return (
    <ChakraProvider value={globalThis.ChakraUISystem ?? defaultSystem}>
      <Settled>{language === undefined ? <Loading /> : <Place {...props} />}</Settled>
    </ChakraProvider>
  );
};

// Airflow takes the component from `AirflowPlugin` when it loads the bundle, and never again: on the way from one place
// to another the module is in the browser's cache and not run, so each place finds it under its own name as well.
for (const name of ["AirflowPlugin", "Resumable Runs", "Spark Pipelines", "Spark Pipeline"]) {
  (globalThis as Record<string, unknown>)[name] = Plugin;
}
