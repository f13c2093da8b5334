// The texts of the page in the current language.

import { english } from "./english";
import { type Bound, type Messages, bind, placeholders } from "./messages";

export type { Action } from "./english";

/** The texts of the current language; only `show` changes them, and everything is rendered again. */
export let t: Bound<typeof english> = bind(english, {}, "en");
export let language = "en";

export const show = (code: string, messages: Messages): void => {
  t = bind(english, messages, code);
  language = code;
};

/** Whether an action discards progress. */
export const LOSES = { resume: false, "rerun-from-change": false, "start-over": true, discard: true } as const;

/** `no_status` as Airflow shows it: `No Status`. */
export const stateName = (state: string): string =>
  (t.airflowStates as Record<string, string>)[state] ??
  state.replaceAll("_", " ").replaceAll(/(^| )\w/g, (letter) => letter.toUpperCase());

const begins = (key: keyof typeof english.server): boolean => english.server[key].startsWith("{");

/** Placeholders for one word. */
const WORDS = ["{state}", "{attempt}", "{number}"];

const SENTENCES = Object.entries(english.server).map(([key, sentence]) => {
  const pattern = sentence
    .split(/(\{\w+\})/)
    .map((part) =>
      part.startsWith("{")
        ? WORDS.includes(part)
          ? String.raw`(\w+)`
          : "(.+?)"
        : part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`),
    )
    .join("");
  return {
    key: key as keyof typeof english.server,
    names: placeholders(sentence),
    pattern: new RegExp(`^${pattern}$`, "s"),
  };
});
SENTENCES.reverse(); // a longer sentence follows the shorter one that it begins with
// A pattern that begins with a name would also match a longer sentence with the same end.
SENTENCES.sort((one, other) => Number(begins(one.key)) - Number(begins(other.key)));

/** A sentence of the server in the user's language; an unknown one, such as an error's text, stays unchanged. */
export const said = (sentence: string): string => {
  if (language === "en") return sentence;
  for (const { key, names, pattern } of SENTENCES) {
    const match = pattern.exec(sentence);
    if (match === null) continue;
    const text = t.server[key];
    const values = match.slice(1).map((value, index) => {
      if (names[index] === "state") return stateName(value);
      return names[index] === "reason" ? said(value) : value;
    });
    return typeof text === "string" ? text : (text as (...given: string[]) => string)(...values);
  }
  return sentence;
};
