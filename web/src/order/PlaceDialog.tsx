import { Button, Checkbox, NativeSelect, Textarea, TextInput } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useId, useRef, useState } from "react";
import { asFailure, call } from "../api/call";
import { now } from "../api/clock";
import { listOrders, preflightOrder } from "../api/gen/sdk.gen";
import type { ListOrdersData, PlacingProblem, Preflight, PreflightLine } from "../api/gen/types.gen";
import { connectionsQuery, orderQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { money, number, zone } from "../text/format";
import { announce } from "../ui/announce";
import { Dialog } from "../ui/Dialog";
import { IconCheck, IconWarn } from "../ui/icons";
import { Loading, sentence } from "../ui/states";
import { AddressLines } from "./Facts";
import { knownOrder } from "./known";
import classes from "./order.module.css";
import {
  type Checked,
  moneyOf,
  type Placed,
  placeAll,
  pool,
  problemsOf,
  type Sum,
  sortOut,
  sumsOf,
  sumWords,
} from "./placing";

/** The most that is placed at once. */
const most = 200;

// The second click of a double click must not close what the first one brought, in milliseconds.
const doubleClick = 800;

type Filter = Omit<NonNullable<ListOrdersData["query"]>, "cursor" | "limit">;

interface PlaceDialogProps {
  orderIds: string[];
  /** Instead of ids: the first 200 of what a list shows. They are read first, so that what was reviewed is what is placed. */
  filter?: Filter;
  onClose: () => void;
}

/**
 * Buys for one order or many: shows first what would be bought, what it costs and what stands against it, then places what the
 * reader has left in, once.
 */
export function PlaceDialog({ orderIds, filter, onClose }: PlaceDialogProps) {
  const t = useText();
  const { data } = useQuery(connectionsQuery);
  const accounts = data?.connections.filter((c) => c.platform === "aliexpress" && c.state === "active");
  const several = (accounts?.length ?? 0) > 1;
  const [account, setAccount] = useState("");
  const [note, setNote] = useState("");
  const [hold, setHold] = useState("");
  const [reason, setReason] = useState("");
  const [wrongHold, setWrongHold] = useState("");
  const [leftOut, setLeftOut] = useState<ReadonlySet<string>>(new Set());
  const [placed, setPlaced] = useState<ReadonlyMap<string, Placed>>();
  const [going, setGoing] = useState<readonly Checked[]>([]);
  const [done, setDone] = useState(false);
  const sent = useRef(false); // at once, before anything is drawn: a second click finds it set
  const [fresh, setFresh] = useState(false);
  const choosing = several && !account;
  const review = useReview(orderIds, filter, account, !!accounts && !choosing);
  const { ready, blocked, unchecked } = sortOut(review.checks);
  const chosen = ready.filter((c) => !leftOut.has(c.id));
  const sums = sumsOf(chosen);

  async function place() {
    if (hold && !(Date.parse(hold) > now())) {
      setWrongHold(t.order.untilWrong);
      return;
    }
    if (sent.current || chosen.length === 0) return;
    sent.current = true;
    setFresh(true);
    setTimeout(() => setFresh(false), doubleClick);
    setGoing(chosen);
    setPlaced(new Map(chosen.map((c) => [c.id, { outcome: "waiting" }])));
    await placeAll(
      chosen,
      {
        account_id: account || undefined,
        hold_until: hold ? new Date(hold).toISOString() : undefined,
        note: note.trim(),
        reason: reason.trim(),
      },
      (id, one) => setPlaced((before) => new Map(before).set(id, one)),
    );
    for (const key of ["order", "orders", "pay list"]) void queryClient.invalidateQueries({ queryKey: [key] });
    setDone(true);
  }

  const sending = !!placed && !done;
  const unclear = sending && [...placed.values()].some((p) => p.outcome === "unclear");
  // What is being sent is watched to its end; only when no answer came may one look elsewhere meanwhile.
  const close = () => {
    if (!fresh && (!sending || unclear)) onClose();
  };
  const isChecked = review.checks.length === review.of && !review.listing && !choosing;

  return (
    <Dialog
      title={t.place.title(review.of || orderIds.length)}
      size="large"
      onClose={close}
      actions={
        placed ? (
          <>
            {done && (
              <Button variant="default" renderRoot={(props) => <Link {...props} to="/pay" onClick={onClose} />}>
                {t.place.toPay}
              </Button>
            )}
            <Button onClick={close} disabled={fresh || (sending && !unclear)}>
              {t.place.close}
            </Button>
          </>
        ) : (
          <>
            <Button variant="default" onClick={onClose}>
              {t.do.cancel}
            </Button>
            {(!isChecked || ready.length > 0) && (
              <Button disabled={!isChecked || chosen.length === 0} onClick={() => void place()}>
                {t.place.go(chosen.length, sumWords(sums))}
              </Button>
            )}
          </>
        )
      }
    >
      {placed ? (
        <Results going={going} placed={placed} leftOut={review.of - going.length} done={done} />
      ) : (
        <div className="stack">
          {several && (
            <NativeSelect
              label={t.place.account}
              value={account}
              onChange={(e) => setAccount(e.currentTarget.value)}
              data={[
                { value: "", label: t.place.chooseAccount },
                ...(accounts ?? []).map((a) => ({ value: a.id, label: a.name })),
              ]}
            />
          )}
          {!choosing && !isChecked && <Progress listing={review.listing} done={review.checks.length} of={review.of} />}
          {review.failure !== undefined && (
            <p className="bar" data-tone="bad" role="alert">
              <IconWarn /> <span className="grow">{sentence(review.failure)}</span>
              <Button variant="default" size="compact-sm" onClick={review.again}>
                {t.do.retry}
              </Button>
            </p>
          )}
          {review.cut && <p className="muted">{t.place.cut(number(most))}</p>}
          <Blocked checks={blocked} alone={review.of === 1} onClose={onClose} />
          {isChecked && unchecked.length > 0 && (
            <Unchecked checks={unchecked} onClose={onClose} onAgain={review.again} />
          )}
          {ready.length > 0 && (
            <Ready
              checks={ready}
              leftOut={leftOut}
              alone={review.of === 1}
              onChange={(id, included) => {
                const next = new Set(leftOut);
                if (included) next.delete(id);
                else next.add(id);
                setLeftOut(next);
              }}
            />
          )}
          {isChecked && ready.length === 0 && review.of !== 1 && <p>{t.place.nothing}</p>}
          {ready.length > 0 && (
            <>
              <Sums sums={sums} />
              <Textarea
                label={t.place.note}
                description={t.place.noteHint}
                rows={2}
                maxLength={500}
                value={note}
                onChange={(e) => setNote(e.currentTarget.value)}
              />
              <div className={classes.address}>
                <TextInput
                  type="datetime-local"
                  label={t.place.hold}
                  description={t.place.holdHint(zone())}
                  value={hold}
                  error={wrongHold}
                  onChange={(e) => {
                    setHold(e.currentTarget.value);
                    setWrongHold("");
                  }}
                />
                <TextInput
                  label={t.place.reason}
                  description={t.place.reasonHint}
                  maxLength={500}
                  value={reason}
                  onChange={(e) => setReason(e.currentTarget.value)}
                />
              </div>
              <p className="muted">{t.place.unpaid}</p>
            </>
          )}
        </div>
      )}
    </Dialog>
  );
}

interface Review {
  /** How many orders are to be checked; 0 while they are listed. */
  of: number;
  checks: readonly Checked[];
  listing: boolean;
  /** The list holds more than can be placed at once. */
  cut: boolean;
  failure?: unknown;
  again: () => void;
}

/** Checks the orders, four at a time, as long as the dialog is open. */
function useReview(orderIds: string[], filter: Filter | undefined, account: string, start: boolean): Review {
  const [checks, setChecks] = useState<readonly Checked[]>([]);
  const [all, setAll] = useState<Found>();
  const [failure, setFailure] = useState<unknown>();
  const [round, setRound] = useState(0);
  // What was selected when the dialog was opened counts; the list behind it goes on living.
  const first = useRef({ orderIds, filter });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks again
  useEffect(() => {
    if (!start) return;
    let stopped = false;
    setChecks([]);
    setFailure(undefined);
    const run = async () => {
      const found = await idsOf(first.current.orderIds, first.current.filter);
      if (stopped) return;
      setAll(found);
      await pool(
        found.ids,
        4,
        async (id) => {
          const one = await check(id, found.numbers.get(id), account);
          if (!stopped) setChecks((before) => [...before, one]);
        },
        () => stopped,
      );
    };
    run().catch((e) => {
      if (!stopped) setFailure(e);
    });
    return () => {
      stopped = true;
    };
  }, [start, account, round]);
  // In the order of the list, however they were answered.
  const place = new Map(all?.ids.map((id, i) => [id, i]));
  const sorted = checks.toSorted((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
  return {
    of: all?.ids.length ?? 0,
    checks: sorted,
    listing: start && !all && failure === undefined,
    cut: all?.cut ?? false,
    failure,
    again: () => setRound((n) => n + 1),
  };
}

/** The orders to place, with the numbers of those that were read from a list. */
interface Found {
  ids: string[];
  numbers: ReadonlyMap<string, string>;
  cut: boolean;
}

async function idsOf(orderIds: string[], filter?: Filter): Promise<Found> {
  if (!filter) return { ids: orderIds.slice(0, most), numbers: new Map(), cut: orderIds.length > most };
  const page = await call(listOrders({ query: { ...filter, limit: most } }));
  return {
    ids: page.orders.map((o) => o.id),
    numbers: new Map(page.orders.map((o) => [o.id, o.number])),
    cut: !!page.next_cursor,
  };
}

async function check(id: string, number: string | undefined, account: string): Promise<Checked> {
  let name = number ?? knownOrder(id)?.number ?? "";
  try {
    if (!name) name = (await queryClient.fetchQuery(orderQuery(id))).number;
    const preflight = await call(preflightOrder({ path: { id }, body: { account_id: account || undefined } }));
    return { id, number: name, preflight };
  } catch (e) {
    return { id, number: name || id.slice(0, 8), failure: asFailure(e) };
  }
}

function Progress({ listing, done, of }: { listing: boolean; done: number; of: number }) {
  const t = useText();
  const name = useId();
  return (
    <div className="stack tight" role="status">
      <span id={name}>{listing ? t.place.listing : t.place.checking(done, of)}</span>
      <progress
        className={classes.progress}
        max={of || undefined}
        value={of ? done : undefined}
        aria-labelledby={name}
      />
      <span className="muted small">{t.place.checkingHint}</span>
      {of <= 1 && <Loading rows={3} />}
    </div>
  );
}

function OrderLink({ check: c, onClose }: { check: Checked; onClose: () => void }) {
  const t = useText();
  return (
    <Link to="/orders/$id" params={{ id: c.id }} onClick={onClose}>
      {t.place.openOrder(c.number)}
    </Link>
  );
}

function Blocked({ checks, alone, onClose }: { checks: readonly Checked[]; alone: boolean; onClose: () => void }) {
  const t = useText();
  if (checks.length === 0) return null;
  return (
    <section aria-label={alone ? t.place.blockedOne : t.place.blocked(checks.length)}>
      <div className="bar" data-tone="bad">
        <IconWarn />
        <div className="grow">
          <h3>{alone ? t.place.blockedOne : t.place.blocked(checks.length)}</h3>
          {!alone && <p>{t.place.blockedHint}</p>}
        </div>
      </div>
      <ul>
        {checks.map((c) => (
          <li key={c.id} className={`${classes.orderBox} stack tight`}>
            {!alone && <OrderLink check={c} onClose={onClose} />}
            <Problems problems={c.preflight ? problemsOf(c.preflight).filter((p) => p.blocks) : []} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Problems({ problems }: { problems: readonly PlacingProblem[] }) {
  return (
    <ul className="stack tight">
      {problems.map((p) => (
        <li key={`${p.code}${p.line_id}${p.detail}`} className="anywhere">
          {p.detail} <span className="muted">{p.next_action}</span>
        </li>
      ))}
    </ul>
  );
}

interface UncheckedProps {
  checks: readonly Checked[];
  onClose: () => void;
  onAgain: () => void;
}

function Unchecked({ checks, onClose, onAgain }: UncheckedProps) {
  const t = useText();
  return (
    <section aria-label={t.place.unchecked(checks.length)}>
      <div className="bar" data-tone="warn">
        <IconWarn />
        <h3 className="grow">{t.place.unchecked(checks.length)}</h3>
        <Button variant="default" size="compact-sm" onClick={onAgain}>
          {t.place.checkAgain}
        </Button>
      </div>
      <ul>
        {checks.map((c) => (
          <li key={c.id} className={classes.orderBox}>
            <OrderLink check={c} onClose={onClose} />: {sentence(c.failure)}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface ReadyProps {
  checks: readonly Checked[];
  leftOut: ReadonlySet<string>;
  alone: boolean;
  onChange: (id: string, included: boolean) => void;
}

function Ready({ checks, leftOut, alone, onChange }: ReadyProps) {
  const t = useText();
  // A few are shown in full; of many a line each, to be opened.
  const short = checks.length > 3;
  return (
    <section aria-label={t.place.ready(checks.length)}>
      {!alone && <h3>{t.place.ready(checks.length)}</h3>}
      <ul>
        {checks.map((c) => {
          const p = c.preflight as Preflight;
          const detail = <Purchase preflight={p} />;
          return (
            <li key={c.id} className={classes.orderBox}>
              {alone ? (
                detail
              ) : (
                <>
                  <div className="spread">
                    <Checkbox
                      label={t.place.openOrder(c.number)}
                      aria-label={t.place.include(c.number)}
                      checked={!leftOut.has(c.id)}
                      onChange={(e) => onChange(c.id, e.currentTarget.checked)}
                    />
                    <span>{sumWords(sumsOf([c]))}</span>
                  </div>
                  <div className={classes.group}>
                    {short ? (
                      <details className={classes.details}>
                        <summary className="small">
                          {p.groups.map((g) => g.supplier_store_name || g.supplier_store_id).join(", ")}
                        </summary>
                        {detail}
                      </details>
                    ) : (
                      detail
                    )}
                  </div>
                </>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Purchase({ preflight: p }: { preflight: Preflight }) {
  const t = useText();
  const warnings = problemsOf(p).filter((x) => !x.blocks);
  return (
    <div className="stack tight">
      {p.groups.map((g) => (
        <div key={g.supplier_store_id} className="stack tight">
          <p className="muted small">{t.place.from(g.supplier_store_name || g.supplier_store_id)}</p>
          <ul className="stack tight">
            {g.lines.map((l) => (
              <Item key={`${l.line_id}${l.sku_id}`} line={l} />
            ))}
          </ul>
        </div>
      ))}
      {warnings.length > 0 && (
        <div>
          <p className="small">
            <strong>{t.place.warnings}</strong>
          </p>
          <Problems problems={warnings} />
        </div>
      )}
      <details className={classes.details}>
        <summary className="small">
          {t.place.shipTo}: {[p.ship_to.first_name, p.ship_to.last_name].filter(Boolean).join(" ")}, {p.ship_to.city},{" "}
          {p.ship_to.country}
          {p.purchase_address_used && ` (${t.place.purchaseAddress})`}
        </summary>
        <AddressLines address={p.ship_to} />
      </details>
    </div>
  );
}

function Item({ line: l }: { line: PreflightLine }) {
  const t = useText();
  const s = l.service;
  return (
    <li className={classes.lined}>
      <span className="anywhere">
        {l.quantity} × {l.title || l.name}
        <span className="muted small">
          {" "}
          {[l.sku_name, t.place.stock(l.stock), l.rank > 0 && t.place.fallback].filter(Boolean).join(" · ")}
        </span>
        {s && (
          <span className="muted small">
            <br />
            {s.name}, {t.place.days(s.min_days, s.max_days)}, {s.fee.minor === 0 ? t.place.free : money(s.fee)}
            {!s.tracked && `, ${t.place.untracked}`}
          </span>
        )}
      </span>
      <span>{l.price && money({ minor: l.price.minor * l.quantity, currency: l.price.currency })}</span>
    </li>
  );
}

function Sums({ sums }: { sums: readonly Sum[] }) {
  const t = useText();
  return (
    <div className="card">
      {sums.map((s) => (
        <dl key={s.currency} className={classes.sums}>
          <dt className="muted">{t.place.goods}</dt>
          <dd>{money(moneyOf(s.goods, s.currency))}</dd>
          <dt className="muted">{t.place.shipping}</dt>
          <dd>{money(moneyOf(s.shipping, s.currency))}</dd>
          <dt>
            <strong>{t.place.sum}</strong>
          </dt>
          <dd>
            <strong>{money(moneyOf(s.goods + s.shipping, s.currency))}</strong>
          </dd>
        </dl>
      ))}
    </div>
  );
}

const tones = {
  planned: "good",
  under_way: "info",
  refused: "bad",
  unclear: "warn",
  absent: "bad",
  waiting: undefined,
};

interface ResultsProps {
  going: readonly Checked[];
  placed: ReadonlyMap<string, Placed>;
  /** How many orders were looked at and not sent. */
  leftOut: number;
  done: boolean;
}

function Results({ going, placed, leftOut, done }: ResultsProps) {
  const t = useText();
  const name = useId();
  const of = (...outcomes: Placed["outcome"][]) =>
    [...placed.values()].filter((p) => outcomes.includes(p.outcome)).length;
  const known = going.length - of("waiting", "unclear");
  const result = t.place.result(of("planned"), of("under_way"), of("refused", "absent"), leftOut);
  useEffect(() => {
    if (done) announce(result);
  }, [done, result]);
  return (
    <div className="stack">
      {done ? (
        <p className="bar" data-tone={of("refused", "absent") > 0 ? "warn" : "good"}>
          {of("refused", "absent") > 0 ? <IconWarn /> : <IconCheck />}
          <strong className="grow">{result}</strong>
        </p>
      ) : (
        <div className="stack tight">
          <span id={name}>{t.place.placing(known, going.length)}</span>
          <progress className={classes.progress} max={going.length} value={known} aria-labelledby={name} />
        </div>
      )}
      <div role="status">
        {of("unclear") > 0 && (
          <p className="bar" data-tone="warn">
            <IconWarn /> <span className="grow">{t.place.unclear}</span>
          </p>
        )}
      </div>
      <ul>
        {going.map((c) => {
          const p = placed.get(c.id) ?? { outcome: "waiting" };
          return (
            <li key={c.id} className={`${classes.orderBox} stack tight`}>
              <div className="spread">
                <Link to="/orders/$id" params={{ id: c.id }} target="_blank">
                  {t.place.openOrder(c.number)}
                </Link>
                <span className="pill" data-tone={tones[p.outcome]}>
                  {t.place.outcome[p.outcome]}
                </span>
              </div>
              {p.detail && <p className={classes.error}>{p.detail}</p>}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
