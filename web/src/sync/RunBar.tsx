import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { call } from "../api/call";
import { cancelSyncJob } from "../api/gen/sdk.gen";
import type { SyncJob } from "../api/gen/types.gen";
import { newestJobsQuery } from "../api/queries";
import { useText } from "../text";
import { announce } from "../ui/announce";
import { May } from "../ui/May";
import { sentence } from "../ui/states";
import { toast } from "../ui/toasts";
import { endWords, isWatched, progressWords, scopeWords } from "./actions";
import classes from "./RunBar.module.css";

const active = (j: SyncJob) => j.state === "queued" || j.state === "running";

/** The sync that is under way, on every page: what it is about, how far it is, and how to stop it. Its end is told once. */
export function RunBar() {
  const t = useText();
  const { data } = useQuery(newestJobsQuery);
  const jobs = data?.sync_jobs.filter((j) => active(j) && (j.trigger === "manual" || isWatched(j.id))) ?? [];
  useEnds(data?.sync_jobs ?? []);
  const [stopping, setStopping] = useState("");
  const job = jobs[0];
  if (!job) return null;

  async function stop(id: string) {
    setStopping(id);
    try {
      await call(cancelSyncJob({ path: { id } }));
    } catch (e) {
      setStopping("");
      toast({ title: t.state.actionFailed(t.do.stop), detail: sentence(e), tone: "bad" });
    }
  }

  return (
    <section className={`bar ${classes.run}`} data-tone="info" aria-label={t.sync.running}>
      <div className="grow">
        <strong>{scopeWords(job.scope)}</strong> <span>{progressWords(job)}</span>
        {jobs.length > 1 && <span> · {t.sync.andMore(jobs.length - 1)}</span>}
        <progress
          className={classes.progress}
          max={job.total || undefined}
          value={job.total ? job.done : undefined}
          aria-label={t.sync.running}
        />
      </div>
      <May scope="sync:write">
        <Button variant="default" size="compact-sm" onClick={() => void stop(job.id)} loading={stopping === job.id}>
          {t.do.stop}
        </Button>
      </May>
      <Link to="/activity/$id" params={{ id: job.id }}>
        {t.do.details}
      </Link>
    </section>
  );
}

/** Tells when a job that was seen running here has ended. */
function useEnds(jobs: SyncJob[]) {
  const t = useText();
  const go = useNavigate();
  const running = useRef(new Set<string>());
  useEffect(() => {
    for (const job of jobs) {
      if (active(job)) {
        if (job.trigger === "manual" || isWatched(job.id)) running.current.add(job.id);
        continue;
      }
      const seen = running.current.delete(job.id);
      // A job of one order may end before it is seen to run.
      if ((!seen && !isWatched(job.id)) || told.has(job.id)) continue;
      told.add(job.id);
      const title = job.state === "cancelled" ? t.sync.cancelled : t.sync.finished;
      const detail = `${scopeWords(job.scope)}: ${endWords(job)}`;
      announce(`${title}. ${detail}`);
      toast({
        title,
        detail,
        tone: job.refused + job.unreachable > 0 ? "bad" : "good",
        action: {
          label: t.sync.showResult,
          run: () => void go({ to: "/activity/$id", params: { id: job.id } }),
        },
      });
    }
  }, [jobs, t, go]);
}

const told = new Set<string>();
