import { Button, HStack, Menu, Portal, Stack, Text } from "@chakra-ui/react";

import { blocked } from "./act";
import { ReasonedButton } from "./parts";
import { type Action, t } from "./texts";
import type { Run } from "./types";
import { fullName } from "./words";

interface Props {
  run: Run;
  onAct: (action: Action, runs: Run[]) => void;
}

/** Resume as a button; actions that discard progress in a menu. */
export const RunActions = ({ run, onAct }: Props) => (
  <HStack gap={1} justify="flex-end" display="inline-flex">
    <ReasonedButton
      variant="outline"
      colorPalette="brand"
      reason={blocked("resume", run)}
      about={t.actions.resume.about}
      onClick={() => {
        onAct("resume", [run]);
      }}
    >
      {t.actions.resume.label}
    </ReasonedButton>
    <Menu.Root positioning={{ placement: "bottom-end" }}>
      <Menu.Trigger asChild>
        <Button size="xs" variant="ghost" aria-label={t.action.more(fullName(run))} px={2}>
          ⋮
        </Button>
      </Menu.Trigger>
      <Portal>
        <Menu.Positioner>
          <Menu.Content>
            {(["start-over", "discard"] as const).map((action) => {
              const reason = blocked(action, run);
              return (
                <Menu.Item
                  key={action}
                  value={action}
                  disabled={reason !== null}
                  onClick={() => {
                    onAct(action, [run]);
                  }}
                >
                  <Stack gap={0} maxW="xs">
                    <Text>{t.actions[action].label}…</Text>
                    {reason === null ? null : (
                      <Text fontSize="xs" color="fg.muted">
                        {reason}
                      </Text>
                    )}
                  </Stack>
                </Menu.Item>
              );
            })}
          </Menu.Content>
        </Menu.Positioner>
      </Portal>
    </Menu.Root>
  </HStack>
);
