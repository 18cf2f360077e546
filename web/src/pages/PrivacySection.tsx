import { Button, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Erasure, Settings } from "../api/gen/types.gen";
import { erasuresQuery } from "../api/queries";
import { whoWords } from "../order/words";
import { text, useText } from "../text";
import { Failed, Loading } from "../ui/states";
import { Time } from "../ui/Time";
import { SectionCard, SectionForm } from "./SettingsCard";
import classes from "./SettingsPage.module.css";
import { useSection } from "./section";
import { readWhole } from "./settings";

const least = 30;
const most = 3650;

/** How long buyers' data is kept, and the proof of what was erased. */
export function PrivacySection({ settings }: { settings?: Settings }) {
  const t = useText();
  const words = t.settings.privacy;
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(erasuresQuery);
  const erasures = data?.pages.flatMap((p) => p.erasures) ?? [];
  return (
    <SectionCard id="privacy" lead={words.lead}>
      {settings && <Retention settings={settings} />}
      <h3 id="erasures-title">{words.erasures}</h3>
      {isPending && <Loading rows={2} />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && erasures.length === 0 && <p className="muted">{words.none}</p>}
      {erasures.length > 0 && <Erasures erasures={erasures} />}
      {hasNextPage && (
        <div>
          <Button variant="default" size="compact-sm" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t.do.loadMore(20)}
          </Button>
        </div>
      )}
    </SectionCard>
  );
}

function Retention({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.privacy;
  const section = useSection(settings, {
    name: t.settings.nav.privacy,
    keys: ["buyer_data_days"],
    write: (s: Settings) => ({ days: String(s.buyer_data_days ?? 180) }),
    read: (d) => ({ buyer_data_days: readWhole(d.days, least, most) }),
    check: (d): { days?: string } =>
      readWhole(d.days, least, most) === undefined ? { days: t.settings.wholeNumber(least, most) } : {},
  });
  return (
    <SectionForm section={section}>
      <TextInput
        classNames={{ wrapper: classes.number }}
        label={words.days}
        description={words.daysHint}
        inputMode="numeric"
        value={section.draft.days}
        onChange={(e) => section.set({ days: e.currentTarget.value })}
        error={section.wrong("days", "/buyer_data_days")}
        required
      />
    </SectionForm>
  );
}

/** Who asked, as the cause tells it. */
const asked = (e: Erasure) =>
  e.cause === "person" ? whoWords(e.requested_by) : text().settings.privacy.causes[e.cause];

function Erasures({ erasures }: { erasures: Erasure[] }) {
  const words = useText().settings.privacy;
  return (
    <table className="table" aria-labelledby="erasures-title">
      <thead>
        <tr>
          <th scope="col">{words.column.order}</th>
          <th scope="col">{words.column.asked}</th>
          <th scope="col">{words.column.done}</th>
        </tr>
      </thead>
      <tbody>
        {erasures.map((e) => (
          <tr key={e.id}>
            <td data-label={words.column.order}>
              <Link to="/orders/$id" params={{ id: e.order_id }}>
                {e.order_number}
              </Link>
            </td>
            <td data-label={words.column.asked} className="small anywhere">
              <div className="stack tight">
                <span>
                  {asked(e)} · <Time at={e.requested_at} />
                </span>
                {e.reason && <span className="muted">{e.reason}</span>}
              </div>
            </td>
            <td data-label={words.column.done} className="small">
              {e.done_at ? <Time at={e.done_at} /> : <span className="pill">{words.waiting}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
