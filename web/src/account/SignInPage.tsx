import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { asFailure, call } from "../api/call";
import { beginPasskeySignIn, finishPasskeySignIn, getAbout, signIn } from "../api/gen/sdk.gen";
import type { AboutAccount, SignInRequest } from "../api/gen/types.gen";
import { aboutQuery } from "../api/queries";
import { signedIn } from "../api/session";
import { useText } from "../text";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";
import { Door } from "./Door";
import classes from "./door.module.css";
import { Email } from "./Email";
import { askPasskey, canUsePasskeys, givenUp } from "./passkeys";

/** Asks who is there; the page at which this happens is shown afterwards. */
export function SignInPage({ ended }: { ended: boolean }) {
  const t = useText();
  const { data: about } = useQuery(aboutQuery);
  const [withKey, setWithKey] = useState(false);
  const before = ended && (
    <p className="bar" data-tone="warn" role="status">
      {t.signIn.ended}
    </p>
  );
  if (withKey) return <KeyForm before={before} onPerson={() => setWithKey(false)} />;
  return (
    <PersonForm before={before}>
      {canUsePasskeys() && <PasskeyButton />}
      <p className={classes.links}>
        <a href="/new-password">{t.signIn.forgot}</a>
        {about?.sign_up && <a href="/sign-up">{t.signIn.signUp}</a>}
        <button type="button" className="link" onClick={() => setWithKey(true)}>
          {t.signIn.useKey}
        </button>
      </p>
      {about?.demo_accounts && about.demo_accounts.length > 0 && <DemoRoles accounts={about.demo_accounts} />}
    </PersonForm>
  );
}

async function enter(body: SignInRequest) {
  await call(signIn({ body }));
  signedIn();
}

async function enterWithPasskey() {
  const asked = await call(beginPasskeySignIn());
  const credential = await askPasskey(asked.options);
  if (!credential) return;
  await call(finishPasskeySignIn({ body: { token: asked.token, credential } }));
  signedIn();
}

function PersonForm({ before, children }: { before: ReactNode; children: ReactNode }) {
  const t = useText();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [wantsCode, setWantsCode] = useState(false);
  const codeField = useRef<HTMLInputElement>(null);
  const { busy, failed, act } = useAct();
  useEffect(() => {
    if (wantsCode) codeField.current?.focus();
  }, [wantsCode]);

  const submit = () =>
    act(async () => {
      try {
        await enter({ email: email.trim(), password, code: code.trim() });
      } catch (e) {
        // Whoever has a second factor is asked for it, not told that something went wrong.
        const { code: why } = asFailure(e);
        if (why === "code_needed") setWantsCode(true);
        else if (why === "passkey_needed" && canUsePasskeys()) await enterWithPasskey();
        else throw e;
      }
    });

  return (
    <Door title={t.signIn.title} submit={() => void submit()}>
      {before}
      <Email value={email} onChange={setEmail} />
      <TextInput
        type="password"
        name="password"
        autoComplete="current-password"
        label={t.signIn.password}
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        required
      />
      {wantsCode && (
        <TextInput
          ref={codeField}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="[0-9]{6}"
          label={t.signIn.code}
          description={t.signIn.codeHint}
          value={code}
          onChange={(e) => setCode(e.currentTarget.value)}
          required
        />
      )}
      <ActionFailed error={failed && givenUp(failed)} what={t.signIn.submit} />
      <Button type="submit" loading={busy}>
        {t.signIn.submit}
      </Button>
      {children}
    </Door>
  );
}

function PasskeyButton() {
  const t = useText();
  const { busy, failed, act } = useAct();
  return (
    <>
      <Button variant="default" loading={busy} onClick={() => void act(enterWithPasskey)}>
        {t.signIn.passkey}
      </Button>
      <ActionFailed error={failed && givenUp(failed)} what={t.signIn.passkey} />
    </>
  );
}

function KeyForm({ before, onPerson }: { before: ReactNode; onPerson: () => void }) {
  const t = useText();
  const [key, setKey] = useState("");
  const [wrong, setWrong] = useState("");
  const { busy, failed, act } = useAct();

  const submit = () =>
    act(async () => {
      setWrong("");
      try {
        await enter({ api_key: key.trim() });
      } catch (e) {
        if (asFailure(e).status !== 401) throw e;
        setWrong(t.signIn.keyWrong);
      }
    });

  return (
    <Door title={t.signIn.title} submit={() => void submit()}>
      {before}
      <TextInput
        type="password"
        name="key"
        autoComplete="off"
        label={t.signIn.key}
        description={t.signIn.keyHint}
        value={key}
        onChange={(e) => setKey(e.currentTarget.value)}
        error={wrong}
        required
      />
      <ActionFailed error={failed} what={t.signIn.submit} />
      <Button type="submit" loading={busy}>
        {t.signIn.submit}
      </Button>
      <p className={classes.links}>
        <button type="button" className="link" onClick={onPerson}>
          {t.signIn.usePerson}
        </button>
      </p>
    </Door>
  );
}

/** In the demo anybody may be anybody: one button for each role. */
function DemoRoles({ accounts }: { accounts: AboutAccount[] }) {
  const t = useText();
  const { busy, failed, act } = useAct();
  const be = (role: string) =>
    act(async () => {
      // Codes are good for half a minute: they are asked for anew.
      const now = (await call(getAbout())).demo_accounts?.find((a) => a.role === role);
      if (now) await enter({ email: now.email, password: now.password, code: now.code ?? "" });
    });
  return (
    <div className={classes.ways}>
      <p className="small muted">{t.signIn.demo}</p>
      <div className="row">
        {accounts.map((a) => (
          <Button key={a.role} size="compact-sm" variant="default" disabled={busy} onClick={() => void be(a.role)}>
            {t.people.roles[a.role]}
          </Button>
        ))}
      </div>
      <ActionFailed error={failed} what={t.signIn.submit} />
    </div>
  );
}
