import { Flex, Stack, Text } from "@chakra-ui/react";
import { useState } from "react";

import { OneOf, Option } from "./fields";
import { t } from "./texts";
import type { RunDetail, Selected } from "./types";
import { Unfold } from "./Unfold";

type Mode = "rest" | "range" | "only";

const NOTHING: Selected = { start_from: null, stop_after: null, only: [], force: [] };

const modeOf = (value: Selected): Mode =>
  value.only.length > 0 ? "only" : value.start_from !== null || value.stop_after !== null ? "range" : "rest";

/** The problem of a choice before the request is sent; null if there is none. */
export const wrongChoice = (value: Selected, run: RunDetail | null | undefined): string | null => {
  const names = run?.components.map((component) => component.name) ?? [];
  const [from, to] = [value.start_from, value.stop_after].map((name) => (name === null ? -1 : names.indexOf(name)));
  return from !== undefined && to !== undefined && to >= 0 && from > to ? t.choice.backwards : null;
};

const toggled = (names: string[], name: string, on: boolean): string[] =>
  on ? [...names, name] : names.filter((each) => each !== name);

interface Props {
  run: RunDetail;
  value: Selected;
  onChange: (value: Selected) => void;
}

/** Which components the next try runs: those not done, a range, or some; and which run again although done. */
export const Choice = ({ run, value, onChange }: Props) => {
  const [mode, setMode] = useState(() => modeOf(value));
  const names = run.components.map((component) => component.name);
  const done = run.components.filter((component) => component.state === "done").map((component) => component.name);
  if (!run.takes_choices)
    return (
      <Text fontSize="sm" color="fg.muted">
        {t.choice.unable}
      </Text>
    );
  const options = names.map((name) => [name, name] as const);
  const failed = names.filter((name) => run.failed_components.includes(name));
  const first = failed[0] ?? names.find((name) => !done.includes(name)) ?? names[0] ?? "";
  return (
    <Stack gap={3} as="section" aria-label={t.choice.title}>
      <Flex gap={3} wrap="wrap">
        <OneOf
          label={t.choice.title}
          value={mode}
          options={(["rest", "range", "only"] as const).map((each) => [each, t.choice[each]] as const)}
          onChange={(changed) => {
            setMode(changed as Mode);
            if (changed === "rest") onChange({ ...NOTHING, force: value.force });
            else if (changed === "range") onChange({ ...NOTHING, force: value.force, start_from: first });
            else onChange({ ...NOTHING, only: failed.length > 0 ? failed : [first] });
          }}
        />
        {mode === "range" ? (
          <>
            <OneOf
              label={t.choice.from}
              value={value.start_from ?? names[0] ?? ""}
              options={options}
              onChange={(start_from) => {
                onChange({ ...value, start_from });
              }}
            />
            <OneOf
              label={t.choice.to}
              value={value.stop_after ?? names.at(-1) ?? ""}
              options={options}
              onChange={(name) => {
                onChange({ ...value, stop_after: name === names.at(-1) ? null : name });
              }}
            />
          </>
        ) : null}
      </Flex>
      {mode === "only" ? (
        <Boxes
          names={names}
          checked={value.only}
          onChange={(only) => {
            if (only.length > 0) onChange({ ...value, only });
          }}
        />
      ) : done.length === 0 ? null : (
        <Unfold label={t.choice.force} plain>
          <Boxes
            names={done}
            checked={value.force}
            onChange={(force) => {
              onChange({ ...value, force });
            }}
          />
        </Unfold>
      )}
    </Stack>
  );
};

const Boxes = ({
  names,
  checked,
  onChange,
}: {
  names: string[];
  checked: string[];
  onChange: (n: string[]) => void;
}) => (
  <Stack gap={1} maxH="200px" overflowY="auto" ps={1}>
    {names.map((name) => (
      <Option
        key={name}
        label={name}
        checked={checked.includes(name)}
        onChange={(on) => {
          onChange(toggled(checked, name, on));
        }}
      />
    ))}
  </Stack>
);
