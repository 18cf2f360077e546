import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/call";
import { askForPasswordReset, resetPassword } from "../api/gen/sdk.gen";
import { aboutQuery } from "../api/queries";
import { signedOut } from "../api/session";
import { useText } from "../text";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";
import { Door, linkToken } from "./Door";
import { Email } from "./Email";
import { NewPassword } from "./NewPassword";

/** Sets a new password with a link, or, without one, has a link sent. */
export function NewPasswordPage() {
  const [token] = useState(linkToken);
  return token ? <Reset token={token} /> : <Ask />;
}

function Reset({ token }: { token: string }) {
  const t = useText();
  const words = t.signIn.reset;
  const [password, setPassword] = useState("");
  const [done, setDone] = useState(false);
  const { busy, failed, act } = useAct();
  const submit = () =>
    act(async () => {
      await call(resetPassword({ body: { token, password } }));
      signedOut(); // all sessions have ended
      setDone(true);
    });
  if (done)
    return (
      <Door title={words.title}>
        <p role="status">{words.done}</p>
        <Button component="a" href="/">
          {t.signIn.submit}
        </Button>
      </Door>
    );
  return (
    <Door title={words.title} submit={() => void submit()}>
      <NewPassword value={password} onChange={setPassword} />
      <ActionFailed error={failed} what={words.set} />
      <Button type="submit" loading={busy}>
        {words.set}
      </Button>
    </Door>
  );
}

function Ask() {
  const t = useText();
  const words = t.signIn.reset;
  const { data: about } = useQuery(aboutQuery);
  return (
    <AskForLink
      title={words.title}
      lead={words.lead}
      off={about && !about.mail ? words.noMail : undefined}
      ask={(email) => call(askForPasswordReset({ body: { email } }))}
    />
  );
}

interface AskProps {
  title: string;
  lead: string;
  /** Why no link can be sent. */
  off?: string;
  ask: (email: string) => Promise<unknown>;
}

/** Has a link sent to an address. The answer is the same for addresses that nobody has. */
export function AskForLink({ title, lead, off, ask }: AskProps) {
  const t = useText();
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const { busy, failed, act } = useAct();
  const back = (
    <p>
      <a href="/">{t.signIn.back}</a>
    </p>
  );
  if (off || sent)
    return (
      <Door title={title}>
        <p role="status">{off ?? t.signIn.linkSent(email.trim())}</p>
        {back}
      </Door>
    );
  const submit = () =>
    act(async () => {
      await ask(email.trim());
      setSent(true);
    });
  return (
    <Door title={title} submit={() => void submit()}>
      <p className="muted">{lead}</p>
      <Email value={email} onChange={setEmail} />
      <ActionFailed error={failed} what={t.signIn.sendLink} />
      <Button type="submit" loading={busy}>
        {t.signIn.sendLink}
      </Button>
      {back}
    </Door>
  );
}
