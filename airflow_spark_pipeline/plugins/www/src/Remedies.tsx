import { HStack } from "@chakra-ui/react";

import { blocked } from "./act";
import { ReasonedButton } from "./parts";
import { type Action, t } from "./texts";
import type { Run } from "./types";

/** What helps if a resume is refused: buttons next to the refusal. */
export const Remedies = ({ run, onAct }: { run: Run; onAct: (action: Action) => void }) => (
  <HStack wrap="wrap">
    {(["start-over", "rerun-from-change"] as const).map((action) => (
      <ReasonedButton
        key={action}
        size="sm"
        variant="outline"
        reason={blocked(action, run)}
        about={t.actions[action].about}
        onClick={() => {
          onAct(action);
        }}
      >
        {t.actions[action].label}
      </ReasonedButton>
    ))}
  </HStack>
);
