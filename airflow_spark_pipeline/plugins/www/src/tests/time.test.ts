import { afterEach, expect, test } from "vitest";

import { chosenZone, formatAge, formatDuration, formatTime } from "../time";

afterEach(() => {
  localStorage.clear();
});

test("a time is shown in the zone that the user chose in Airflow", () => {
  localStorage.setItem("timezone", JSON.stringify("Asia/Tokyo"));
  expect(chosenZone()).toBe("Asia/Tokyo");
  expect(formatTime("2026-01-01T20:30:05.000+00:00", chosenZone())).toBe("2026-01-02 05:30:05");
});

test.each(["Mars/Olympus", 7, null])("an invalid time zone gives the browser's: %s", (stored) => {
  localStorage.setItem("timezone", JSON.stringify(stored));
  expect(chosenZone()).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
});

test.each([
  [0.42, "0.4s"],
  [3, "3s"],
  [59.6, "00:01:00"],
  [3_725, "01:02:05"],
  [90_000, "1d01:00:00"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [30, "just now"],
  [-10, "just now"],
  [150, "2 minutes ago"],
  [7_300, "2 hours ago"],
  [90_000, "yesterday"],
])("a time %d seconds ago is shown as %s", (seconds, text) => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  expect(formatAge(new Date(now - seconds * 1_000).toISOString(), now)).toBe(text);
});
