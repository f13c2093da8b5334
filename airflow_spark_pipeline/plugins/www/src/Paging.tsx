import { Button, HStack, IconButton, NativeSelect, Pagination } from "@chakra-ui/react";

import { PageIcon } from "./icons";
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
    <HStack wrap="wrap" fontSize="sm" color="fg.muted">
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
        <Pagination.Root
          count={total}
          pageSize={size}
          page={page}
          siblingCount={1}
          onPageChange={(wanted) => {
            onPage(wanted.page);
          }}
          translations={{
            rootLabel: t.paging.label,
            prevTriggerLabel: t.paging.previous,
            nextTriggerLabel: t.paging.next,
            itemLabel: ({ page: each, totalPages }) => t.paging.range(each, totalPages),
          }}
        >
          <HStack gap={2} wrap="wrap">
            <Pagination.PrevTrigger asChild>
              <IconButton size="sm" variant="ghost">
                <PageIcon to="previous" />
              </IconButton>
            </Pagination.PrevTrigger>
            <Pagination.Context>
              {({ pages }) =>
                pages.map((each, index) =>
                  each.type === "ellipsis" ? (
                    <Pagination.Ellipsis key={index} index={index}>
                      …
                    </Pagination.Ellipsis>
                  ) : (
                    <Pagination.Item key={index} type="page" value={each.value} asChild>
                      <Button size="sm" variant={each.value === page ? "outline" : "ghost"}>
                        {each.value}
                      </Button>
                    </Pagination.Item>
                  ),
                )
              }
            </Pagination.Context>
            <Pagination.NextTrigger asChild>
              <IconButton size="sm" variant="ghost">
                <PageIcon to="next" />
              </IconButton>
            </Pagination.NextTrigger>
          </HStack>
        </Pagination.Root>
      )}
    </HStack>
  );
};
