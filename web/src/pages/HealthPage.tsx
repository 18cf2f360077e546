import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { ConnectionHealth, QueueHealth, SyncHealth, SyncHistoryPoint } from "../api/gen/types.gen";
import { healthQuery, historyQuery } from "../api/queries";
import { type Texts, useText } from "../text";
import { clock, date, moment, number, seconds } from "../text/format";
import { Chart } from "../ui/Chart";
import { IconCheck, IconWarn } from "../ui/icons";
import { Segments } from "../ui/Segments";
import { Empty, Failed, Loading, Stale } from "../ui/states";
import { Time } from "../ui/Time";
import { Title } from "../ui/Title";
import classes from "./HealthPage.module.css";

const hops = ["store_to_waybill", "waybill_to_supplier", "supplier_to_waybill", "waybill_to_store"] as const;

/** How syncing goes: now, and over time. */
export function HealthPage() {
  const t = useText();
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(healthQuery);
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.health.title}</Title>
          <p className="muted">{t.health.lead}</p>
        </div>
      </div>
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && <Now health={data} />}
      <History connections={data?.connections ?? []} />
    </div>
  );
}

const waitsForPerson = (q: QueueHealth) => q.unknown_placements > 0 || q.dead_letters > 0;

function Now({ health }: { health: SyncHealth }) {
  const t = useText();
  const broken = health.connections.some((c) => c.state !== "active" || c.budget.banned_until);
  const shown = health.connections.filter((c) => c.state !== "removed");
  return (
    <>
      {health.notes.length > 0 ? (
        <section className="bar" data-tone="warn" aria-label={t.health.notes}>
          <IconWarn />
          {health.notes.length === 1 ? (
            <span className="grow">{health.notes[0]}</span>
          ) : (
            <ul className={`grow ${classes.notes}`}>
              {health.notes.map((n) => (
                <li key={n}>{n}</li>
              ))}
            </ul>
          )}
        </section>
      ) : (
        !broken &&
        !waitsForPerson(health.queue) &&
        shown.length > 0 && (
          <p className="bar" data-tone="good">
            <IconCheck /> {t.health.good}
          </p>
        )
      )}
      <div className={classes.grid}>
        <Queue queue={health.queue} />
        <Sweeps health={health} />
      </div>
      <h2>{t.health.connections}</h2>
      {shown.length === 0 && (
        <Empty title={t.health.noConnections} action={<Link to="/welcome">{t.frame.nav.welcome}</Link>} />
      )}
      <div className={classes.grid}>
        {shown.map((c) => (
          <OneConnection key={c.id} health={c} />
        ))}
      </div>
    </>
  );
}

function Queue({ queue: q }: { queue: QueueHealth }) {
  const t = useText();
  const words = t.health.queue;
  const rows: { name: string; count: number; since?: string; bad?: boolean; link?: (children: string) => ReactNode }[] =
    [
      {
        name: words.due_orders,
        count: q.due_orders,
        since: q.oldest_due_at,
      },
      { name: words.messages, count: q.messages, since: q.oldest_message_at },
      {
        name: words.pushes,
        count: q.pushes,
        since: q.oldest_push_at,
        link: (c) => (
          <Link to="/orders" search={{ tab: "attention", flag: "push_unconfirmed" }}>
            {c}
          </Link>
        ),
      },
      {
        name: words.unknown_placements,
        count: q.unknown_placements,
        bad: q.unknown_placements > 0,
        link: (c) => (
          <Link to="/orders" search={{ tab: "attention", flag: "place_unknown" }}>
            {c}
          </Link>
        ),
      },
      {
        name: words.dead_letters,
        count: q.dead_letters,
        bad: q.dead_letters > 0,
        link: (c) => (
          <Link to="/activity" search={{ show: "given_up" }}>
            {c}
          </Link>
        ),
      },
    ];
  return (
    <section className="card stack tight" aria-labelledby="queue">
      <h2 id="queue">{words.title}</h2>
      <ul className={classes.queue}>
        {rows.map((r) => (
          <li key={r.name}>
            <span>
              {r.count > 0 && r.link ? r.link(r.name) : r.name}
              {r.count > 0 && r.since && (
                <span className="small muted">
                  {" "}
                  · {words.oldest} <Time at={r.since} as="clock" />
                </span>
              )}
            </span>
            {r.bad ? (
              <span className="pill" data-tone="warn">
                <IconWarn /> {number(r.count)}
              </span>
            ) : (
              <span>{r.count === 0 ? <span className="muted">{words.none}</span> : number(r.count)}</span>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Sweeps({ health }: { health: SyncHealth }) {
  const t = useText();
  const words = t.health.sweep;
  return (
    <section className="card stack tight" aria-labelledby="sweeps">
      <h2 id="sweeps">{words.title}</h2>
      <dl className={`facts ${classes.facts}`}>
        <dt>{words.last}</dt>
        <dd>{health.last_full_sweep_at ? <Time at={health.last_full_sweep_at} as="ago" /> : words.never}</dd>
        <dt>{words.next}</dt>
        <dd>{health.next_full_sweep_at ? <Time at={health.next_full_sweep_at} as="clock" /> : words.off}</dd>
      </dl>
      <p>
        <Link to="/settings" hash="schedule">
          {words.edit}
        </Link>
      </p>
    </section>
  );
}

function OneConnection({ health: c }: { health: ConnectionHealth }) {
  const t = useText();
  const words = t.health;
  const tone = c.state === "active" ? "good" : "bad";
  const own = hops.filter((h) =>
    c.platform === "wix"
      ? h === "store_to_waybill" || h === "waybill_to_store"
      : h === "supplier_to_waybill" || h === "waybill_to_supplier",
  );
  return (
    <section className="card stack" aria-label={c.name}>
      <div className="spread">
        <h3 className="anywhere">{c.name}</h3>
        <span className="pill" data-tone={tone}>
          {words.states[c.state]}
        </span>
      </div>
      <div className="stack tight">
        <h4 className={classes.small}>{words.lags}</h4>
        <ul className={classes.hops} title={words.lagsHint}>
          {own.map((hop) => {
            const lag = c.hops.find((h) => h.hop === hop);
            return (
              <li key={hop}>
                <span>{words.hops[hop]}</span>
                <span className={lag ? "" : "muted"}>
                  {lag ? words.lag(seconds(lag.p50_seconds), seconds(lag.p95_seconds)) : words.notMeasured}
                  {lag && <span className="muted small"> · {words.times(number(lag.count), lag.count === 1)}</span>}
                </span>
              </li>
            );
          })}
        </ul>
      </div>
      <dl className={`facts ${classes.facts}`}>
        <dt>{words.calls}</dt>
        <dd>
          <Budget health={c} />
        </dd>
        <dt>{words.errors}</dt>
        <dd>
          {c.errors.length === 0
            ? words.noErrors
            : c.errors.map((e) => (
                <div key={e.code}>
                  {words.errorOf(number(e.count), words.kinds[e.kind])} <span className="mono muted">{e.code}</span>
                </div>
              ))}
        </dd>
        <dt>{words.lastSuccess}</dt>
        <dd>{c.last_success_at ? <Time at={c.last_success_at} as="ago" /> : words.never}</dd>
        {c.last_error_at && (
          <>
            <dt>{words.lastError}</dt>
            <dd>
              <Time at={c.last_error_at} as="ago" /> <span className="mono muted">{c.last_error_code}</span>
            </dd>
          </>
        )}
        {c.platform === "wix" && (
          <>
            {c.swept_at && (
              <>
                <dt>{words.swept}</dt>
                <dd>
                  <Time at={c.swept_at} as="ago" />
                </dd>
              </>
            )}
            {c.next_sweep_at && (
              <>
                <dt>{words.nextSweep}</dt>
                <dd>
                  <Time at={c.next_sweep_at} as="until" />
                </dd>
              </>
            )}
          </>
        )}
        {c.platform === "aliexpress" && (
          <>
            <dt>{words.openSupplierOrders}</dt>
            <dd>{number(c.open_supplier_orders)}</dd>
            <dt>{words.pace}</dt>
            <dd>
              {c.stretch <= 1.05 ? words.paceAsWished : words.paceSlower(number(Math.round(c.stretch * 10) / 10))}
            </dd>
          </>
        )}
      </dl>
      {c.state !== "active" && (
        <p>
          <Link to="/connections">{t.frame.reconnect}</Link>
        </p>
      )}
    </section>
  );
}

function Budget({ health: { budget: b } }: { health: ConnectionHealth }) {
  const t = useText();
  const words = t.health;
  return (
    <>
      {b.per_hour > 0
        ? words.callsOf(number(b.calls), number(Math.round(b.per_hour)))
        : words.callsFree(number(b.calls))}
      {b.per_hour > 0 && (
        <div>
          <meter
            className={classes.meter}
            min={0}
            max={b.per_hour}
            high={b.per_hour * 0.8}
            value={b.calls}
            aria-label={words.calls}
          />
        </div>
      )}
      {b.refused > 0 && <div>{words.refused(number(b.refused))}</div>}
      {b.waited_seconds >= 1 && <div>{words.waited(seconds(b.waited_seconds))}</div>}
      {b.banned_until && (
        <div>
          <span className="pill" data-tone="bad">
            <IconWarn /> {words.banned} <Time at={b.banned_until} as="clock" />
          </span>
        </div>
      )}
    </>
  );
}

function pointsOf(list: SyncHistoryPoint[], range: "24h" | "30d") {
  return list.map((p) => ({
    short: range === "24h" ? hourOf(p.at) : date(p.at),
    full: range === "24h" ? moment(p.at) : date(p.at),
  }));
}

const hourOf = (at: string) => new Date(at).getHours().toString().padStart(2, "0");

function History({ connections }: { connections: ConnectionHealth[] }) {
  const t = useText();
  const search = useSearch({ from: "/health" });
  const range = search.range === "30d" ? "30d" : "24h";
  const [connection, setConnection] = useState("");
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(historyQuery(range, connection || undefined));
  return (
    <section className="stack" aria-labelledby="history">
      <div className="spread">
        <h2 id="history">{t.health.charts}</h2>
        <div className="row">
          {connections.length > 1 && (
            <NativeSelect
              aria-label={t.health.connection}
              value={connection}
              onChange={(e) => setConnection(e.currentTarget.value)}
              data={[
                { value: "", label: t.health.allConnections },
                ...connections.map((c) => ({ value: c.id, label: c.name })),
              ]}
            />
          )}
          <Segments
            label={t.health.range}
            to="/health"
            choices={(["24h", "30d"] as const).map((r) => ({
              search: { range: r === "24h" ? undefined : r },
              chosen: range === r,
              children: t.health.ranges[r],
            }))}
          />
        </div>
      </div>
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={4} />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && <Charts points={data.points} range={data.range} t={t} />}
    </section>
  );
}

function Charts({ points: list, range, t }: { points: SyncHistoryPoint[]; range: "24h" | "30d"; t: Texts }) {
  const words = t.health.chart;
  const shared = { points: pointsOf(list, range), pointName: range === "24h" ? words.hour : words.day };
  const hop = (p: SyncHistoryPoint, h: (typeof hops)[number]) => p.hops.find((x) => x.hop === h);
  const calls = list.some((p) => p.calls !== undefined);
  const jobs = list.some((p) => p.sync_jobs);
  return (
    <div className={classes.grid}>
      <Chart
        {...shared}
        title={words.lag}
        lead={words.lagLead}
        kind="lines"
        unit="seconds"
        format={seconds}
        none={words.none}
        series={hops.map((h) => ({ name: t.health.hops[h], values: list.map((p) => hop(p, h)?.p95_seconds) }))}
      />
      <Chart
        {...shared}
        title={words.events}
        lead={words.eventsLead}
        kind="bars"
        unit="number"
        format={number}
        none={words.none}
        series={hops.map((h) => ({ name: t.health.hops[h], values: list.map((p) => hop(p, h)?.count ?? 0) }))}
      />
      {calls && (
        <Chart
          {...shared}
          title={words.calls}
          lead={words.callsLead}
          kind="bars"
          unit="number"
          format={number}
          none={words.none}
          series={[{ name: words.calls, values: list.map((p) => p.calls) }]}
        />
      )}
      <Chart
        {...shared}
        title={words.errors}
        lead={words.errorsLead}
        kind="bars"
        unit="number"
        format={number}
        none={words.noErrors}
        series={[{ name: words.errors, values: list.map((p) => p.errors) }]}
      />
      {jobs && (
        <Chart
          {...shared}
          title={words.jobs}
          lead={words.jobsLead}
          kind="bars"
          unit="number"
          format={number}
          none={words.none}
          series={[
            {
              name: words.jobsUnchanged,
              values: list.map((p) =>
                p.sync_jobs ? p.sync_jobs.checked - p.sync_jobs.changed - p.sync_jobs.failed : undefined,
              ),
            },
            { name: words.jobsChanged, values: list.map((p) => p.sync_jobs?.changed) },
            { name: words.jobsFailed, values: list.map((p) => p.sync_jobs?.failed) },
          ]}
        />
      )}
    </div>
  );
}
