import { afterEach, expect, test } from "vitest";

import { english } from "../english";
import { LANGUAGES, languageFor } from "../language";
import { type Messages, type Plural, isPlural, placeholders } from "../messages";
import { said, show, stateName, t } from "../texts";

const FILES = import.meta.glob<Messages>("../../public/locales/*.json", { eager: true, import: "default" });
const messagesOf = (language: string): Messages => FILES[`../../public/locales/${language}.json`] ?? {};

type Leaf = string | Plural;

/** Every message by its path: `run.log`. */
const leaves = (messages: Messages, path = ""): [path: string, message: Leaf][] =>
  Object.entries(messages).flatMap(([key, value]): [string, Leaf][] => {
    const here = path === "" ? key : `${path}.${key}`;
    return typeof value === "string" || isPlural(value) ? [[here, value]] : leaves(value, here);
  });

const forms = (message: Leaf): string[] => (typeof message === "string" ? [message] : Object.values(message));

/** The plural categories that counts up to a thousand have in a language. */
const categories = (language: string): string[] => {
  const rules = new Intl.PluralRules(language);
  return [...new Set(Array.from({ length: 1001 }, (_, count) => rules.select(count)))].sort();
};

const ENGLISH = new Map(leaves(english));

afterEach(() => {
  show("en", {});
});

test("each language that can be chosen has a file, and each file can be chosen", () => {
  const files = Object.keys(FILES).map((path) => path.split("/").at(-1)?.replace(".json", ""));
  expect(files.sort()).toEqual([...LANGUAGES].sort());
});

test.each(LANGUAGES)("%s has every message of English, and no other", (language) => {
  expect(leaves(messagesOf(language)).map(([path]) => path)).toEqual([...ENGLISH.keys()]);
});

test.each(LANGUAGES)("each message in %s has the placeholders of the English one", (language) => {
  for (const [path, message] of leaves(messagesOf(language))) {
    const source = ENGLISH.get(path) ?? "";
    const wanted = placeholders(typeof source === "string" ? source : source.other).sort();
    for (const form of forms(message)) {
      const found = placeholders(form).sort();
      // The forms for one and two need no number.
      if (typeof message !== "string" && form !== message.other && !found.includes("count")) found.push("count");
      expect([path, found.sort()]).toEqual([path, wanted]);
    }
  }
});

test.each(LANGUAGES)("a message of %s that depends on a count has each plural form of the language", (language) => {
  for (const [path, message] of leaves(messagesOf(language))) {
    const plural = typeof ENGLISH.get(path) !== "string";
    expect([path, typeof message !== "string"]).toEqual([path, plural]);
    if (typeof message === "string") continue;
    expect([path, Object.keys(message).sort()]).toEqual([path, expect.arrayContaining(categories(language))]);
  }
});

test.each(LANGUAGES)(
  "no message of %s is empty, or has spaces around it that the English one does not have",
  (language) => {
    for (const [path, message] of leaves(messagesOf(language)))
      for (const form of forms(message))
        expect([path, form.trim().length > 0, form]).toEqual([path, true, form.trim()]);
  },
);

test.each([
  ["en", 1, "1 run selected"],
  ["en", 1200, "1,200 runs selected"],
  ["de", 1, "1 Lauf ausgewählt"],
  ["de", 1200, "1.200 Läufe ausgewählt"],
  ["fr", 0, "0 exécution sélectionnée"],
  ["ja", 3, "3 件の実行を選択中"],
  ["ar", 2, "حُدّدت عمليتا تشغيل"],
  ["ar", 3, "حُدّدت 3 عمليات تشغيل"],
  ["ar", 11, "حُدّدت 11 عملية تشغيل"],
])("in %s, %d are counted by the rules of the language", (language, count, text) => {
  show(language, messagesOf(language));
  expect(t.selection.selected(count)).toBe(text);
});

test("a missing translation is shown in English, with its plural rules", () => {
  show("de", { page: { title: "Läufe" } });
  expect([t.page.title, t.action.cancel, t.selection.selected(1)]).toEqual(["Läufe", "Cancel", "1 run selected"]);
});

test.each([
  ["de", "de"],
  ["de-AT", "de"],
  ["pt-BR", "pt"],
  ["zh-CN", "zh-CN"],
  ["zh-TW", "en"],
  ["ko", "en"],
  ["", "en"],
])("Airflow's language %s is shown in %s", (chosen, shown) => {
  expect(languageFor(chosen)).toBe(shown);
});

test.each([
  ["done in attempt 2", "erledigt in Anlauf 2"],
  ["failed in attempt 2: ValueError", "fehlgeschlagen in Anlauf 2: ValueError"],
  ["depends on a.b, which runs again", "hängt von a.b ab, das erneut läuft"],
  ["depends on a, which failed", "hängt von a ab, das fehlgeschlagen ist"],
  ["Airflow has the task as queued.", "In Airflow ist der Task im Status Wartend."],
  [
    "Airflow has the task as up_for_retry already.",
    "In Airflow ist der Task schon im Status Wartet auf neuen Versuch.",
  ],
  ["Its driver is running.", "Der Driver lebt und arbeitet."],
  ["Its driver is running. Stop it first.", "Der Driver lebt und arbeitet. Halten Sie ihn zuerst an."],
  ["ran again: forced", "erneut gelaufen: erzwungen"],
  ["ran again: failed in attempt 1: OSError", "erneut gelaufen: fehlgeschlagen in Anlauf 1: OSError"],
  [
    "Airflow has another task, which resumes it, as running. Stop it first.",
    "In Airflow ist ein anderer Task, der ihn fortsetzt, im Status Laufend. Halten Sie ihn zuerst an.",
  ],
  [
    "ran: a is recorded as done, and differs now at x.y, and on-change is rerun-from-change",
    "gelaufen: a ist als erledigt verzeichnet und unterscheidet sich jetzt bei x.y, und on-change ist rerun-from-change",
  ],
  [
    "Cannot resume p~r~0: a is recorded as done, and differs now at x: y. Undo the change, start over with auto_resume=False, or allow the change with checkpoint.on-change = restart | rerun-from-change.",
    "p~r~0 kann nicht fortgesetzt werden: a ist als erledigt verzeichnet und unterscheidet sich jetzt bei x: y. Machen Sie die Änderung rückgängig, beginnen Sie mit auto_resume=False von vorn, oder erlauben Sie die Änderung mit checkpoint.on-change = restart | rerun-from-change.",
  ],
  ["disk full", "disk full"],
])("the server's sentence %s is translated if it is known", (sentence, text) => {
  expect(said(sentence)).toBe(sentence);
  show("de", messagesOf("de"));
  expect(said(sentence)).toBe(text);
});

test("the states of Airflow have Airflow's own names", () => {
  expect([stateName("no_status"), stateName("some_new_state")]).toEqual(["No Status", "Some New State"]);
  show("es", messagesOf("es"));
  expect([stateName("queued"), stateName("some_new_state")]).toEqual(["En Cola", "Some New State"]);
});
