import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { asFailure, call } from "../api/call";
import { now } from "../api/clock";
import { exportAudit, verifyAudit } from "../api/gen/sdk.gen";
import type { Act, AuditEntry, AuditReport } from "../api/gen/types.gen";
import { type AuditFilter, auditQuery } from "../api/queries";
import { saveAnswer } from "../api/save";
import { whoWords } from "../order/words";
import { useText } from "../text";
import { number } from "../text/format";
import { Copy } from "../ui/Copy";
import { DropMenu } from "../ui/DropMenu";
import { IconDown, IconWarn } from "../ui/icons";
import { ActionFailed, Failed, Loading, sentence } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { SectionCard } from "./SettingsCard";
import classes from "./SettingsPage.module.css";

const days = [0, 1, 7, 30];

/** What was done here and by whom, and whether that is as it was entered. */
export function AuditSection() {
  const t = useText();
  const words = t.settings.audit;
  const [filter, setFilter] = useState<AuditFilter>({});
  const [since, setSince] = useState(0);
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    auditQuery(filter),
  );
  const entries = data?.pages.flatMap((p) => p.entries) ?? [];
  const actors = new Set(entries.map((e) => e.actor));
  if (filter.actor) actors.add(filter.actor);
  const forbidden = error && asFailure(error).code === "scope_missing";
  return (
    <SectionCard id="audit" lead={words.lead}>
      {isPending && <Loading rows={4} />}
      {forbidden && (
        <p className="bar" data-tone="warn">
          <IconWarn />
          <span className="grow">{sentence(error)}</span>
        </p>
      )}
      {error && !data && !forbidden && <Failed error={error} onRetry={() => void refetch()} />}
      {data && (
        <>
          <div className={classes.filters}>
            <NativeSelect
              label={words.act}
              value={filter.act ?? ""}
              onChange={(e) => setFilter({ ...filter, act: e.currentTarget.value || undefined })}
              data={[
                { value: "", label: words.anyAct },
                ...Object.entries(words.acts).map(([value, label]) => ({ value, label })),
              ]}
            />
            <NativeSelect
              label={words.actor}
              value={filter.actor ?? ""}
              onChange={(e) => setFilter({ ...filter, actor: e.currentTarget.value || undefined })}
              data={[
                { value: "", label: words.anyActor },
                ...[...actors].map((value) => ({ value, label: whoWords(value) })),
              ]}
            />
            <NativeSelect
              label={words.since}
              value={String(since)}
              onChange={(e) => {
                const n = Number(e.currentTarget.value);
                setSince(n);
                setFilter({ ...filter, from: n ? new Date(now() - n * 86_400_000).toISOString() : undefined });
              }}
              data={days.map((n) => ({ value: String(n), label: words.days(n) }))}
            />
          </div>
          {entries.length === 0 ? <p className="muted">{words.none}</p> : <Entries entries={entries} />}
          {hasNextPage && (
            <div>
              <Button
                variant="default"
                size="compact-sm"
                loading={isFetchingNextPage}
                onClick={() => void fetchNextPage()}
              >
                {t.do.loadMore(20)}
              </Button>
            </div>
          )}
          <Chain filter={filter} />
        </>
      )}
    </SectionCard>
  );
}

function Entries({ entries }: { entries: AuditEntry[] }) {
  const words = useText().settings.audit;
  return (
    <table className="table" aria-labelledby="audit-title">
      <thead>
        <tr>
          <th scope="col">{words.column.when}</th>
          <th scope="col">{words.column.who}</th>
          <th scope="col">{words.column.what}</th>
          <th scope="col">{words.column.about}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((e) => (
          <tr key={e.seq}>
            <td data-label={words.column.when} className="small">
              <Time at={e.at} />
            </td>
            <td data-label={words.column.who} className="small anywhere">
              <div className="stack tight">
                <span>{whoWords(e.actor)}</span>
                {e.client && <span className="muted mono">{e.client}</span>}
              </div>
            </td>
            <td data-label={words.column.what}>
              <div className="stack tight">
                {/* An act that a newer server knows and this page does not is shown as it came. */}
                <strong>{words.acts[e.act as Act] ?? e.act}</strong>
                {e.reason && <span className="small muted anywhere">{e.reason}</span>}
              </div>
            </td>
            <td data-label={words.column.about} className="small anywhere">
              <About entry={e} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What an act was done to, as people know it. */
function About({ entry: e }: { entry: AuditEntry }) {
  const t = useText();
  const words = t.settings.audit;
  const { roles } = t.people;
  if (e.subject.kind === "order" && e.subject.id) {
    return (
      <Link to="/orders/$id" params={{ id: e.subject.id }}>
        {words.order(String(e.detail.number ?? ""))}
      </Link>
    );
  }
  if (typeof e.detail.name === "string") return e.detail.name;
  const role = String(e.detail.to || e.detail.role || "");
  if (role in roles) return roles[role as keyof typeof roles];
  if (e.act === "settings_changed" || e.act === "store_settings_changed") {
    return <span className="mono">{Object.keys(e.detail).join(", ")}</span>;
  }
  return null;
}

/** Takes what was done away as a file, and checks that it is as it was entered. */
function Chain({ filter }: { filter: AuditFilter }) {
  const words = useText().settings.audit;
  const [busy, setBusy] = useState(false);
  const [report, setReport] = useState<AuditReport>();
  const [failed, setFailed] = useState<{ what: string; error: unknown }>();

  async function check() {
    setBusy(true);
    setFailed(undefined);
    setReport(undefined);
    try {
      setReport(await call(verifyAudit()));
    } catch (error) {
      setFailed({ what: words.check, error });
    } finally {
      setBusy(false);
    }
  }

  async function save(format: "csv" | "ndjson") {
    setFailed(undefined);
    try {
      const answer = exportAudit({ query: { ...filter, format }, parseAs: "blob" });
      toast({ title: words.exported(await saveAnswer(answer, `audit.${format}`)) });
    } catch (error) {
      setFailed({ what: words.export, error });
    }
  }

  return (
    <>
      <div className="row">
        <Button variant="default" loading={busy} onClick={() => void check()}>
          {words.check}
        </Button>
        <DropMenu
          width={260}
          button={
            <Button variant="default" rightSection={<IconDown />}>
              {words.export}
            </Button>
          }
          lines={[
            { do: words.csv, run: () => void save("csv") },
            { do: words.lines, run: () => void save("ndjson") },
          ]}
        />
      </div>
      <ActionFailed error={failed?.error} what={failed?.what ?? ""} />
      <div role="status">
        {report?.whole && (
          <div className={`stack tight ${classes.rule}`}>
            <strong>{words.whole(number(report.entries), report.entries === 1)}</strong>
            {report.head && (
              <>
                <Copy value={report.head} what={words.head} />
                <span className="small muted">{words.headHint}</span>
              </>
            )}
          </div>
        )}
        {report && !report.whole && (
          <div className="bar" data-tone="bad">
            <IconWarn />
            <span className="grow">
              <strong>{words.broken(number(report.broken_at ?? 0))}</strong> {words.brokenDo}
            </span>
          </div>
        )}
      </div>
    </>
  );
}
