import { useEffect, useState, useSyncExternalStore } from "react";

import { language, t } from "./texts";

const KEY = "timezone"; // where Airflow's UI keeps the zone that the user chose, as JSON

const subscribe = (changed: () => void): (() => void) => {
  window.addEventListener("storage", changed);
  window.addEventListener("local-storage", changed); // how Airflow's UI tells its own window
  return () => {
    window.removeEventListener("storage", changed);
    window.removeEventListener("local-storage", changed);
  };
};

/** The time zone that the user chose in Airflow, otherwise the browser's. */
export const chosenZone = (): string => {
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (typeof stored !== "string") return local;
    new Intl.DateTimeFormat("en", { timeZone: stored });
    return stored;
  } catch {
    return local;
  }
};

export const useZone = (): string => useSyncExternalStore(subscribe, chosenZone);

/** Milliseconds since 1970, renewed while `running`. */
export const useNow = (running: boolean, every = 1_000): number => {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, every);
    return () => {
      clearInterval(timer);
    };
  }, [running, every]);
  return now;
};

/** `2026-11-22 14:05:09`, as everywhere in Airflow. */
export const formatTime = (iso: string, zone: string): string =>
  new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone }).format(new Date(iso));

/** As Airflow shows durations: `00:02:45`, `1d02:00:00`; below ten seconds `2.3s`. */
export const formatDuration = (seconds: number): string => {
  if (seconds < 9.95) return `${seconds.toFixed(1).replace(/\.0$/, "")}s`;
  const whole = Math.round(seconds);
  const days = Math.floor(whole / 86_400);
  const parts = [Math.floor(whole / 3_600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  return `${days > 0 ? `${String(days)}d` : ""}${parts.map((part) => String(part).padStart(2, "0")).join(":")}`;
};

/** The seconds between two times; null if one of them is unknown. */
export const between = (start: string | null, end: string | null): number | null =>
  start === null || end === null ? null : Math.max(0, (Date.parse(end) - Date.parse(start)) / 1_000);

/** `5 minutes ago`. */
export const formatAge = (iso: string, now: number): string => {
  const seconds = Math.min(0, (new Date(iso).getTime() - now) / 1_000);
  const words = new Intl.RelativeTimeFormat(`${language}-u-nu-latn`, { numeric: "auto" });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ];
  for (const [unit, size] of steps) {
    if (-seconds >= size) return words.format(Math.ceil(seconds / size), unit);
  }
  return t.ago.now;
};
