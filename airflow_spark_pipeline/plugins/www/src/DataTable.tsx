import { Box, Table } from "@chakra-ui/react";
import type { ReactNode } from "react";

const ROOM = "@container tables (min-width: 820px)";
const CELLS = { "& td, & th": { verticalAlign: "top" }, "& th": { fontWeight: "normal" } };
const onlyWide = { display: "none", [ROOM]: { display: "table-cell" } };

/** Content of a hidden column, shown inside another cell. */
export const Narrow = ({ children }: { children: ReactNode }) => (
  <Box css={{ [ROOM]: { display: "none" } }} fontSize="xs" overflowWrap="anywhere">
    {children}
  </Box>
);

export interface Column<Row> {
  header: string;
  cell: (row: Row) => ReactNode;
  width?: string;
  /** Shown only if the pane, not the window, is wide enough. */
  wide?: boolean;
}

interface Props<Row> {
  columns: Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  testId: string;
}

/** A table whose columns keep their widths, whatever they contain. */
export const DataTable = <Row,>({ columns, rows, keyOf, testId }: Props<Row>) => (
  <Box css={{ containerType: "inline-size", containerName: "tables" }} w="full">
    <Table.Root size="sm" striped tableLayout="fixed" w="full" css={CELLS}>
      <Table.Header>
        <Table.Row>
          {columns.map(({ header, width, wide }) => (
            <Table.ColumnHeader
              key={header}
              {...(width === undefined ? {} : { w: width })}
              {...(wide === true ? { css: onlyWide } : {})}
            >
              {header}
            </Table.ColumnHeader>
          ))}
        </Table.Row>
      </Table.Header>
      <Table.Body>
        {rows.map((row) => (
          <Table.Row key={keyOf(row)} data-testid={testId}>
            {columns.map(({ header, cell, wide }) => (
              <Table.Cell key={header} overflowWrap="anywhere" {...(wide === true ? { css: onlyWide } : {})}>
                {cell(row)}
              </Table.Cell>
            ))}
          </Table.Row>
        ))}
      </Table.Body>
    </Table.Root>
  </Box>
);
