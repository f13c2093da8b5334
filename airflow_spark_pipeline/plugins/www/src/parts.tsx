import { Alert, Badge, Box, Button, EmptyState, HStack, Link, Skeleton, Stack, Text, VStack } from "@chakra-ui/react";
import type { ReactNode } from "react";
import { Link as RouterLink } from "react-router-dom";

import { formatAge, formatTime, useNow, useZone } from "./time";
import type { Location, Piece, RunState } from "./types";
import { COMPONENT_STATES, RUN_STATES, plural } from "./words";

export const StateBadge = ({ state }: { state: RunState }) => {
  const { label, palette, help } = RUN_STATES[state];
  return (
    <Badge colorPalette={palette} variant="solid" borderRadius="full" px={2.5} py={0.5} title={help} flexShrink={0}>
      {label}
    </Badge>
  );
};

/** One segment for each component; the same is said in words for screen readers. */
export const ComponentBar = ({ pieces, height = "8px" }: { pieces: Piece[]; height?: string }) => {
  const label = pieces.map((piece) => `${piece.name}: ${COMPONENT_STATES[piece.state].label}`).join(", ");
  return (
    <HStack gap={pieces.length > 40 ? 0 : "2px"} role="img" aria-label={label} w="full" minW="80px">
      {pieces.map((piece) => (
        <Box
          key={piece.name}
          flex={1}
          h={height}
          borderRadius="xs"
          colorPalette={COMPONENT_STATES[piece.state].palette}
          bg={piece.state === "pending" ? "bg.emphasized" : "colorPalette.solid"}
          title={`${piece.name}: ${COMPONENT_STATES[piece.state].label}`}
          {...(piece.state === "running" ? { animation: "pulse 1.6s ease-in-out infinite" } : {})}
        />
      ))}
    </HStack>
  );
};

/** A moment in the user's time zone. */
export const Time = ({ iso, age = false, wrap = false }: { iso: string; age?: boolean; wrap?: boolean }) => {
  const zone = useZone();
  const now = useNow(age, 20_000);
  const text = formatTime(iso, zone);
  return (
    <time dateTime={iso} title={`${text} (${zone})`} style={{ whiteSpace: wrap ? "normal" : "nowrap" }}>
      {age ? formatAge(iso, now) : text}
    </time>
  );
};

export const PageLink = ({ to, children, ...more }: { to: string; children: ReactNode; fontWeight?: string }) => (
  <Link asChild color="fg.info" {...more}>
    <RouterLink to={to}>{children}</RouterLink>
  </Link>
);

interface NoticeProps {
  status: "error" | "warning" | "info" | "success";
  title: string;
  children?: ReactNode;
  onRetry?: () => void;
}

export const Notice = ({ status, title, children, onRetry }: NoticeProps) => (
  <Alert.Root status={status} alignItems="flex-start" role={status === "error" ? "alert" : "status"}>
    <Alert.Indicator />
    <Alert.Content minW={0}>
      <Alert.Title>{title}</Alert.Title>
      {children === undefined ? null : (
        <Alert.Description overflowWrap="anywhere" w="full">
          {children}
        </Alert.Description>
      )}
    </Alert.Content>
    {onRetry === undefined ? null : (
      <Button size="xs" variant="outline" onClick={onRetry} alignSelf="center">
        Try again
      </Button>
    )}
  </Alert.Root>
);

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
  <Stack gap={3} aria-busy="true" aria-label="Loading">
    {Array.from({ length: rows }, (_, index) => (
      <Skeleton key={index} h="48px" borderRadius="md" />
    ))}
  </Stack>
);

const TITLES = {
  slow: "is slow to answer",
  error: "cannot be read",
  loading: "is being read for the first time",
};

/** What is wrong with the configured locations; nothing where all is well. */
export const Locations = ({ locations }: { locations: Location[] }) => (
  <>
    {locations.map((location) => (
      <Stack key={location.name} gap={2} _empty={{ display: "none" }}>
        {location.state === "ok" ? null : (
          <Notice
            status={location.state === "loading" ? "info" : location.state === "slow" ? "warning" : "error"}
            title={`${location.name} ${TITLES[location.state]}`}
          >
            {location.message}
          </Notice>
        )}
        {location.unreadable === 0 ? null : (
          <Notice
            status="warning"
            title={`${plural(location.unreadable, "run")} in ${location.name} cannot be read and ${location.unreadable === 1 ? "is" : "are"} not shown`}
          >
            {location.problems.length > 0
              ? location.problems.map((problem) => <Text key={problem}>{problem}</Text>)
              : "An administrator sees here which ones."}
          </Notice>
        )}
      </Stack>
    ))}
  </>
);
