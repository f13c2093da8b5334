// Messages with placeholders in the user's language. The English ones define names and order of the values.

/** A message that depends on the value `count`: a form for each plural category of its language. */
export type Plural = { readonly other: string } & { readonly [category in Intl.LDMLPluralRule]?: string };
export interface Messages {
  readonly [key: string]: string | Plural | Messages;
}

type Value = string | number;
type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? [Name, ...Names<Rest>] : [];
type Values<N extends readonly unknown[]> = { [Index in keyof N]: Value };
type Text<S> = Names<S> extends [] ? string : (...values: Values<Names<S>>) => string;

/** What components use: a text, or a function of the values in the order of the English message. */
export type Bound<M> = {
  readonly [Key in keyof M]: M[Key] extends string
    ? Text<M[Key]>
    : M[Key] extends { readonly other: infer Other }
      ? Text<Other>
      : Bound<M[Key]>;
};

const PLACEHOLDER = /\{(\w+)\}/g;

export const placeholders = (message: string): string[] =>
  [...message.matchAll(PLACEHOLDER)].map((match) => match[1] ?? "");

export const isPlural = (message: string | Plural | Messages): message is Plural =>
  typeof message !== "string" && typeof message["other"] === "string";

const bindText = (message: string | Plural, names: string[], language: string): unknown => {
  if (names.length === 0) return message;
  const rules = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language, { numberingSystem: "latn" }); // as the times and durations
  return (...values: Value[]): string => {
    const valueOf = (name: string): Value => values[names.indexOf(name)] ?? "";
    const form =
      typeof message === "string" ? message : (message[rules.select(Number(valueOf("count")))] ?? message.other);
    return form.replaceAll(PLACEHOLDER, (_, name: string) => {
      const value = valueOf(name);
      return typeof value === "number" ? numbers.format(value) : value;
    });
  };
};

const bindAll = (english: Messages, translated: Messages, language: string): object =>
  Object.fromEntries(
    Object.entries(english).map(([key, source]) => {
      const given = translated[key];
      if (typeof source !== "string" && !isPlural(source))
        return [key, bindAll(source, typeof given === "object" && !isPlural(given) ? given : {}, language)];
      const names = placeholders(typeof source === "string" ? source : source.other);
      const usable = given !== undefined && (typeof given === "string" || isPlural(given));
      return [key, usable ? bindText(given, names, language) : bindText(source, names, "en")];
    }),
  );

/** Bind the messages of a language; missing ones are in English. */
export const bind = <M extends Messages>(english: M, translated: Messages, language: string): Bound<M> =>
  bindAll(english, translated, language) as Bound<M>;
