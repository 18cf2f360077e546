import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { call } from "../api/call";
import { cancelSyncJob } from "../api/gen/sdk.gen";
import type { SyncJob, SyncScope } from "../api/gen/types.gen";
import { connectionsQuery, type JobsFilter, jobsQuery, moreJobs, queryClient } from "../api/queries";
import { endWords, progressWords, scopeWords } from "../sync/actions";
import { SyncDialog } from "../sync/SyncDialog";
import { useText } from "../text";
import { clock, number } from "../text/format";
import { DropMenu } from "../ui/DropMenu";
import { IconDown, IconSync } from "../ui/icons";
import { Segments } from "../ui/Segments";
import { Empty, Failed, Loading, Stale, sentence } from "../ui/states";
import { Time, useNow } from "../ui/Time";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import classes from "./ActivityPage.module.css";
import { active, starterWords, stateTone, tookWords } from "./activity";
import { DeadLetters } from "./DeadLetters";
import { NumbersDialog, RangeDialog } from "./SyncScopes";

const triggers = ["manual", "automatic"] as const;
const states = ["running", "queued", "done", "cancelled"] as const;

function readFilter(search: Record<string, string | undefined>): JobsFilter {
  return { trigger: triggers.find((x) => x === search.trigger), state: states.find((x) => x === search.state) };
}

/** The syncs that were asked for, and the work that was given up. */
export function ActivityPage() {
  const t = useText();
  const search = useSearch({ from: "/activity" });
  const givenUp = search.show === "given_up";
  const { trigger } = readFilter(search);
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.activity.title}</Title>
          <p className="muted">{t.activity.lead}</p>
        </div>
        <StartMenu />
      </div>
      <Segments
        label={t.activity.show}
        to="/activity"
        choices={[
          { search: { trigger: undefined, show: undefined }, chosen: !givenUp && !trigger, children: t.activity.all },
          ...triggers.map((x) => ({
            search: { trigger: x, show: undefined },
            chosen: !givenUp && trigger === x,
            children: t.activity[x],
          })),
          {
            search: { trigger: undefined, state: undefined, show: "given_up" },
            chosen: givenUp,
            children: t.activity.givenUp,
          },
        ]}
      />
      {givenUp ? <DeadLetters /> : <Jobs filter={readFilter(search)} />}
    </div>
  );
}

function StartMenu() {
  const t = useText();
  const { data } = useQuery(connectionsQuery);
  const [scope, setScope] = useState<SyncScope>();
  const [asks, setAsks] = useState<"range" | "numbers">();
  const stores = data?.connections.filter((c) => c.platform === "wix" && c.state === "active") ?? [];
  return (
    <>
      <DropMenu
        position="bottom-end"
        width={300}
        button={
          <Button leftSection={<IconSync />} rightSection={<IconDown />}>
            {t.activity.start}
          </Button>
        }
        lines={[
          { do: t.activity.startAll, run: () => setScope({ kind: "all" }) },
          ...stores.map((s) => ({
            do: t.activity.startStore(s.name),
            run: () => setScope({ kind: "store", store_id: s.id }),
          })),
          "line",
          { do: t.activity.startRange, run: () => setAsks("range") },
          { do: t.activity.startNumbers, run: () => setAsks("numbers") },
        ]}
      />
      {asks === "range" && (
        <RangeDialog
          stores={stores}
          onClose={() => setAsks(undefined)}
          onScope={(s) => {
            setAsks(undefined);
            setScope(s);
          }}
        />
      )}
      {asks === "numbers" && (
        <NumbersDialog
          stores={stores}
          onClose={() => setAsks(undefined)}
          onScope={(s) => {
            setAsks(undefined);
            setScope(s);
          }}
        />
      )}
      {scope && <SyncDialog scope={scope} onClose={() => setScope(undefined)} />}
    </>
  );
}

function Jobs({ filter }: { filter: JobsFilter }) {
  const t = useText();
  const go = useNavigate();
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(jobsQuery(filter));
  const [loading, setLoading] = useState(false);

  async function more() {
    setLoading(true);
    try {
      await moreJobs(filter);
    } catch (e) {
      toast({ title: t.state.failedTitle, detail: sentence(e), tone: "bad" });
    } finally {
      setLoading(false);
    }
  }

  const running = data?.sync_jobs.filter(active) ?? [];
  const earlier = data?.sync_jobs.filter((j) => !active(j)) ?? [];
  const filtered = filter.state || filter.trigger;
  return (
    <>
      <NativeSelect
        className={classes.state}
        label={t.activity.state}
        value={filter.state ?? ""}
        onChange={(e) =>
          void go({ to: "/activity", search: (s) => ({ ...s, state: e.currentTarget.value || undefined }) })
        }
        data={[
          { value: "", label: t.activity.anyState },
          ...states.map((value) => ({ value, label: t.activity.states[value] })),
        ]}
      />
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data?.sync_jobs.length === 0 && (
        <Empty
          title={filtered ? t.activity.noneTitle : t.activity.emptyTitle}
          action={filtered && <Link to="/activity">{t.activity.all}</Link>}
        >
          {filtered ? t.activity.none : t.activity.empty}
        </Empty>
      )}
      {running.length > 0 && (
        <section className="stack tight" aria-labelledby="running">
          <h2 id="running">{t.activity.runningNow}</h2>
          {running.map((job) => (
            <Running key={job.id} job={job} />
          ))}
        </section>
      )}
      {earlier.length > 0 && (
        <section className="stack tight" aria-labelledby="earlier">
          <h2 id="earlier">{t.activity.earlier}</h2>
          <div className={`card ${classes.flush}`}>
            <table className="table" aria-label={t.activity.list}>
              <thead>
                <tr>
                  <th scope="col">{t.activity.column.what}</th>
                  <th scope="col">{t.activity.column.by}</th>
                  <th scope="col">{t.activity.column.when}</th>
                  <th scope="col">{t.activity.column.state}</th>
                  <th scope="col" className="num">
                    {t.activity.column.orders}
                  </th>
                  <th scope="col" className="num">
                    {t.activity.column.changed}
                  </th>
                  <th scope="col" className="num">
                    {t.activity.column.failed}
                  </th>
                  <th scope="col" className="num">
                    {t.activity.column.took}
                  </th>
                </tr>
              </thead>
              <tbody>
                {earlier.map((job) => (
                  <JobRow key={job.id} job={job} />
                ))}
              </tbody>
            </table>
          </div>
          <div className="row">
            <span className="muted small">{t.activity.loaded(number(data?.sync_jobs.length ?? 0))}</span>
            {data?.next_cursor && (
              <Button variant="default" size="compact-sm" loading={loading} onClick={() => void more()}>
                {t.do.loadMore(50)}
              </Button>
            )}
          </div>
        </section>
      )}
    </>
  );
}

function Running({ job }: { job: SyncJob }) {
  const t = useText();
  const now = useNow();
  return (
    <article className={`card ${classes.running}`}>
      <div className="grow">
        <Link to="/activity/$id" params={{ id: job.id }} className={classes.what}>
          {scopeWords(job.scope)}
        </Link>
        <div className="muted small">
          {starterWords(job)} · {t.sync.directions[job.direction]} · <Time at={job.created_at} as="ago" />
          {tookWords(job, now) && ` · ${tookWords(job, now)}`}
          {job.reason && <> · “{job.reason}”</>}
        </div>
        <progress
          className={classes.progress}
          max={job.total || undefined}
          value={job.total ? job.done : undefined}
          aria-label={scopeWords(job.scope)}
        />
        <div className="small">
          {job.state === "queued" && job.total === 0 ? t.activity.states.queued : progressWords(job)}
        </div>
      </div>
      <StopButton job={job} />
    </article>
  );
}

/** Stops a job; the orders that are being checked are finished. */
export function StopButton({ job }: { job: SyncJob }) {
  const t = useText();
  const [busy, setBusy] = useState(false);
  async function stop() {
    setBusy(true);
    try {
      const stopped = await call(cancelSyncJob({ path: { id: job.id } }));
      queryClient.setQueryData(["job", job.id], stopped);
      await queryClient.invalidateQueries({ queryKey: ["jobs"] });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.do.stop), detail: sentence(e), tone: "bad" });
    } finally {
      setBusy(false);
    }
  }
  return (
    <Button
      variant="default"
      loading={busy}
      onClick={() => void stop()}
      aria-label={t.activity.stopOf(scopeWords(job.scope))}
    >
      {t.do.stop}
    </Button>
  );
}

function JobRow({ job }: { job: SyncJob }) {
  const t = useText();
  const c = t.activity.column;
  const failed = job.refused + job.unreachable;
  return (
    <tr>
      <th scope="row" className={classes.rowHead} title={endWords(job)}>
        <span>
          <Link to="/activity/$id" params={{ id: job.id }} className={classes.what}>
            {scopeWords(job.scope)}
          </Link>
          {job.direction !== "all" && <span className="small muted"> · {t.sync.directions[job.direction]}</span>}
          {job.reason && <span className={`small muted anywhere ${classes.reason}`}>“{job.reason}”</span>}
        </span>
      </th>
      <td data-label={c.by}>{starterWords(job)}</td>
      <td data-label={c.when}>
        <Time at={job.created_at} as="ago" />
      </td>
      <td data-label={c.state}>
        <span className="pill" data-tone={stateTone(job)}>
          {t.activity.states[job.state]}
        </span>
      </td>
      <td data-label={c.orders} className="num">
        {job.done === job.total ? number(job.total) : t.activity.ofTotal(number(job.done), number(job.total))}
      </td>
      <td data-label={c.changed} className="num">
        {number(job.changed)}
      </td>
      <td
        data-label={c.failed}
        className="num"
        title={failed ? t.activity.failedWords(job.refused, job.unreachable) : undefined}
      >
        {number(failed)}
        {failed > 0 && <span className="sr-only"> ({t.activity.failedWords(job.refused, job.unreachable)})</span>}
      </td>
      <td data-label={c.took} className="num">
        {tookWords(job, 0)}
      </td>
    </tr>
  );
}
