import { Stack, Toast, Toaster as Toasts, createToaster } from "@chakra-ui/react";

export const toaster = createToaster({ placement: "bottom-end", pauseOnPageIdle: true, max: 3 });

/** The messages about finished actions, with Airflow's own look and place. */
export const Toaster = () => (
  <Toasts toaster={toaster} insetInline={{ mdDown: "4" }}>
    {(toast) => (
      <Toast.Root width={{ md: "sm" }} data-testid="toast">
        <Toast.Indicator />
        <Stack gap={1} flex={1} maxW="full">
          {toast.title === undefined ? null : <Toast.Title>{toast.title}</Toast.Title>}
          {toast.description === undefined ? null : (
            <Toast.Description overflowWrap="anywhere">{toast.description}</Toast.Description>
          )}
        </Stack>
        <Toast.CloseTrigger />
      </Toast.Root>
    )}
  </Toasts>
);
