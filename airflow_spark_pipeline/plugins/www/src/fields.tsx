import { Box, Checkbox, NativeSelect, Text, Textarea } from "@chakra-ui/react";
import { useId } from "react";

import { t } from "./texts";

interface OptionProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  label: string;
  disabled?: boolean;
}

export const Option = ({ checked, onChange, label, disabled = false }: OptionProps) => (
  <Checkbox.Root
    checked={checked}
    disabled={disabled}
    onCheckedChange={(change) => {
      onChange(change.checked === true);
    }}
    colorPalette="brand"
  >
    <Checkbox.HiddenInput />
    <Checkbox.Control />
    <Checkbox.Label overflowWrap="anywhere">
      <bdi>{label}</bdi>
    </Checkbox.Label>
  </Checkbox.Root>
);

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly (readonly [value: string, label: string])[];
  onChange: (value: string) => void;
  disabled?: boolean;
}

/** A select with its label above it. */
export const OneOf = ({ label, value, options, onChange, disabled = false }: ChoiceProps) => {
  const id = useId();
  return (
    <Box minW={0} flex="1 1 180px">
      <Text asChild fontSize="sm" fontWeight="semibold" mb={1}>
        <label htmlFor={id}>{label}</label>
      </Text>
      <NativeSelect.Root size="sm" disabled={disabled}>
        <NativeSelect.Field
          id={id}
          value={value}
          onChange={(event) => {
            onChange(event.target.value);
          }}
        >
          {options.map(([each, shown]) => (
            <option key={each} value={each}>
              {shown}
            </option>
          ))}
        </NativeSelect.Field>
        <NativeSelect.Indicator />
      </NativeSelect.Root>
    </Box>
  );
};

/** As in Airflow's own dialog: what is written replaces the note of each task instance that is cleared. */
export const Note = ({ value, onChange }: { value: string; onChange: (value: string) => void }) => (
  <Textarea
    size="sm"
    rows={2}
    maxLength={1000}
    aria-label={t.action.note}
    placeholder={`${t.action.note}: ${t.action.noteHelp}`}
    value={value}
    onChange={(event) => {
      onChange(event.target.value);
    }}
  />
);
