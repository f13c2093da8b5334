import { Box, Button, CloseButton, Flex, HStack, Input, Menu, NativeSelect, Portal, Text } from "@chakra-ui/react";
import { useEffect, useRef, useState } from "react";

import { t } from "./texts";
import type { RunList, RunState } from "./types";

export const FILTERS = ["state", "dag_id", "run_id", "pipeline", "started_before"] as const;
export type Filter = (typeof FILTERS)[number];

const UNFINISHED: RunState[] = ["running", "submitted", "failed", "dead", "unreadable"];
/** These states are listed on request; their number is unknown before. */
export const ENDED: RunState[] = ["completed", "discarded"];

export interface Changing {
  params: URLSearchParams;
  change: (name: string, value: string | null) => void;
}

/** The search, a pill for each filter, and a menu for more filters, as in Airflow's own tables. */
export const FilterBar = ({ params, list, change }: Changing & { list: RunList }) => {
  const [added, setAdded] = useState<Filter[]>([]);
  const shown = FILTERS.filter((name) => params.has(name) || added.includes(name));
  const rest = FILTERS.filter((name) => !shown.includes(name));
  const remove = (name: Filter): void => {
    setAdded(added.filter((each) => each !== name));
    change(name, null);
  };
  return (
    <Flex gap={2} wrap="wrap" align="center">
      <TextField
        value={params.get("q") ?? ""}
        label={t.filters.searchLabel}
        placeholder={t.filters.search}
        width="260px"
        change={(value) => {
          change("q", value);
        }}
      />
      {shown.map((name) => (
        <Pill key={name} name={name} remove={remove}>
          <Value name={name} focus={added.includes(name)} {...{ params, list, change }} />
        </Pill>
      ))}
      {rest.length === 0 ? null : (
        <Menu.Root>
          <Menu.Trigger asChild>
            <Button size="sm" variant="subtle" borderRadius="full">
              {t.filters.add}
            </Button>
          </Menu.Trigger>
          <Portal>
            <Menu.Positioner>
              <Menu.Content>
                {rest.map((name) => (
                  <Menu.Item
                    key={name}
                    value={name}
                    onClick={() => {
                      setAdded([...added, name]);
                    }}
                  >
                    {t.filters[name]}
                  </Menu.Item>
                ))}
              </Menu.Content>
            </Menu.Positioner>
          </Portal>
        </Menu.Root>
      )}
      {shown.length === 0 && !params.has("q") ? null : (
        <Button
          size="sm"
          variant="ghost"
          onClick={() => {
            setAdded([]);
            change("", null);
          }}
        >
          {t.filters.clear}
        </Button>
      )}
    </Flex>
  );
};

const Pill = ({
  name,
  remove,
  children,
}: {
  name: Filter;
  remove: (name: Filter) => void;
  children: React.ReactNode;
}) => (
  <HStack
    borderWidth={1}
    borderRadius="full"
    ps={3}
    pe={1}
    gap={1}
    minH="36px"
    maxW="full"
    data-testid={`filter-${name}`}
  >
    <Text fontSize="sm" flexShrink={0}>
      {t.filters[name]}:
    </Text>
    {children}
    <CloseButton
      size="2xs"
      minW="24px"
      minH="24px"
      aria-label={t.filters.remove(t.filters[name])}
      onClick={() => {
        remove(name);
      }}
    />
  </HStack>
);

const Value = ({ name, focus, params, list, change }: Changing & { name: Filter; focus: boolean; list: RunList }) => {
  const value = params.get(name) ?? "";
  if (name === "state" || name === "started_before") {
    const options =
      name === "state"
        ? [...UNFINISHED, ...ENDED].map((state): [string, string] => {
            const known = ENDED.includes(state) ? "" : ` (${String(list.counts[state] ?? 0)})`;
            return [state, t.runStates[state].label + known];
          })
        : ages(value);
    return (
      <NativeSelect.Root size="xs" w="auto">
        <NativeSelect.Field
          aria-label={t.filters[name]}
          value={value}
          autoFocus={focus && value === ""}
          onChange={(event) => {
            change(name, event.target.value);
          }}
        >
          <option value="" />
          {options.map(([each, label]) => (
            <option key={each} value={each}>
              {label}
            </option>
          ))}
        </NativeSelect.Field>
        <NativeSelect.Indicator />
      </NativeSelect.Root>
    );
  }
  const known = name === "dag_id" ? list.dag_ids : name === "pipeline" ? list.pipelines : [];
  return (
    <Box minW={0}>
      <TextField
        value={value}
        label={t.filters[name]}
        width="180px"
        small
        focus={focus}
        known={known}
        change={(text) => {
          change(name, text);
        }}
      />
    </Box>
  );
};

const DAY_MS = 86_400_000;

/** Times in the server's format, including the one in the address. */
const ages = (value: string): [string, string][] => {
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  const choices = Object.entries(t.filters.olderThan).map(([days, label]): [string, string] => [
    new Date(today.getTime() - (Number(days) - 1) * DAY_MS).toISOString(),
    label,
  ]);
  const known = value === "" || choices.some(([each]) => each === value);
  return known ? choices : [[value, value], ...choices];
};

interface TextFieldProps {
  value: string;
  label: string;
  placeholder?: string;
  width: string;
  small?: boolean;
  focus?: boolean;
  known?: string[];
  change: (value: string) => void;
}

/** A field whose text is also in the address; an address that lags behind never overwrites typed text. */
const TextField = ({
  value,
  label,
  placeholder,
  width,
  small = false,
  focus = false,
  known = [],
  change,
}: TextFieldProps) => {
  const [text, setText] = useState(value);
  const latest = useRef(change);
  // Written to the address, but not seen there yet: it may arrive after the next key.
  const written = useRef<string[]>([]);
  const shown = useRef(value);
  useEffect(() => {
    latest.current = change;
  });
  useEffect(() => {
    if (value === shown.current) return;
    shown.current = value;
    const own = written.current.indexOf(value);
    written.current = own < 0 ? [] : written.current.slice(own + 1);
    if (own < 0) setText(value); // the address changed some other way (back, a link)
  }, [value]);
  const write = (): void => {
    if (text === (written.current.at(-1) ?? shown.current)) return;
    written.current.push(text);
    latest.current(text);
  };
  const writing = useRef(write);
  useEffect(() => {
    writing.current = write;
  });
  useEffect(() => {
    const timer = setTimeout(() => {
      writing.current();
    }, 300);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  const list = known.length > 0 ? `known-${label.replaceAll(" ", "-")}` : undefined;
  return (
    <>
      <Input
        size={small ? "xs" : "sm"}
        w={width}
        maxW="full"
        type="search"
        maxLength={200}
        aria-label={label}
        value={text}
        autoFocus={focus}
        onChange={(event) => {
          setText(event.target.value);
        }}
        // Otherwise typed text could be written after the next click has cleared the filters.
        onBlur={write}
        {...(placeholder === undefined ? {} : { placeholder })}
        {...(list === undefined ? {} : { list })}
      />
      {list === undefined ? null : (
        <datalist id={list}>
          {known.slice(0, 200).map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </>
  );
};
