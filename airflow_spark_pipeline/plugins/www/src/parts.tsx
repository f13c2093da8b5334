import {
  Alert,
  Badge,
  Box,
  Button,
  EmptyState,
  HStack,
  Link,
  Portal,
  Skeleton,
  Stack,
  Text,
  Tooltip,
  VStack,
} from "@chakra-ui/react";
import { type ReactNode, useEffect } from "react";
import { Link as RouterLink } from "react-router-dom";

import { ApiError, root } from "./api";
import { StateIcon } from "./icons";
import { said, stateName, t } from "./texts";
import { formatAge, formatTime, useNow, useZone } from "./time";
import { share } from "./timeline";
import type { AttemptStatus, Location, Piece, Run } from "./types";
import { COMPONENT_PALETTES, RUN_PALETTES, isRunState } from "./words";

/** Text that is cut after some lines; the title has all of it. Its direction follows its content. */
export const clamped = (lines: number) =>
  ({ display: "-webkit-box", overflow: "hidden", overflowWrap: "anywhere", lineClamp: lines }) as const;

/** Small text that says what went wrong: its contrast is 4.5 in light and dark. */
export const ERROR_TEXT = { base: "red.700", _dark: "red.300" } as const;

/** A badge like Airflow's, with the color and icon of the state. The text keeps the text color, for contrast. */
export const Mark = ({ palette, label, title }: { palette: string; label: string; title?: string }) => (
  <Badge
    colorPalette={palette}
    bg="colorPalette.muted"
    color="fg"
    borderRadius="full"
    fontSize="sm"
    px={2}
    py={0.5}
    flexShrink={0}
    maxW="full"
    whiteSpace="normal"
    {...(title === undefined ? {} : { title })}
  >
    <StateIcon palette={palette} />
    {label}
  </Badge>
);

export const StateBadge = ({ state }: { state: AttemptStatus }) =>
  isRunState(state) ? (
    <Mark palette={RUN_PALETTES[state]} label={t.runStates[state].label} title={t.runStates[state].help} />
  ) : (
    <Mark palette={state === "refused" ? "failed" : "removed"} label={t.attemptStates[state]} />
  );

const PALETTES: Record<string, string> = { restarting: "running", no_status: "queued", scheduled: "queued" };

/** What Airflow does with the task, from a clear until the record has it. */
export const AirflowBadge = ({ run }: { run: Run }) => {
  const state = run.task_state;
  const tells = (run.task_pending && run.state !== "running") || state === "up_for_retry";
  if (state === null || !tells) return null;
  return <Mark palette={PALETTES[state] ?? state} label={t.run.inAirflow(stateName(state))} />;
};

/** The state of a run: by its record, and in Airflow. */
export const States = ({ run }: { run: Run }) => (
  <HStack gap={1} wrap="wrap" align="start">
    {run.newest_try?.refused === true && !run.task_pending ? (
      <StateBadge state="refused" />
    ) : (
      <StateBadge state={run.state} />
    )}
    <AirflowBadge run={run} />
  </HStack>
);

const pieceText = ({ name, state, parts }: Piece): string =>
  `${name}: ${t.componentStates[state]}${parts === null ? "" : ` (${t.run.parts(parts.done, parts.total)})`}`;

/** One segment for each component, with the same as text for screen readers. */
export const ComponentBar = ({ pieces, height = "8px" }: { pieces: Piece[]; height?: string }) => (
  <HStack gap={pieces.length > 40 ? 0 : "2px"} role="img" aria-label={pieces.map(pieceText).join(", ")} w="full">
    {pieces.map((piece) => (
      <Box
        key={piece.name}
        flex={1}
        h={height}
        borderRadius="xs"
        overflow="hidden"
        colorPalette={COMPONENT_PALETTES[piece.state]}
        bg={
          piece.state === "pending" ? "bg.emphasized" : share(piece) < 1 ? "colorPalette.muted" : "colorPalette.solid"
        }
        title={pieceText(piece)}
        {...(piece.state === "running" ? { animation: "pulse 1.6s ease-in-out infinite" } : {})}
      >
        {share(piece) < 1 ? (
          <Box h="full" w={`${String(100 * share(piece))}%`} bg="colorPalette.solid" data-testid="parts-done" />
        ) : null}
      </Box>
    ))}
  </HStack>
);

/** A time in the user's time zone. */
export const Time = ({ iso, age = false, wrap = false }: { iso: string; age?: boolean; wrap?: boolean }) => {
  const zone = useZone();
  const now = useNow(age, 20_000);
  const text = formatTime(iso, zone);
  return (
    <time dateTime={iso} dir="auto" title={`${text} (${zone})`} style={{ whiteSpace: wrap ? "normal" : "nowrap" }}>
      {age ? formatAge(iso, now) : text}
    </time>
  );
};

interface LinkProps {
  to: string;
  children: ReactNode;
  fontWeight?: string;
  lineHeight?: string;
  lines?: number;
  title?: string;
}

export const PageLink = ({ to, children, lines, ...more }: LinkProps) => (
  <Link
    asChild
    color="fg.info"
    minH="24px"
    {...(lines === undefined ? { display: "inline", overflowWrap: "anywhere" } : clamped(lines))}
    {...more}
  >
    <RouterLink to={to}>
      <bdi>{children}</bdi>
    </RouterLink>
  </Link>
);

/** A button that explains why it is disabled, to mouse, keyboard and touch. */
export const ReasonedButton = ({
  reason,
  about,
  onClick,
  children,
  ...more
}: {
  reason: string | null;
  about?: string;
  onClick: () => void;
  children: ReactNode;
  variant?: "outline" | "solid" | "ghost";
  colorPalette?: string;
  loading?: boolean;
  size?: "xs" | "sm" | "md";
}) => (
  <Tooltip.Root openDelay={200} closeOnClick={false} positioning={{ placement: "top" }}>
    <Tooltip.Trigger asChild>
      <Button
        size="xs"
        loadingText={children} // without it, the button would have no name while it works
        {...more}
        aria-disabled={reason !== null}
        {...(reason === null ? {} : { "aria-description": reason, opacity: 0.65, cursor: "not-allowed" })}
        onClick={() => {
          if (reason === null) onClick();
        }}
      >
        {children}
      </Button>
    </Tooltip.Trigger>
    {reason === null && about === undefined ? null : (
      <Portal>
        <Tooltip.Positioner>
          <Tooltip.Content maxW="xs">{reason ?? about}</Tooltip.Content>
        </Tooltip.Positioner>
      </Portal>
    )}
  </Tooltip.Root>
);

interface NoticeProps {
  status: "error" | "warning" | "info" | "success";
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

export const Notice = ({ status, title, children, action }: NoticeProps) => (
  <Alert.Root status={status} alignItems="flex-start" role={status === "error" ? "alert" : "status"} color="fg">
    <Alert.Indicator />
    {/* The color of links has too little contrast on some of the backgrounds. */}
    <Alert.Content minW={0} color="fg" css={{ "& a": { color: "fg", textDecoration: "underline" } }}>
      <Alert.Title overflowWrap="anywhere">{title}</Alert.Title>
      {children === undefined ? null : (
        <Alert.Description overflowWrap="anywhere" w="full">
          {children}
        </Alert.Description>
      )}
    </Alert.Content>
    {action}
  </Alert.Root>
);

/** The error of a request to the server. */
export const Trouble = ({ error, known, onRetry }: { error: Error; known: boolean; onRetry: () => void }) => {
  const status = error instanceof ApiError ? error.status : 0;
  const here = encodeURIComponent(window.location.href);
  if (status === 401)
    return (
      <Notice status="warning" title={t.trouble.forbidden}>
        {error.message} <Link href={`${root()}/api/v2/auth/login?next=${here}`}>{t.trouble.login}</Link>
      </Notice>
    );
  if (status === 403)
    return (
      <Notice status="warning" title={t.trouble.forbidden}>
        {error.message}
      </Notice>
    );
  return (
    <Notice
      status="error"
      title={known ? t.trouble.stale : t.trouble.failed}
      action={
        <Button size="xs" variant="outline" onClick={onRetry} alignSelf="center">
          {t.trouble.again}
        </Button>
      }
    >
      {error.message}
    </Notice>
  );
};

export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <EmptyState.Root py={12}>
    <EmptyState.Content>
      <VStack textAlign="center" maxW="lg">
        <EmptyState.Title>{title}</EmptyState.Title>
        <EmptyState.Description>{children}</EmptyState.Description>
      </VStack>
    </EmptyState.Content>
  </EmptyState.Root>
);

export const Loading = ({ rows = 4 }: { rows?: number }) => (
  <Stack gap={3} role="status" aria-busy="true" aria-label={t.empty.loading}>
    {Array.from({ length: rows }, (_, index) => (
      <Skeleton key={index} h="48px" borderRadius="md" />
    ))}
  </Stack>
);

const SEVERITY = { loading: "info", missing: "warning", slow: "warning", error: "error" } as const;

/** The problems of the configured locations; nothing if there are none. */
export const Locations = ({ locations }: { locations: Location[] }) => (
  <>
    {locations.map((location) => (
      <Stack key={location.name} gap={2} _empty={{ display: "none" }}>
        {location.state === "ok" ? null : (
          <Notice status={SEVERITY[location.state]} title={t.locations[location.state](location.name)}>
            {location.message == null ? null : said(location.message)}
          </Notice>
        )}
        {location.unreadable === 0 ? null : (
          <Notice status="warning" title={t.locations.unreadable(location.unreadable, location.name)}>
            {location.problems.length > 0
              ? location.problems.map((problem) => <Text key={problem}>{problem}</Text>)
              : t.locations.administrator}
          </Notice>
        )}
      </Stack>
    ))}
  </>
);

/** Set the title of the browser's tab, as Airflow's own pages do. */
export const useDocumentTitle = (title: string): void => {
  useEffect(() => {
    const before = document.title;
    document.title = t.page.document(title);
    return () => {
      document.title = before;
    };
  }, [title]);
};
