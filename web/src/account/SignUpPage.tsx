import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/call";
import { askToSignUp, signUp } from "../api/gen/sdk.gen";
import { aboutQuery } from "../api/queries";
import { signedIn } from "../api/session";
import { useText } from "../text";
import { zone } from "../text/format";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";
import { Door, linkToken } from "./Door";
import { NewPassword } from "./NewPassword";
import { AskForLink } from "./NewPasswordPage";

/** Makes a merchant and its owner with a link, or, without one, has a link sent. */
export function SignUpPage() {
  const t = useText();
  const words = t.signIn.up;
  const [token] = useState(linkToken);
  const { data: about } = useQuery(aboutQuery);
  if (token) return <SignUp token={token} />;
  return (
    <AskForLink
      title={words.title}
      lead={words.lead}
      off={about && !about.sign_up ? words.off : about && !about.mail ? words.noMail : undefined}
      ask={(email) => call(askToSignUp({ body: { email } }))}
    />
  );
}

function SignUp({ token }: { token: string }) {
  const t = useText();
  const words = t.signIn.up;
  const [merchant, setMerchant] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { busy, failed, act } = useAct();
  const submit = () =>
    act(async () => {
      await call(signUp({ body: { token, merchant: merchant.trim(), name: name.trim(), password, zone: zone() } }));
      signedIn();
      location.replace("/welcome");
    });
  return (
    <Door title={words.title} submit={() => void submit()}>
      <TextInput
        label={words.merchant}
        description={words.merchantHint}
        autoComplete="organization"
        maxLength={100}
        value={merchant}
        onChange={(e) => setMerchant(e.currentTarget.value)}
        required
      />
      <TextInput
        label={t.signIn.name}
        description={t.signIn.nameHint}
        autoComplete="name"
        maxLength={60}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        required
      />
      <NewPassword value={password} onChange={setPassword} />
      <p className="small muted">{words.zone(zone())}</p>
      <ActionFailed error={failed} what={words.title} />
      <Button type="submit" loading={busy}>
        {words.submit}
      </Button>
    </Door>
  );
}
