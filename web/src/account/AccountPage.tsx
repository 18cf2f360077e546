import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/call";
import { changePassword, endMySessions } from "../api/gen/sdk.gen";
import type { Me, MePerson, Session } from "../api/gen/types.gen";
import { meQuery, queryClient, sessionsQuery } from "../api/queries";
import { useText } from "../text";
import { IconWarn } from "../ui/icons";
import { ActionFailed, Failed, Loading } from "../ui/states";
import { Time } from "../ui/Time";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import classes from "./account.module.css";
import { AppPart, PasskeyPart } from "./Factors";
import { NewPassword } from "./NewPassword";
import { Part } from "./Part";
import { ProvedDialog } from "./Proof";

/** One's own account: who one is, how one signs in, and where one is signed in. */
export function AccountPage() {
  const t = useText();
  const { data: me } = useQuery(meQuery);
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.account.title}</Title>
          <p className="muted">{t.account.lead}</p>
        </div>
      </div>
      {me && !me.person && <p className="card">{t.account.ofKey}</p>}
      {me?.person && <Parts me={me} person={me.person} />}
    </div>
  );
}

function Parts({ me, person }: { me: Me; person: MePerson }) {
  const t = useText();
  return (
    <>
      {person.wants_factor && (
        <div className="bar" data-tone="warn" role="status">
          <IconWarn />
          <span className="grow">{person.staff ? t.account.wantsFactor : t.account.merchantWantsFactor}</span>
        </div>
      )}
      <Who me={me} person={person} />
      <AppPart on={person.app} />
      <PasskeyPart />
      <Password email={person.email} />
      <Sessions />
    </>
  );
}

function Who({ me, person }: { me: Me; person: MePerson }) {
  const t = useText();
  return (
    <Part title={t.account.who}>
      <dl className="facts">
        <dt>{t.account.name}</dt>
        <dd>{person.name}</dd>
        <dt>{t.signIn.email}</dt>
        <dd>{person.email}</dd>
        {me.role && (
          <>
            <dt>{t.people.role}</dt>
            <dd>
              {t.people.roles[me.role]}. <span className="muted">{t.people.roleHints[me.role]}</span>
            </dd>
          </>
        )}
        {person.merchants.length > 0 && (
          <>
            <dt>{t.account.merchants}</dt>
            <dd>{person.merchants.map((m) => `${m.name} (${t.people.roles[m.role]})`).join(", ")}</dd>
          </>
        )}
      </dl>
    </Part>
  );
}

function Password({ email }: { email: string }) {
  const t = useText();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const { busy, failed, act } = useAct();
  const change = () =>
    act(async () => {
      await call(changePassword({ body: { current, new: next } }));
      setCurrent("");
      setNext("");
      void queryClient.invalidateQueries({ queryKey: ["my sessions"] });
      toast({ title: t.account.passwordChanged });
    });
  return (
    <Part title={t.account.passwordTitle} lead={t.account.passwordLead}>
      <form
        className={`stack ${classes.form}`}
        onSubmit={(e) => {
          e.preventDefault();
          void change();
        }}
      >
        {/* Password managers want to know whose it is. */}
        <input type="text" name="email" autoComplete="username" value={email} readOnly hidden />
        <TextInput
          type="password"
          name="current-password"
          autoComplete="current-password"
          label={t.account.current}
          value={current}
          maxLength={256}
          onChange={(e) => setCurrent(e.currentTarget.value)}
          required
        />
        <NewPassword value={next} onChange={setNext} />
        <ActionFailed error={failed} what={t.account.changePassword} />
        <div>
          <Button type="submit" variant="default" loading={busy}>
            {t.account.changePassword}
          </Button>
        </div>
      </form>
    </Part>
  );
}

function Sessions() {
  const t = useText();
  const words = t.account.sessions;
  const { data, error, refetch } = useQuery(sessionsQuery);
  const [ending, setEnding] = useState<Session | "others">();
  const sessions = data?.sessions ?? [];
  const one = ending === "others" ? undefined : ending;

  async function end(password: string) {
    await call(endMySessions({ body: { password, id: one?.id } }));
    await queryClient.invalidateQueries({ queryKey: ["my sessions"] });
    toast({ title: one ? words.ended : words.othersEnded });
  }

  return (
    <Part title={words.title} lead={words.lead}>
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading rows={2} />}
      <ul className="stack">
        {sessions.map((s) => (
          <li key={s.id} className="spread">
            <div className="stack tight">
              <span className="anywhere">
                <strong>{browserWords(s.agent)}</strong>{" "}
                {s.current && (
                  <span className="pill" data-tone="info">
                    {words.current}
                  </span>
                )}
              </span>
              <span className="small muted anywhere">
                {s.client} · {words.since} <Time at={s.created_at} /> · {words.seen} <Time at={s.seen_at} as="ago" />
              </span>
            </div>
            {!s.current && (
              <Button
                size="compact-sm"
                variant="default"
                aria-label={words.endOf(browserWords(s.agent))}
                onClick={() => setEnding(s)}
              >
                {words.end}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <div>
          <Button variant="default" onClick={() => setEnding("others")}>
            {words.endOthers}
          </Button>
        </div>
      )}
      {ending && (
        <ProvedDialog
          title={one ? words.endOf(browserWords(one.agent)) : words.endOthers}
          label={words.end}
          run={end}
          onClose={() => setEnding(undefined)}
        >
          <p>{words.endLead}</p>
        </ProvedDialog>
      )}
    </Part>
  );
}

/** A browser by the names that people know; whatever is not known as it calls itself. */
export function browserWords(agent: string): string {
  const browser = [
    ["Edg", "Edge"],
    ["OPR", "Opera"],
    ["Firefox", "Firefox"],
    ["Chrome", "Chrome"],
    ["Safari", "Safari"],
  ].find(([sign]) => agent.includes(`${sign}/`))?.[1];
  const system = [
    ["Android", "Android"],
    ["iPhone", "iPhone"],
    ["iPad", "iPad"],
    ["Windows", "Windows"],
    ["Mac OS X", "macOS"],
    ["Linux", "Linux"],
  ].find(([sign = ""]) => agent.includes(sign))?.[1];
  if (!browser) return agent || "–";
  return system ? `${browser}, ${system}` : browser;
}
