import { useCallback, useEffect, useRef, useState } from "react";

/** Milliseconds between two questions while something runs, and while nothing does. */
export const ACTIVE_MS = 3_000;
export const IDLE_MS = 30_000;

export interface Polled<T> {
  /** The last answer; it stays while a newer one is asked for, so that nothing flickers. */
  data: T | undefined;
  error: Error | undefined;
  /** Whether the data belongs to another question than the one that is asked now. */
  stale: boolean;
  refresh: () => void;
}

/**
 * Ask again and again: soon while something runs, seldom otherwise, never while the page is hidden.
 *
 * @param question names what is asked; another name is asked at once
 */
export const usePolling = <T extends { active: boolean }>(
  question: string,
  load: (signal: AbortSignal) => Promise<T>,
): Polled<T> => {
  const [answer, setAnswer] = useState<{ question: string; data: T }>();
  const [error, setError] = useState<Error>();
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });

  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let due = true;
    let busy = false;

    const ask = async (): Promise<void> => {
      if (document.hidden || busy) return;
      clearTimeout(timer);
      due = false;
      busy = true;
      let pause = IDLE_MS;
      try {
        const data = await latest.current(abort.signal);
        if (abort.signal.aborted) return;
        // The same answer keeps its identity: what is shown of it is not drawn again.
        setAnswer((known) =>
          known?.question === question && JSON.stringify(known.data) === JSON.stringify(data)
            ? known
            : { question, data },
        );
        setError(undefined);
        pause = data.active ? ACTIVE_MS : IDLE_MS;
      } catch (caught) {
        if (abort.signal.aborted) return;
        setError(caught instanceof Error ? caught : new Error(String(caught)));
      } finally {
        busy = false;
      }
      timer = setTimeout(() => {
        due = true;
        void ask();
      }, pause);
    };
    const shown = (): void => {
      if (!document.hidden && due) void ask();
    };

    void ask();
    document.addEventListener("visibilitychange", shown);
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [question, round]);

  const refresh = useCallback(() => {
    setRound((count) => count + 1);
  }, []);
  return { data: answer?.data, error, stale: answer !== undefined && answer.question !== question, refresh };
};
