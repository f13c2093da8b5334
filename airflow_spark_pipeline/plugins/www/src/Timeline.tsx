import { Box, Flex, HStack, Stack, Text } from "@chakra-ui/react";

import { formatDuration, formatTime, useNow, useZone } from "./time";
import { type Placed, type Segment, place } from "./timeline";
import type { RunDetail } from "./types";
import { BARS } from "./words";

const NAMES = { base: "84px", md: "200px" };
const ROW = "26px";

/** The components across the attempts: one line each, one part of the width for each attempt. */
export const Timeline = ({ run }: { run: RunDetail }) => {
  const now = useNow(run.state === "running");
  const segments = place(run.attempts, now);
  const seen = new Set(segments.flatMap((segment) => segment.bars.map((bar) => bar.action)));
  return (
    <Stack gap={2} overflowX="auto">
      <Box minW={`${String(100 + 70 * segments.length)}px`}>
        <Flex>
          <Box w={NAMES} flexShrink={0} />
          {segments.map((segment) => (
            <Heading key={segment.attempt.id} segment={segment} />
          ))}
        </Flex>
        {run.components.map((component) => (
          <Flex key={component.name} align="center" h={ROW} borderTopWidth={1} borderColor="border.muted">
            <Text w={NAMES} flexShrink={0} fontSize="sm" truncate title={component.name} pr={2}>
              {component.name}
            </Text>
            {segments.map((segment) => (
              <Box
                key={segment.attempt.id}
                w={`${String(segment.width)}%`}
                h="full"
                position="relative"
                borderLeftWidth={1}
                borderColor="border.emphasized"
              >
                {segment.bars
                  .filter((bar) => bar.index === component.index)
                  .map((bar) => (
                    <Piece key={bar.name} bar={bar} attempt={segment.attempt.attempt} />
                  ))}
              </Box>
            ))}
          </Flex>
        ))}
      </Box>
      <HStack gap={4} wrap="wrap" fontSize="xs" color="fg.muted" aria-hidden>
        {[...seen].map((action) => (
          <HStack key={action} gap={1.5}>
            <Box w="12px" h="8px" borderRadius="xs" colorPalette={BARS[action].palette} bg="colorPalette.solid" />
            {BARS[action].label}
          </HStack>
        ))}
      </HStack>
    </Stack>
  );
};

const Heading = ({ segment }: { segment: Segment }) => {
  const zone = useZone();
  const { attempt } = segment;
  return (
    <Box
      w={`${String(segment.width)}%`}
      borderLeftWidth={1}
      borderColor="border.emphasized"
      px={1}
      pb={1}
      minW={0}
      title={`Attempt ${String(attempt.attempt)}, ${formatTime(attempt.started_at, zone)}`}
    >
      <Text fontSize="xs" fontWeight="semibold" truncate>
        Attempt {attempt.attempt}
      </Text>
      <Text fontSize="xs" color="fg.muted" truncate>
        {segment.bars.length === 0 ? "nothing recorded" : formatDuration(segment.seconds)}
      </Text>
    </Box>
  );
};

const Piece = ({ bar, attempt }: { bar: Placed; attempt: number }) => {
  const { label, palette } = BARS[bar.action];
  const took = bar.seconds === null ? "" : `, ${formatDuration(bar.seconds)}`;
  const text = `${bar.name} ${label} in attempt ${String(attempt)}${took}`;
  return (
    <Box
      role="img"
      aria-label={text}
      title={text}
      position="absolute"
      top="5px"
      h="14px"
      left={`${String(bar.left)}%`}
      w={`${String(bar.width)}%`}
      minW="6px"
      borderRadius="xs"
      colorPalette={palette}
      bg="colorPalette.solid"
      data-action={bar.action}
    />
  );
};
