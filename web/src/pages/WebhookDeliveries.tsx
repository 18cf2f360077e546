import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/call";
import { now } from "../api/clock";
import { replayFailedWebhooks, replayWebhookMessage, testWebhookEndpoint } from "../api/gen/sdk.gen";
import type { WebhookDelivery, WebhookEndpoint } from "../api/gen/types.gen";
import { useMay } from "../api/may";
import { deliveriesQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { clock, number } from "../text/format";
import { Dialog } from "../ui/Dialog";
import { IconSync } from "../ui/icons";
import { ActionFailed, Failed, Loading, Stale } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import { nameOf, tryWords } from "./webhooks";

const states = ["", "waiting", "delivered", "failed"] as const;
const tones = { waiting: "info", delivered: "good", failed: "bad" } as const;

/** For how long messages are kept. */
const keptMs = 30 * 86_400_000;

/** What an endpoint was told and what became of it; what failed can be sent again. */
export function WebhookDeliveries({ endpoint: e, onClose }: { endpoint: WebhookEndpoint; onClose: () => void }) {
  const t = useText();
  const words = t.settings.webhooks;
  const may = useMay("webhooks:write");
  const [state, setState] = useState<(typeof states)[number]>("");
  const { data, error, isPending, refetch, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(deliveriesQuery(e.id, state));
  const { busy, failed, act } = useAct();
  const [what, setWhat] = useState("");
  const deliveries = data?.pages.flatMap((p) => p.deliveries) ?? [];
  const on = e.state === "active";

  function run(label: string, work: () => Promise<string>) {
    setWhat(label);
    void act(async () => {
      toast({ title: await work() });
      await queryClient.invalidateQueries({ queryKey: ["webhooks"] });
    });
  }

  const test = () =>
    run(words.test, async () => {
      await call(testWebhookEndpoint({ path: { id: e.id } }));
      return words.testSent;
    });
  const again = (d: WebhookDelivery) =>
    run(words.replay, async () => {
      await call(replayWebhookMessage({ path: { id: d.message_id }, body: { endpoint_id: e.id } }));
      return words.replayed(1);
    });
  const allAgain = () =>
    run(words.replayFailed, async () => {
      const since = new Date(now() - keptMs).toISOString();
      const done = await call(replayFailedWebhooks({ path: { id: e.id }, body: { since } }));
      return words.replayed(done.replayed);
    });

  return (
    <Dialog
      title={words.toldTo(nameOf(e))}
      size="large"
      onClose={onClose}
      actions={
        <>
          <Button
            variant="default"
            disabled={!on || !may}
            loading={busy && what === words.replayFailed}
            onClick={allAgain}
          >
            {words.replayFailed}
          </Button>
          <Button disabled={!on || !may} loading={busy && what === words.test} onClick={test}>
            {words.test}
          </Button>
        </>
      }
    >
      <div className="stack">
        <p className="small muted">{words.toldLead}</p>
        <ActionFailed error={failed} what={what} />
        <NativeSelect
          label={words.column.state}
          value={state}
          onChange={(x) => setState(x.currentTarget.value as typeof state)}
          data={states.map((s) => ({ value: s, label: s ? words.states[s] : words.anyState }))}
        />
        {isPending && <Loading rows={3} />}
        {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
        {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
        {data && deliveries.length === 0 && <p>{state ? words.nothingOfState : words.nothingTold}</p>}
        {deliveries.length > 0 && (
          <table className="table" aria-label={words.toldTo(nameOf(e))}>
            <thead>
              <tr>
                <th scope="col">{words.column.message}</th>
                <th scope="col">{words.column.state}</th>
                <th scope="col">{words.column.lastTry}</th>
                <th scope="col">
                  <span className="sr-only">{words.column.actions}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {deliveries.map((d) => (
                <Row
                  key={d.message_id}
                  delivery={d}
                  onReplay={on && d.state !== "waiting" ? () => again(d) : undefined}
                />
              ))}
            </tbody>
          </table>
        )}
        {hasNextPage && (
          <div>
            <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
              {words.older}
            </Button>
          </div>
        )}
      </div>
    </Dialog>
  );
}

function Row({ delivery: d, onReplay }: { delivery: WebhookDelivery; onReplay?: () => void }) {
  const words = useText().settings.webhooks;
  const last = d.tries.at(-1);
  return (
    <tr>
      <td data-label={words.column.message}>
        <div className="stack tight">
          <strong>{d.type}</strong>
          <span className="small">
            <Time at={d.created_at} />
          </span>
          <details>
            <summary className="small">{words.payload}</summary>
            <pre className="small mono anywhere">{JSON.stringify(d.payload, null, 2)}</pre>
          </details>
        </div>
      </td>
      <td data-label={words.column.state}>
        <div className="stack tight">
          <span>
            <span className="pill" data-tone={tones[d.state]}>
              {words.states[d.state]}
            </span>
          </span>
          {d.state === "waiting" && d.attempts > 0 && d.next_try_at && (
            <span className="small">
              {words.next} <Time at={d.next_try_at} as="until" />
            </span>
          )}
        </div>
      </td>
      <td data-label={words.column.lastTry} className="small">
        {last ? (
          <div className="stack tight">
            <span>{tryWords(last)}</span>
            <span className="muted">
              {words.attempts(d.attempts)}, {words.took(number(last.duration_ms))}
            </span>
          </div>
        ) : (
          <span className="muted">{words.notYet}</span>
        )}
      </td>
      <td>
        {onReplay && (
          <button
            type="button"
            className="iconButton"
            title={words.replay}
            aria-label={words.replayOf(d.type)}
            onClick={onReplay}
          >
            <IconSync />
          </button>
        )}
      </td>
    </tr>
  );
}
