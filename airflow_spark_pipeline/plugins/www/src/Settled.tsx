import { type ReactNode, useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router-dom";

import { Loading } from "./parts";

const FALLBACK_MS = 200;
let settled = false;

/**
 * Show the children once Airflow will not mount them anew.
 *
 * Airflow first renders a plugin as a lazy component, and from its next render on as the plain one. React takes these
 * for two components: the first change of the address would throw away what the user has typed, selected and scrolled
 * to. So the address is replaced by itself once, before there is anything to lose.
 */
export const Settled = ({ children }: { children: ReactNode }) => {
  const [ready, setReady] = useState(settled);
  const location = useLocation();
  const navigate = useNavigate();
  useEffect(() => {
    if (settled) return;
    settled = true;
    void navigate(location, { replace: true, state: location.state as unknown, preventScrollReset: true });
    // An Airflow that does not mount it anew leaves this one here.
    setTimeout(() => {
      setReady(true);
    }, FALLBACK_MS);
  }, [location, navigate]);
  return ready ? children : <Loading />;
};
