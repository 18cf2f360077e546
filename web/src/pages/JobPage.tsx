import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { SyncJob, SyncJobItem } from "../api/gen/types.gen";
import { jobOutcomesQuery, jobQuery, queryClient } from "../api/queries";
import { endWords, progressWords, scopeWords } from "../sync/actions";
import { SyncDialog } from "../sync/SyncDialog";
import { type Texts, useText } from "../text";
import { clock, moment, number } from "../text/format";
import { IconLeft, IconRight, IconSync } from "../ui/icons";
import { May } from "../ui/May";
import { Empty, Failed, Loading, Stale } from "../ui/states";
import { Time, useNow } from "../ui/Time";
import { Title } from "../ui/Title";
import { StopButton } from "./ActivityPage";
import classes from "./ActivityPage.module.css";
import { active, type Ending, ending, endingTone, starterWords, stateTone, tookWords } from "./activity";

/** One sync: how far it is, and what became of each order. */
export function JobPage() {
  const t = useText();
  const { id } = useParams({ from: "/activity/$id" });
  // Only the answer to who asked says that a job was joined; reading it again forgets it.
  const [joined] = useState(() => queryClient.getQueryData<SyncJob>(["job", id])?.joined ?? false);
  const { data: job, error, isPending, refetch, dataUpdatedAt } = useQuery(jobQuery(id));
  const [again, setAgain] = useState(false);
  const back = (
    <Link to="/activity" className="row">
      <IconLeft /> {t.activity.job.back}
    </Link>
  );
  if (isPending) return <Loading />;
  if (!job)
    return (
      <div className="stack">
        {back}
        <Failed error={error} onRetry={() => void refetch()} />
      </div>
    );
  return (
    <div className="stack">
      {back}
      <div className="pageHead">
        <div>
          <Title
            after={
              <>
                {" "}
                <span className="pill" data-tone={stateTone(job)}>
                  {t.activity.states[job.state]}
                </span>
              </>
            }
          >
            {scopeWords(job.scope)}
          </Title>
          <p className="muted">{active(job) ? progressWords(job) : endWords(job)}</p>
        </div>
        <div className="row">
          {active(job) ? (
            <StopButton job={job} />
          ) : (
            <May scope="sync:write">
              <Button leftSection={<IconSync />} variant="default" onClick={() => setAgain(true)}>
                {t.activity.job.again}
              </Button>
            </May>
          )}
        </div>
      </div>
      {joined && (
        <p className="bar" data-tone="info">
          {t.activity.job.joined}
        </p>
      )}
      {error && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {active(job) && (
        <progress
          className={classes.progress}
          max={job.total || undefined}
          value={job.total ? job.done : undefined}
          aria-label={t.sync.running}
        />
      )}
      <Facts job={job} />
      <Outcomes job={job} />
      {again && <SyncDialog scope={job.scope} onClose={() => setAgain(false)} />}
    </div>
  );
}

function scopeDetail(job: SyncJob, t: Texts): string {
  const { scope } = job;
  if (scope.kind === "range" && scope.placed_from)
    return t.activity.job.range(
      moment(scope.placed_from),
      scope.placed_to ? moment(scope.placed_to) : t.activity.job.untilNow,
    );
  return scope.external_ids?.join(", ") ?? "";
}

function Facts({ job }: { job: SyncJob }) {
  const t = useText();
  const now = useNow();
  const words = t.activity.job;
  const detail = scopeDetail(job, t);
  return (
    <section className="card" aria-label={words.facts}>
      <dl className="facts">
        <dt>{words.scope}</dt>
        <dd>
          {scopeWords(job.scope)}
          {detail && ` (${detail})`}
        </dd>
        <dt>{words.by}</dt>
        <dd>{starterWords(job)}</dd>
        {job.reason && (
          <>
            <dt>{words.reason}</dt>
            <dd>{job.reason}</dd>
          </>
        )}
        <dt>{words.direction}</dt>
        <dd>{t.sync.directions[job.direction]}</dd>
        <dt>{words.asked}</dt>
        <dd>
          <Time at={job.created_at} />
        </dd>
        {job.started_at ? (
          <>
            <dt>{words.took}</dt>
            <dd>{tookWords(job, now)}</dd>
          </>
        ) : (
          active(job) && (
            <>
              <dt>{words.began}</dt>
              <dd>{words.waits}</dd>
            </>
          )
        )}
        {job.finished_at && (
          <>
            <dt>{words.ended}</dt>
            <dd>
              <Time at={job.finished_at} />
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

const endings = ["changed", "unchanged", "refused", "unreachable", "open", "left"] as const;

function Outcomes({ job }: { job: SyncJob }) {
  const t = useText();
  const words = t.activity.job;
  const running = active(job);
  const { data, error, isPending, refetch, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(jobOutcomesQuery(job.id, running));
  const [only, setOnly] = useState<Ending | "">("");
  // The last outcomes come with the end.
  useEffect(() => {
    if (!running) void queryClient.invalidateQueries({ queryKey: ["job outcomes", job.id] });
  }, [running, job.id]);
  const items = data?.pages.flatMap((p) => p.items) ?? [];
  const there = endings.filter((e) => items.some((i) => ending(i, running) === e));
  const shown = items.filter((i) => only === "" || ending(i, running) === only);
  return (
    <section className="stack tight" aria-labelledby="outcomes">
      <div className="spread">
        <h2 id="outcomes">{words.outcomes}</h2>
        {(there.length > 1 || only) && (
          <NativeSelect
            label={words.filter}
            value={only}
            onChange={(e) => setOnly(e.currentTarget.value as Ending | "")}
            data={[
              { value: "", label: `${words.any} (${items.length})` },
              ...endings
                .filter((e) => there.includes(e) || e === only)
                .map((value) => ({
                  value,
                  label: `${words.outcome[value]} (${items.filter((i) => ending(i, running) === value).length})`,
                })),
            ]}
          />
        )}
      </div>
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && items.length === 0 && (
        <Empty title={running ? t.sync.listing : words.emptyTitle}>{running ? words.listing : words.empty}</Empty>
      )}
      {items.length > 0 && shown.length === 0 && <p className="muted">{words.noneSuch}</p>}
      {shown.length > 0 && (
        <div className={`card ${classes.flush}`}>
          <table className="table" aria-label={words.list}>
            <thead>
              <tr>
                <th scope="col">{words.column.order}</th>
                <th scope="col">{words.column.outcome}</th>
                <th scope="col">{words.column.status}</th>
                <th scope="col">{words.column.what}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((i) => (
                <Item key={i.order_id} item={i} running={running} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {items.length > 0 && (
        <div className="row">
          <span className="muted small">{words.loaded(number(items.length), number(job.total))}</span>
          {hasNextPage && (
            <Button
              variant="default"
              size="compact-sm"
              loading={isFetchingNextPage}
              onClick={() => void fetchNextPage()}
            >
              {t.do.loadMore(100)}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

function Item({ item, running }: { item: SyncJobItem; running: boolean }) {
  const t = useText();
  const words = t.activity.job;
  const end = ending(item, running);
  // What changed is told sentence by sentence; the reason repeats the last of them.
  const sentences = item.changes.length > 0 ? item.changes : item.why ? [item.why] : [];
  return (
    <tr>
      <th scope="row" className={classes.rowHead} data-label={words.column.order}>
        <span>
          <Link to="/orders" search={{ order: item.order_id }} className={classes.what}>
            {item.number}
          </Link>{" "}
          <span className="muted">{item.buyer_name}</span>
        </span>
      </th>
      <td data-label={words.column.outcome}>
        <span className="pill" data-tone={endingTone[end]}>
          {words.outcome[end]}
        </span>
      </td>
      <td data-label={words.column.status}>
        <span>
          {item.before && item.after && item.before !== item.after ? (
            <>
              {t.tabs[item.before]} <IconRight className={classes.arrow} />
              <span className="sr-only">{words.arrow}</span> <strong>{t.tabs[item.after]}</strong>
            </>
          ) : (
            (item.after ?? item.before) && t.tabs[item.after ?? item.before ?? "pending"]
          )}
        </span>
      </td>
      <td className={classes.sentences}>
        {sentences.length > 1 ? (
          <ul className={classes.bullets}>
            {sentences.map((s) => (
              <li key={s}>{s}</li>
            ))}
          </ul>
        ) : (
          sentences[0]
        )}
      </td>
    </tr>
  );
}
