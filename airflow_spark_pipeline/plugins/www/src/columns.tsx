import { IconButton, Menu, Portal } from "@chakra-ui/react";
import { useState } from "react";

import { ColumnsIcon } from "./icons";
import { t } from "./texts";

/** The columns of the list that can be hidden, each with its key in `t.columns`. */
const COLUMNS = {
  state: "state",
  dag_id: "dag",
  progress: "progress",
  attempt: "attempt",
  started_at: "started",
  saved_seconds: "saved",
} as const;
export type Column = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as Column[];

const KEY = "spark-pipeline.hidden-columns";

const stored = (): ReadonlySet<Column> => {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return new Set(Array.isArray(found) ? NAMES.filter((name) => found.includes(name)) : []);
  } catch {
    return new Set(); // not JSON, or the browser keeps nothing
  }
};

/** The columns that the user has hidden in this browser, and how to hide or show one. */
export const useHiddenColumns = (): [hidden: ReadonlySet<Column>, toggle: (column: Column) => void] => {
  const [hidden, setHidden] = useState(stored);
  const toggle = (column: Column): void => {
    const changed = new Set(hidden);
    if (!changed.delete(column)) changed.add(column);
    setHidden(changed);
    try {
      localStorage.setItem(KEY, JSON.stringify([...changed]));
    } catch {
      // the browser stores nothing: the choice lasts until the user leaves the page
    }
  };
  return [hidden, toggle];
};

interface Props {
  hidden: ReadonlySet<Column>;
  toggle: (column: Column) => void;
}

/** The menu of columns, as in Airflow's own tables. */
export const ColumnChooser = ({ hidden, toggle }: Props) => (
  <Menu.Root closeOnSelect={false} positioning={{ placement: "bottom-end" }}>
    <Menu.Trigger asChild>
      <IconButton
        size="2xs"
        variant="ghost"
        minW="24px"
        minH="24px"
        aria-label={t.columns.choose}
        title={t.columns.choose}
      >
        <ColumnsIcon />
      </IconButton>
    </Menu.Trigger>
    <Portal>
      <Menu.Positioner>
        <Menu.Content>
          {NAMES.map((column) => (
            <Menu.CheckboxItem
              key={column}
              value={column}
              checked={!hidden.has(column)}
              onCheckedChange={() => {
                toggle(column);
              }}
            >
              <Menu.ItemIndicator />
              {t.columns[COLUMNS[column]]}
            </Menu.CheckboxItem>
          ))}
        </Menu.Content>
      </Menu.Positioner>
    </Portal>
  </Menu.Root>
);
