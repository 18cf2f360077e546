import { Button, Checkbox } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { call } from "../api/call";
import { replayDeadLetters } from "../api/gen/sdk.gen";
import type { DeadLetter } from "../api/gen/types.gen";
import { deadLettersQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { clock, number } from "../text/format";
import { ActionFailed, Empty, Failed, Loading, Stale } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import classes from "./ActivityPage.module.css";
import { kindWords, subjects } from "./activity";

/** Work that was given up, and how it is worked again. */
export function DeadLetters() {
  const t = useText();
  const words = t.activity.dead;
  const { data, error, isPending, refetch, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(deadLettersQuery);
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [busy, setBusy] = useState("");
  const [failed, setFailed] = useState<unknown>();
  const letters = data?.pages.flatMap((p) => p.dead_letters) ?? [];
  const selected = letters.filter((l) => chosen.has(l.id));

  async function replay(ids: string[], what: string) {
    setBusy(what);
    setFailed(undefined);
    try {
      let replayed = 0;
      for (let i = 0; i < ids.length; i += 200) {
        const done = await call(replayDeadLetters({ body: { ids: ids.slice(i, i + 200) } }));
        replayed += done.replayed.length;
      }
      const gone = ids.length - replayed;
      toast({ title: words.replayed(replayed), detail: gone > 0 ? words.gone(gone) : undefined });
      setChosen(new Set());
    } catch (e) {
      setFailed(e);
    } finally {
      setBusy("");
      await queryClient.invalidateQueries({ queryKey: ["dead letters"] });
      void queryClient.invalidateQueries({ queryKey: ["health"] });
    }
  }

  if (isPending) return <Loading />;
  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />;
  if (letters.length === 0) return <Empty title={words.emptyTitle}>{words.empty}</Empty>;
  const all = selected.length === letters.length;
  return (
    <section className="stack" aria-label={t.activity.givenUp}>
      <p>
        {words.lead} {words.replayMeans}
      </p>
      {error && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      <ActionFailed error={failed} what={words.replay} />
      <div className="row">
        <Checkbox
          size="md"
          label={words.selectAll}
          checked={all}
          indeterminate={selected.length > 0 && !all}
          onChange={() => setChosen(all ? new Set() : new Set(letters.map((l) => l.id)))}
        />
        <span className="grow" />
        {selected.length > 0 && !all && (
          <Button
            loading={busy === "some"}
            onClick={() =>
              void replay(
                selected.map((l) => l.id),
                "some",
              )
            }
          >
            {words.replaySome(selected.length)}
          </Button>
        )}
        <Button
          variant={selected.length > 0 && !all ? "default" : "filled"}
          loading={busy === "all"}
          onClick={() =>
            void replay(
              letters.map((l) => l.id),
              "all",
            )
          }
        >
          {words.replayAll(letters.length)}
        </Button>
      </div>
      <div className={`card ${classes.flush}`}>
        <table className="table" aria-label={t.activity.givenUp}>
          <thead>
            <tr>
              <th scope="col">
                <span className="sr-only">{words.selectAll}</span>
              </th>
              <th scope="col">{words.column.what}</th>
              <th scope="col">{words.column.about}</th>
              <th scope="col" className="num">
                {words.column.attempts}
              </th>
              <th scope="col">{words.column.reason}</th>
              <th scope="col">{words.column.when}</th>
              <th scope="col">
                <span className="sr-only">{words.replay}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {letters.map((l) => (
              <Letter
                key={l.id}
                letter={l}
                chosen={chosen.has(l.id)}
                onChoose={() => {
                  const next = new Set(chosen);
                  if (!next.delete(l.id)) next.add(l.id);
                  setChosen(next);
                }}
                busy={busy === l.id}
                onReplay={() => void replay([l.id], l.id)}
              />
            ))}
          </tbody>
        </table>
      </div>
      {hasNextPage && (
        <div>
          <Button variant="default" size="compact-sm" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t.do.loadMore(50)}
          </Button>
        </div>
      )}
    </section>
  );
}

interface LetterProps {
  letter: DeadLetter;
  chosen: boolean;
  onChoose: () => void;
  busy: boolean;
  onReplay: () => void;
}

function Letter({ letter, chosen, onChoose, busy, onReplay }: LetterProps) {
  const t = useText();
  const words = t.activity.dead;
  const what = kindWords(letter);
  return (
    <tr>
      <td>
        <Checkbox size="md" aria-label={words.select(what)} checked={chosen} onChange={onChoose} />
      </td>
      <td data-label={words.column.what}>
        <strong>{what}</strong>
      </td>
      <td data-label={words.column.about}>
        <ul>
          {subjects(letter).map((s) => (
            <li key={s.name} className="small anywhere">
              {s.orderId ? (
                <Link to="/orders" search={{ order: s.orderId }}>
                  {words.order}
                </Link>
              ) : (
                <>
                  <span className="muted">{s.name}</span> <span className="mono">{s.value}</span>
                </>
              )}
            </li>
          ))}
        </ul>
      </td>
      <td data-label={words.column.attempts} className="num">
        {number(letter.attempts)}
      </td>
      <td data-label={words.column.reason} className="anywhere">
        {letter.reason || words.noReason}
      </td>
      <td data-label={words.column.when}>
        <Time at={letter.died_at} as="ago" />
      </td>
      <td>
        <Button variant="default" size="compact-sm" loading={busy} onClick={onReplay} aria-label={words.replayOf(what)}>
          {words.replay}
        </Button>
      </td>
    </tr>
  );
}
