import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { now } from "../api/clock";
import { connectionsQuery, healthQuery, queryClient } from "../api/queries";
import { useLive } from "../live";
import { useText } from "../text";
import { clock } from "../text/format";
import { IconWarn } from "../ui/icons";
import { Stale } from "../ui/states";
import classes from "./Frame.module.css";

// A stream that breaks off is mostly back at once; a bar that comes and goes would only frighten.
const patience = 5000;

/** What is wrong with the whole of it: no answer, a broken connection, a platform that takes no calls. At most two at once. */
export function Bars() {
  const offline = useOffline();
  const t = useText();
  const { data: connections } = useQuery(connectionsQuery);
  const { data: health } = useQuery(healthQuery);
  const broken = connections?.connections.filter((c) => c.state === "needs_reauth") ?? [];
  const banned = health?.connections.find((c) => c.budget.banned_until && Date.parse(c.budget.banned_until) > now());
  const bars = [
    offline && <Stale key="offline" since={offline} onRetry={() => void queryClient.invalidateQueries()} />,
    ...broken.map((c) => (
      <div key={c.id} className="bar" data-tone="bad" role="status">
        <IconWarn />
        <span className="grow">{t.frame.broken(c.name)}</span>
        <Button size="compact-sm" variant="default" renderRoot={(props) => <Link {...props} to="/connections" />}>
          {t.frame.reconnect}
        </Button>
      </div>
    )),
    banned?.budget.banned_until && (
      <div key="limit" className="bar" data-tone="warn" role="status">
        <IconWarn />
        <span className="grow">{t.frame.limited(banned.name, clock(banned.budget.banned_until))}</span>
        <Link to="/health">{t.do.details}</Link>
      </div>
    ),
  ].filter(Boolean);
  if (bars.length === 0) return null;
  return <div className={classes.bars}>{bars.slice(0, 2)}</div>;
}

/** Since when nothing has been heard, in words; empty while all is well. */
function useOffline(): string {
  const { live, since } = useLive();
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (live) return;
    const timer = setTimeout(() => setLate(true), Math.max(0, since + patience - now()));
    return () => clearTimeout(timer);
  }, [live, since]);
  return late && !live ? clock(new Date(since).toISOString()) : "";
}
