import { NativeSelect } from "@chakra-ui/react";

import { t } from "./texts";

export const NEWEST_FIRST = "-started_at";

interface Props {
  order: string;
  onSort: (order: string) => void;
}

/** Sorts where there are cards instead of a table, whose headers do it. */
export const Sorting = ({ order, onSort }: Props) => {
  const columns = {
    started_at: t.columns.started,
    state: t.columns.state,
    pipeline: t.columns.pipeline,
    dag_id: t.columns.dag,
    attempt: t.columns.attempt,
    saved_seconds: t.columns.saved,
  };
  return (
    <NativeSelect.Root size="xs" w="auto" maxW="full">
      <NativeSelect.Field
        aria-label={t.columns.sortBy}
        value={order}
        onChange={(event) => {
          onSort(event.target.value);
        }}
      >
        {Object.entries(columns).flatMap(([column, label]) =>
          (["-", ""] as const).map((sign) => (
            <option key={sign + column} value={sign + column}>
              {label} {sign === "-" ? "▼" : "▲"}
            </option>
          )),
        )}
      </NativeSelect.Field>
      <NativeSelect.Indicator />
    </NativeSelect.Root>
  );
};
