import { Box } from "@chakra-ui/react";

// Airflow does not share its icons with plugins.
const PATHS: Record<string, string> = {
  success: "M3 8.5 6.5 12 13 4.5",
  failed: "M4 4l8 8M12 4l-8 8",
  running: "M5 3.5v9l7.5-4.5z",
  queued: "M8 3v5l3 2M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z",
  up_for_retry: "M8 4.5v4M8 11.2v.3M8 1.8 1.5 13.5h13z",
  removed: "M4 8h8",
  skipped: "M4 4l4 4-4 4M9 4l4 4-4 4",
  deferred: "M4 5h8l-2-2M12 11H4l2 2",
};

/** The icon of a state, next to its name. In dark mode, some colors of states are too close to their backgrounds. */
export const StateIcon = ({ palette }: { palette: string }) => (
  <Box asChild color={{ base: "colorPalette.solid", _dark: "inherit" }} flexShrink={0}>
    <svg aria-hidden width="12" height="12" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="2.2">
      <path d={PATHS[palette] ?? PATHS["queued"]} strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  </Box>
);

const SORTS = {
  ascending: "M3.5 10 8 4.5 12.5 10z",
  descending: "M3.5 6 8 11.5 12.5 6z",
  none: "M3.5 6.8 8 1.8 12.5 6.8zM3.5 9.2 8 14.2 12.5 9.2z",
};

export const SortIcon = ({ direction }: { direction: keyof typeof SORTS }) => (
  <svg
    aria-hidden
    width="13"
    height="13"
    viewBox="0 0 16 16"
    fill="currentColor"
    stroke="currentColor"
    strokeWidth="1.2"
  >
    <path d={SORTS[direction]} strokeLinecap="round" strokeLinejoin="round" />
  </svg>
);

export const ColumnsIcon = () => (
  <svg aria-hidden width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6">
    <path d="M2 3h12v10H2zM6 3v10M10 3v10" strokeLinejoin="round" />
  </svg>
);

/** An arrow to the next or the previous page, in the direction of reading. */
export const PageIcon = ({ to }: { to: "next" | "previous" }) => (
  <Box asChild css={{ "[dir=rtl] &": { transform: "scaleX(-1)" } }}>
    <svg aria-hidden width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6">
      <path d={to === "next" ? "M6 3l5 5-5 5" : "M10 3 5 8l5 5"} strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  </Box>
);
