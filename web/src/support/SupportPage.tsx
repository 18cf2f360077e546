import { Button, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import type { MerchantName, MerchantOverview, SupportHit } from "../api/gen/types.gen";
import { deskSearchQuery, meQuery, merchantsQuery } from "../api/queries";
import { toneOf } from "../order/words";
import { useText } from "../text";
import { number } from "../text/format";
import { IconSearch } from "../ui/icons";
import { Empty, Failed, Loading } from "../ui/states";
import { Time } from "../ui/Time";
import { Title } from "../ui/Title";
import { LookDialog, useEnter } from "./LookDialog";
import classes from "./support.module.css";

const most = 50;

/** The desk: from any number to the order, and from a merchant to how he is. What is searched for stands in the address. */
export function SupportPage() {
  const t = useText();
  const { q = "", merchant = "" } = useSearch({ strict: false }) as { q?: string; merchant?: string };
  const { data: me } = useQuery(meQuery);
  const enter = useEnter();
  const [asking, setAsking] = useState<{ merchant: MerchantName; order?: string }>();
  const views = me?.person?.views ?? [];

  /** Opens what was chosen; who does not look at the merchant yet says why first. */
  function open(at: MerchantName, order?: string) {
    if (views.some((v) => v.merchant.id === at.id)) enter(at.id, order);
    else setAsking({ merchant: at, order });
  }

  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.support.title}</Title>
          <p className="muted">{t.support.lead}</p>
        </div>
      </div>
      <section className="card stack" aria-labelledby="find">
        <h2 id="find">{t.support.search}</h2>
        <SearchForm key={q} name="q" value={q} label={t.support.search} hint={t.support.searchHint} />
        {q && <Hits q={q} onOpen={(h) => open(h.merchant, h.order_id)} />}
      </section>
      {views.length > 0 && (
        <section className="card stack" aria-labelledby="views">
          <h2 id="views">{t.support.views}</h2>
          <ul className="stack">
            {views.map((v) => (
              <li key={v.merchant.id} className="spread">
                <span className="anywhere">
                  <strong>{v.merchant.name}</strong>: {v.reason}{" "}
                  <span className="small muted">
                    · {t.support.until} <Time at={v.expires_at} as="clock" />
                  </span>
                </span>
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={`${t.support.open}: ${v.merchant.name}`}
                  onClick={() => enter(v.merchant.id)}
                >
                  {t.support.open}
                </Button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section className="card stack" aria-labelledby="merchants">
        <h2 id="merchants">{t.support.merchants}</h2>
        <SearchForm key={merchant} name="merchant" value={merchant} label={t.support.merchantSearch} />
        <Merchants q={merchant} onOpen={(m) => open({ id: m.id, name: m.name })} />
      </section>
      {asking && <LookDialog {...asking} onClose={() => setAsking(undefined)} />}
    </div>
  );
}

interface SearchProps {
  name: "q" | "merchant";
  value: string;
  label: string;
  hint?: string;
}

function SearchForm({ name, value, label, hint }: SearchProps) {
  const t = useText();
  const go = useNavigate();
  const [text, setText] = useState(value);
  function find(e: FormEvent) {
    e.preventDefault();
    void go({ to: "/support", search: (s) => ({ ...s, [name]: text.trim() || undefined }), resetScroll: false });
  }
  return (
    <search aria-label={label}>
      <form className={classes.search} onSubmit={find}>
        <TextInput
          type="search"
          label={hint ? undefined : label} // the heading says it
          aria-label={label}
          description={hint}
          value={text}
          autoComplete="off"
          maxLength={200}
          leftSection={<IconSearch />}
          onChange={(e) => setText(e.currentTarget.value)}
        />
        <Button type="submit" variant={name === "q" ? "filled" : "default"}>
          {t.support.find}
        </Button>
      </form>
    </search>
  );
}

function Hits({ q, onOpen }: { q: string; onOpen: (h: SupportHit) => void }) {
  const t = useText();
  const words = t.support.column;
  const { data, error, refetch } = useQuery(deskSearchQuery(q));
  const hits = data?.orders ?? [];
  if (error) return <Failed error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading rows={3} />;
  if (hits.length === 0) return <Empty title={t.support.noHit}>{t.support.noHitHint}</Empty>;
  return (
    <>
      <p role="status">
        {t.support.hits(hits.length)} {hits.length >= most && t.support.manyHits}
      </p>
      <table className="table" aria-labelledby="find">
        <thead>
          <tr>
            <th scope="col">{words.order}</th>
            <th scope="col">{words.merchant}</th>
            <th scope="col">{words.buyer}</th>
            <th scope="col">{words.tab}</th>
            <th scope="col">{words.placed}</th>
          </tr>
        </thead>
        <tbody>
          {hits.map((h) => (
            <tr key={h.merchant.id + h.order_id}>
              <td data-label={words.order}>
                <div className="stack tight">
                  <span>
                    <button
                      type="button"
                      className="link"
                      aria-label={`${t.order.title(h.number)}, ${h.merchant.name}`}
                      onClick={() => onOpen(h)}
                    >
                      <strong>{h.number}</strong>
                    </button>
                  </span>
                  <span className="small muted">{t.support.matched[h.matched]}</span>
                </div>
              </td>
              <td data-label={words.merchant} className="anywhere">
                <div className="stack tight">
                  <span>{h.merchant.name}</span>
                  <span className="small muted">{h.store}</span>
                </div>
              </td>
              <td data-label={words.buyer} className="anywhere">
                <div className="stack tight">
                  <span>{h.buyer_name || "–"}</span>
                  <span className="small muted">{h.buyer_email}</span>
                </div>
              </td>
              <td data-label={words.tab}>
                <span className="row">
                  <span className="pill" data-tone={toneOf[h.tab]}>
                    {t.tabs[h.tab]}
                  </span>
                  {h.open_flags > 0 && (
                    <span className="pill" data-tone="bad">
                      {t.tabs.attention}
                    </span>
                  )}
                </span>
              </td>
              <td data-label={words.placed} className="small">
                <Time at={h.placed_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Merchants({ q, onOpen }: { q: string; onOpen: (m: MerchantOverview) => void }) {
  const t = useText();
  const words = t.support.column;
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(merchantsQuery(q));
  const merchants = data?.pages.flatMap((p) => p.merchants) ?? [];
  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading rows={4} />;
  if (merchants.length === 0) return <Empty title={t.support.noMerchant} />;
  return (
    <>
      <table className="table" aria-labelledby="merchants">
        <thead>
          <tr>
            <th scope="col">{words.merchant}</th>
            <th scope="col">{words.connections}</th>
            <th scope="col">{words.orders}</th>
            <th scope="col">{words.flags}</th>
            <th scope="col">{words.lag}</th>
            <th scope="col">{words.heard}</th>
            <th scope="col">
              <span className="sr-only">{t.people.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {merchants.map((m) => (
            <tr key={m.id}>
              <td data-label={words.merchant} className="anywhere">
                <strong>{m.name}</strong>
              </td>
              <td data-label={words.connections} className="small">
                <div className="stack tight">
                  <span>{t.support.connected(m.stores, m.accounts)}</span>
                  {m.broken_connections > 0 && (
                    <span>
                      <span className="pill" data-tone="bad">
                        {t.support.broken(m.broken_connections)}
                      </span>
                    </span>
                  )}
                </div>
              </td>
              <td data-label={words.orders}>{number(m.open_orders)}</td>
              <td data-label={words.flags}>
                {m.open_flags > 0 ? (
                  <span className="pill" data-tone="warn">
                    {number(m.open_flags)}
                  </span>
                ) : (
                  number(0)
                )}
              </td>
              <td data-label={words.lag} className="small">
                {m.overdue_since ? (
                  <Time at={m.overdue_since} as="ago" />
                ) : (
                  <span className="muted">{t.support.onTime}</span>
                )}
              </td>
              <td data-label={words.heard} className="small">
                {m.last_success_at ? <Time at={m.last_success_at} as="ago" /> : "–"}
              </td>
              <td>
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t.support.lookAt(m.name)}
                  onClick={() => onOpen(m)}
                >
                  {t.support.look}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {hasNextPage && (
        <div>
          <Button variant="default" size="compact-sm" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t.do.loadMore(50)}
          </Button>
        </div>
      )}
    </>
  );
}
