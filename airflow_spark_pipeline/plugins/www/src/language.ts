// The language that the user chose in Airflow.

import { useEffect, useState, useSyncExternalStore } from "react";

import { root } from "./api";
import type { Messages } from "./messages";
import { language, show } from "./texts";

/** The languages besides English, as Airflow names them; each is a file of public/locales. */
export const LANGUAGES = ["ar", "de", "es", "fr", "ja", "pt", "zh-CN"] as const;

const KEY = "i18nextLng"; // where Airflow's UI keeps the chosen language

/** The page's language for one of Airflow's: `de` for `de-AT`, English if there is no translation. */
export const languageFor = (chosen: string): string => {
  const known: readonly string[] = LANGUAGES;
  if (known.includes(chosen)) return chosen;
  const base = chosen.split("-")[0] ?? "";
  return known.includes(base) ? base : "en";
};

const chosen = (): string => languageFor(localStorage.getItem(KEY) ?? document.documentElement.lang);

const subscribe = (changed: () => void): (() => void) => {
  const observer = new MutationObserver(changed); // Airflow's UI names the language there when it has changed it
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  window.addEventListener("storage", changed);
  return () => {
    observer.disconnect();
    window.removeEventListener("storage", changed);
  };
};

const load = async (code: string): Promise<void> => {
  if (code === language) return;
  if (code === "en") {
    show(code, {});
    return;
  }
  const response = await fetch(`${root()}/spark-pipeline/static/locales/${code}.json`);
  if (!response.ok) throw new Error(response.statusText);
  show(code, (await response.json()) as Messages);
};

/** The current language; undefined until the first texts are loaded. */
export const useLanguage = (): string | undefined => {
  const wanted = useSyncExternalStore(subscribe, chosen);
  const [shown, setShown] = useState(wanted === language ? wanted : undefined);
  useEffect(() => {
    let current = true;
    load(wanted).then(
      () => {
        if (current) setShown(wanted);
      },
      () => {
        if (current) setShown(language); // without its texts, the page stays in the language it has
      },
    );
    return () => {
      current = false;
    };
  }, [wanted]);
  return shown;
};
