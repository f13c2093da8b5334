import { Button, HStack, NativeSelect, Text } from "@chakra-ui/react";

import { t } from "./texts";

export const SMALLEST = 25;
export const SIZES = [SMALLEST, 50, 100];

interface Props {
  page: number;
  size: number;
  total: number;
  onPage: (page: number) => void;
  onSize: (size: number) => void;
}

export const Paging = ({ page, size, total, onPage, onSize }: Props) => {
  const last = Math.max(1, Math.ceil(total / size));
  return (
    <HStack as="nav" aria-label={t.paging.label} justify="flex-end" wrap="wrap" fontSize="sm" color="fg.muted">
      {total <= SMALLEST ? null : (
        <NativeSelect.Root size="xs" w="auto">
          <NativeSelect.Field
            aria-label={t.paging.size}
            value={String(size)}
            onChange={(event) => {
              onSize(Number(event.target.value));
            }}
          >
            {SIZES.map((each) => (
              <option key={each} value={String(each)}>
                {each}
              </option>
            ))}
          </NativeSelect.Field>
          <NativeSelect.Indicator />
        </NativeSelect.Root>
      )}
      {last === 1 ? null : (
        <>
          <Button
            size="xs"
            variant="outline"
            disabled={page <= 1}
            onClick={() => {
              onPage(page - 1);
            }}
          >
            {t.paging.previous}
          </Button>
          <Text>
            <bdi>{t.paging.range(page, last)}</bdi>
          </Text>
          <Button
            size="xs"
            variant="outline"
            disabled={page >= last}
            onClick={() => {
              onPage(page + 1);
            }}
          >
            {t.paging.next}
          </Button>
        </>
      )}
    </HStack>
  );
};
