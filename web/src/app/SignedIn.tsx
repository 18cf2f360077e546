import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { asFailure, call } from "../api/call";
import { getMe } from "../api/gen/sdk.gen";
import { aboutQuery, queryClient } from "../api/queries";
import { onSession, sessionKey, setSession } from "../api/session";
import { useText } from "../text";
import { sentence } from "../ui/states";
import { Logo } from "./Logo";
import classes from "./SignedIn.module.css";

const left = "waybill.left";

/** Leaves the dashboard; the demo does not sign in again by itself. */
export function signOut() {
  sessionStorage.setItem(left, "1");
  setSession("");
}

/** Shows the dashboard to who is signed in, and asks everybody else for a key, at the address where they are. */
export function SignedIn({ children }: { children: ReactNode }) {
  const key = useSyncExternalStore(onSession, sessionKey);
  const before = useRef(key);
  const about = useQuery({ ...aboutQuery, enabled: !key });
  const demo = sessionStorage.getItem(left) ? undefined : about.data?.demo_api_key;
  useEffect(() => {
    // Nothing of one merchant is shown to the next.
    if (before.current && before.current !== key)
      queryClient.removeQueries({ predicate: (q) => q.queryKey[0] !== "about" });
    before.current = key || before.current;
  }, [key]);
  useEffect(() => {
    if (!key && demo) setSession(demo);
  }, [key, demo]);
  if (key) return children;
  if (demo || about.isPending) return null;
  return <SignIn ended={before.current !== "" && !sessionStorage.getItem(left)} demoKey={about.data?.demo_api_key} />;
}

function SignIn({ ended, demoKey = "" }: { ended: boolean; demoKey?: string }) {
  const t = useText();
  const [key, setKey] = useState(demoKey);
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(e: FormEvent) {
    e.preventDefault();
    setBusy(true);
    try {
      await call(getMe({ headers: { Authorization: `Bearer ${key.trim()}` } }));
      sessionStorage.removeItem(left);
      setSession(key.trim());
    } catch (error) {
      setWrong(asFailure(error).status === 401 ? t.signIn.wrong : sentence(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className={classes.page}>
      <form className={`card ${classes.form}`} onSubmit={submit}>
        <Logo />
        <h1>{t.signIn.title}</h1>
        {ended && (
          <p className="bar" data-tone="warn" role="status">
            {t.signIn.ended}
          </p>
        )}
        <TextInput
          type="password"
          name="key"
          autoComplete="current-password"
          label={t.signIn.key}
          description={t.signIn.keyHint}
          value={key}
          onChange={(e) => setKey(e.currentTarget.value)}
          error={wrong}
          required
          data-autofocus
        />
        <Button type="submit" loading={busy}>
          {t.signIn.submit}
        </Button>
        <p className="small muted">{t.signIn.where}</p>
      </form>
    </main>
  );
}
