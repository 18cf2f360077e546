import { Button } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import type { Connection, Platform } from "../api/gen/types.gen";
import { aboutQuery, queryClient, settingsQuery, wantedMappingsQuery } from "../api/queries";
import { useText } from "../text";
import { number } from "../text/format";
import { IconCheck, IconWarn } from "../ui/icons";
import { Failed, Loading } from "../ui/states";
import { Time } from "../ui/Time";
import { Title } from "../ui/Title";
import { ConnectDialog, WhatIsDone } from "./ConnectDialog";
import { OutcomeBar } from "./ConnectionsPage";
import { type Outcome, readOutcome } from "./connect";
import { ScheduleForm } from "./SettingsForms";
import classes from "./WelcomePage.module.css";
import { keep, type Step, totalOf, useKept, useSetup } from "./welcome";

/** The way of a new merchant, from nothing to the first orders. It goes on wherever it was left. */
export function WelcomePage() {
  const t = useText();
  const words = t.welcome;
  const setup = useSetup();
  const { data: about } = useQuery(aboutQuery);
  const [connecting, setConnecting] = useState<Platform>();
  const outcome = useOutcome();
  const done = setup.steps.filter((s) => s.state === "done").length;
  const next = setup.steps.find((s) => s.state === "todo" || s.state === "failed")?.name;
  return (
    <div className={`stack ${classes.page}`}>
      <div className="pageHead">
        <div>
          <Title>{words.title}</Title>
          <p className="muted">{words.lead}</p>
        </div>
      </div>
      {outcome && <OutcomeBar outcome={outcome} onAgain={setConnecting} />}
      {about?.simulators && (
        <p className="bar" data-tone="info">
          {words.demo}
        </p>
      )}
      {setup.pending && <Loading rows={5} />}
      {setup.error && setup.connections.length === 0 && <Failed error={setup.error} onRetry={setup.retry} />}
      {!setup.pending && (
        <>
          <p role="status">{setup.done ? words.allDone : words.progress(done, setup.steps.length)}</p>
          <ol className="stack">
            {setup.steps.map((step, i) => (
              <StepCard key={step.name} step={step} number={i + 1} here={step.name === next}>
                {step.name === "store" && (
                  <ConnectStep
                    platform="wix"
                    step={step}
                    list={setup.connections}
                    ready={about?.platforms.wix ?? true}
                    onConnect={setConnecting}
                  />
                )}
                {step.name === "supplier" && (
                  <ConnectStep
                    platform="aliexpress"
                    step={step}
                    list={setup.connections}
                    ready={about?.platforms.aliexpress ?? true}
                    onConnect={setConnecting}
                  />
                )}
                {step.name === "products" && <ProductsStep step={step} />}
                {step.name === "choose" && <ChooseStep step={step} />}
                {step.name === "first" && <FirstStep step={step} counts={setup.counts} />}
              </StepCard>
            ))}
          </ol>
          <div className="row">
            <Button component={Link} to="/orders" variant={setup.done ? "filled" : "default"}>
              {words.toOrders}
            </Button>
          </div>
        </>
      )}
      {connecting && <ConnectDialog platform={connecting} from="/welcome" onClose={() => setConnecting(undefined)} />}
    </div>
  );
}

/** What became of a consent that was begun here; it is taken out of the address. */
function useOutcome(): Outcome | undefined {
  const search = useSearch({ from: "/welcome" });
  const go = useNavigate();
  const [outcome, setOutcome] = useState<Outcome>();
  useEffect(() => {
    const read = readOutcome(search);
    if (!read) return;
    setOutcome(read);
    void queryClient.invalidateQueries({ queryKey: ["connections"] });
    void go({ to: "/welcome", search: {}, replace: true });
  }, [search, go]);
  return outcome;
}

interface StepCardProps {
  step: Step;
  number: number;
  here: boolean;
  children: ReactNode;
}

function StepCard({ step, number: n, here, children }: StepCardProps) {
  const t = useText();
  const words = t.welcome;
  const { skipped } = useKept();
  const tones = { done: "good", failed: "bad", todo: "info", skipped: undefined, waits: undefined } as const;
  return (
    <li className={`card ${classes.step}`} aria-current={here ? "step" : undefined}>
      <span className={classes.mark} data-state={step.state} aria-hidden="true">
        {step.state === "done" ? <IconCheck /> : step.state === "failed" ? <IconWarn /> : n}
      </span>
      <div className="spread">
        <h2>{words.steps[step.name]}</h2>
        <span className="pill" data-tone={tones[step.state]}>
          {words.states[step.state]}
        </span>
      </div>
      <span />
      <div className={classes.body}>
        {children}
        {(step.state === "todo" || step.state === "failed") && step.name !== "first" && (
          <div>
            <button type="button" className="link" onClick={() => keep({ skipped: [...skipped, step.name] })}>
              {words.skip}
              <span className="sr-only">: {words.steps[step.name]}</span>
            </button>
          </div>
        )}
        {step.state === "skipped" && (
          <div>
            <button
              type="button"
              className="link"
              onClick={() => keep({ skipped: skipped.filter((s) => s !== step.name) })}
            >
              {words.unskip}
              <span className="sr-only">: {words.steps[step.name]}</span>
            </button>
          </div>
        )}
      </div>
    </li>
  );
}

interface ConnectStepProps {
  platform: Platform;
  step: Step;
  list: Connection[];
  ready: boolean;
  onConnect: (platform: Platform) => void;
}

function ConnectStep({ platform, step, list, ready, onConnect }: ConnectStepProps) {
  const t = useText();
  const words = t.welcome;
  const mine = list.filter((c) => c.platform === platform);
  const there = mine.filter((c) => c.state === "active");
  if (step.state === "skipped") return null;
  if (step.state === "done")
    return (
      <>
        <p>{words[platform === "wix" ? "storeDone" : "supplierDone"](there.map((c) => c.name).join(", "))}</p>
        {there[0]?.refresh_expires_at && (
          <p className="muted">
            {words.supplierUntil} <Time at={there[0].refresh_expires_at} />
          </p>
        )}
      </>
    );
  return (
    <>
      {step.state === "failed" &&
        mine
          .filter((c) => c.state === "needs_reauth")
          .map((c) => (
            <p key={c.id} className="bar" data-tone="bad">
              {words.broken(c.name, c.last_error_detail ?? "")}
            </p>
          ))}
      <WhatIsDone platform={platform} />
      {ready ? (
        <div>
          <Button onClick={() => onConnect(platform)}>{t.connections.about.title[platform]}</Button>
        </div>
      ) : (
        <p className="bar" data-tone="warn">
          {t.connections.notSetUp(t.connections.platforms[platform])}
        </p>
      )}
    </>
  );
}

function ProductsStep({ step }: { step: Step }) {
  const t = useText();
  const words = t.welcome;
  const { data } = useInfiniteQuery(wantedMappingsQuery());
  const wanted = data?.pages.flatMap((p) => p.wanted_mappings).length ?? 0;
  if (step.state === "waits") return <p className="muted">{words.afterStore}</p>;
  if (step.state === "done") return <p>{words.productsNone}</p>;
  if (step.state === "skipped") return null;
  return (
    <>
      <p>{words.products(number(wanted), wanted === 1)}</p>
      <div>
        <Button component={Link} to="/mappings">
          {words.productsGo}
        </Button>
      </div>
    </>
  );
}

function ChooseStep({ step }: { step: Step }) {
  const t = useText();
  const words = t.welcome;
  const { data, error, refetch } = useQuery(settingsQuery);
  if (step.state === "skipped") return null;
  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading rows={2} />;
  if (step.state === "done")
    return (
      <p>
        {words.chooseDone(
          data.zone,
          data.full_sweeps?.join(", ") || words.chooseNoHours,
          data.auto_place?.enabled ? words.placingOn : words.placingOff,
        )}{" "}
        <Link to="/settings">{t.frame.nav.settings}</Link>
      </p>
    );
  return (
    <>
      <p>{words.choose}</p>
      <ScheduleForm settings={data} />
      <div className="row">
        <Button onClick={() => keep({ chosen: true })}>{words.chooseKeep}</Button>
        <Link to="/settings" hash="placing">
          {words.placingGo}
        </Link>
      </div>
    </>
  );
}

function FirstStep({ step, counts }: { step: Step; counts: ReturnType<typeof useSetup>["counts"] }) {
  const t = useText();
  const words = t.welcome;
  if (step.state === "waits") return <p className="muted">{words.afterStore}</p>;
  const total = counts ? totalOf(counts) : 0;
  const tabs = ["pending", "awaiting_order", "awaiting_payment", "awaiting_shipment", "fulfilled", "closed"] as const;
  return (
    <>
      <p>{step.state === "done" ? (total > 0 ? words.firstDone : words.firstNone) : words.first}</p>
      <p role="status">
        <strong>
          {step.state === "done"
            ? words.firstTotal(number(total), total === 1)
            : words.firstCount(number(total), total === 1)}
        </strong>
      </p>
      {counts && total > 0 && (
        <ul className={classes.counts}>
          {tabs
            .filter((tab) => counts[tab] > 0)
            .map((tab) => (
              <li key={tab}>
                <Link to="/orders" search={{ tab }}>
                  {t.tabs[tab]}
                </Link>{" "}
                <strong>{number(counts[tab])}</strong>
              </li>
            ))}
        </ul>
      )}
    </>
  );
}
