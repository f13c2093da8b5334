import { Box, Button, Stack } from "@chakra-ui/react";
import { type ReactNode, useState } from "react";

import { t } from "./texts";

/** Show or hide what is long; a plain label is not preceded by Show and Hide. */
export const Unfold = ({ label, plain = false, children }: { label: string; plain?: boolean; children: ReactNode }) => {
  const [open, setOpen] = useState(false);
  return (
    <Stack gap={2} align="stretch">
      <Button
        size="xs"
        variant="outline"
        alignSelf="flex-start"
        aria-expanded={open}
        onClick={() => {
          setOpen(!open);
        }}
        whiteSpace="normal"
        h="auto"
        minH="24px"
        py={1}
      >
        {plain ? (
          <>
            {label}
            <Box as="span" aria-hidden _rtl={{ transform: "scaleX(-1)" }}>
              {open ? "▾" : "▸"}
            </Box>
          </>
        ) : open ? (
          t.run.hide(label)
        ) : (
          t.run.show(label)
        )}
      </Button>
      {open ? children : null}
    </Stack>
  );
};
