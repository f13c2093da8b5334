import { Box, Flex, HStack, Stack, Text } from "@chakra-ui/react";

import { t } from "./texts";
import { formatDuration, formatTime, useNow, useZone } from "./time";
import { type Placed, type Segment, place, share } from "./timeline";
import type { RunDetail } from "./types";
import { BAR_PALETTES } from "./words";

const NAMES = { base: "84px", md: "200px" };
const ROW = "26px";

/** The components across the attempts: a line for each component, a part for each attempt, and a time axis below. */
export const Timeline = ({ run }: { run: RunDetail }) => {
  const now = useNow(run.state === "running");
  const segments = place(
    run.attempts.filter((attempt) => attempt.attempt !== null),
    now,
  );
  const seen = new Set(segments.flatMap((segment) => segment.bars.map((bar) => bar.action)));
  return (
    <Stack gap={2} overflowX="auto" tabIndex={0} role="group" aria-label={t.run.timeline} data-testid="timeline">
      <Box minW={`${String(100 + 90 * segments.length)}px`}>
        <Row name="">
          {segments.map((segment) => (
            <Heading key={segment.attempt.id} segment={segment} />
          ))}
        </Row>
        <Row name={t.timeline.start} line>
          {segments.map((segment) => (
            <Part key={segment.attempt.id} segment={segment}>
              <Startup segment={segment} />
            </Part>
          ))}
        </Row>
        {run.components.map((component) => (
          <Row key={component.name} name={component.name} line>
            {segments.map((segment) => (
              <Part key={segment.attempt.id} segment={segment}>
                {segment.bars
                  .filter((bar) => bar.index === component.index)
                  .map((bar) => (
                    <Piece key={bar.name} bar={bar} attempt={segment.attempt.attempt ?? 0} />
                  ))}
              </Part>
            ))}
          </Row>
        ))}
        <Row name="">
          {segments.map((segment) => (
            <Clock key={segment.attempt.id} segment={segment} />
          ))}
        </Row>
      </Box>
      <HStack gap={4} wrap="wrap" fontSize="xs" color="fg.muted" aria-hidden>
        {[...seen].map((action) => (
          <HStack key={action} gap={1.5}>
            <Box w="12px" h="8px" borderRadius="xs" colorPalette={BAR_PALETTES[action]} bg="colorPalette.solid" />
            {t.legend[action]}
          </HStack>
        ))}
      </HStack>
    </Stack>
  );
};

const Row = ({ name, line = false, children }: { name: string; line?: boolean; children: React.ReactNode }) => (
  <Flex align="stretch" {...(line ? { h: ROW, borderTopWidth: 1, borderColor: "border.muted" } : {})}>
    <Text w={NAMES} flexShrink={0} fontSize="sm" truncate title={name} pe={2} {...(line ? { lineHeight: ROW } : {})}>
      <bdi>{name}</bdi>
    </Text>
    {children}
  </Flex>
);

const Part = ({ segment, children }: { segment: Segment; children: React.ReactNode }) => (
  <Box
    w={`${String(segment.width)}%`}
    h="full"
    minW={0}
    position="relative"
    borderInlineStartWidth={1}
    borderColor="border.emphasized"
    data-testid="part"
  >
    {children}
  </Box>
);

const Heading = ({ segment }: { segment: Segment }) => {
  const zone = useZone();
  const { attempt, gap } = segment;
  const started = attempt.started_at === null ? "" : formatTime(attempt.started_at, zone);
  return (
    <Part segment={segment}>
      <Box px={1} pb={1} title={`${t.timeline.attempt(attempt.attempt ?? 0)}, ${started}`}>
        <Text fontSize="xs" fontWeight="semibold" truncate>
          {t.timeline.attempt(attempt.attempt ?? 0)}
        </Text>
        <Text fontSize="xs" color="fg.muted" truncate>
          {segment.bars.length === 0 ? t.timeline.nothing : formatDuration(segment.seconds)}
        </Text>
        {gap === null ? null : (
          <Text fontSize="xs" color="fg.muted" truncate title={t.timeline.gap(formatDuration(gap))}>
            + {formatDuration(gap)}
          </Text>
        )}
      </Box>
    </Part>
  );
};

/** The start and end of the attempt; for short attempts only the start. */
const Clock = ({ segment }: { segment: Segment }) => {
  const zone = useZone();
  const clock = (at: number): string => formatTime(new Date(at).toISOString(), zone).slice(-8);
  return (
    <Part segment={segment}>
      <Flex justify="space-between" fontSize="xs" color="fg.muted" px={1} overflow="hidden" data-testid="clock">
        <span>{clock(segment.from)}</span>
        {segment.width < 25 ? null : <span>{clock(segment.to)}</span>}
      </Flex>
    </Part>
  );
};

const Startup = ({ segment }: { segment: Segment }) => {
  const { seconds, width } = segment.startup;
  if (seconds <= 0) return null;
  const text = t.timeline.startOf(segment.attempt.attempt ?? 0, formatDuration(seconds));
  return (
    <Box
      role="img"
      aria-label={text}
      title={text}
      position="absolute"
      top="5px"
      h="14px"
      insetInlineStart={0}
      w={`${String(width)}%`}
      minW="6px"
      borderRadius="xs"
      bg="bg.emphasized"
      borderWidth={1}
      borderColor="border.emphasized"
    />
  );
};

const SHORTEST = "6px";

/** A bar with a minimum width, inside its part; for a component with parts, it is filled as far as they are done. */
const Piece = ({ bar, attempt }: { bar: Placed; attempt: number }) => {
  const took = bar.seconds === null ? "" : formatDuration(bar.seconds);
  const parts = bar.parts === null ? "" : t.run.parts(bar.parts.done, bar.parts.total);
  const text = [t.bars[bar.action](bar.name, attempt), took, parts].filter((part) => part !== "").join(", ");
  return (
    <Box
      role="img"
      aria-label={text}
      title={text}
      position="absolute"
      top="5px"
      h="14px"
      insetInlineStart={`min(${String(bar.start)}%, calc(100% - ${SHORTEST}))`}
      w={`${String(bar.width)}%`}
      minW={SHORTEST}
      borderRadius="xs"
      overflow="hidden"
      colorPalette={BAR_PALETTES[bar.action]}
      bg={share(bar) === 1 ? "colorPalette.solid" : "colorPalette.muted"}
      data-action={bar.action}
    >
      {share(bar) === 1 ? null : (
        <Box h="full" w={`${String(100 * share(bar))}%`} bg="colorPalette.solid" data-testid="parts-done" />
      )}
    </Box>
  );
};
