import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asFailure, call } from "../api/call";
import { acceptInvitation, readInvitation } from "../api/gen/sdk.gen";
import type { InvitationOffer } from "../api/gen/types.gen";
import { signedIn, signedOut } from "../api/session";
import { whoWords } from "../order/words";
import { useText } from "../text";
import { ActionFailed, Loading, sentence } from "../ui/states";
import { useAct } from "../ui/useAct";
import { Door, linkToken } from "./Door";
import { NewPassword } from "./NewPassword";

/** Says what an invitation offers, and takes it. */
export function InvitationPage() {
  const t = useText();
  const [token] = useState(linkToken);
  const { data, error } = useQuery({
    queryKey: ["invitation", token],
    queryFn: () => call(readInvitation({ body: { token } })),
    enabled: !!token,
    retry: (n, e) => n < 2 && asFailure(e).passing,
  });
  if (data) return <Accept token={token} offer={data} />;
  return (
    <Door title={t.signIn.invitation.title}>
      {error || !token ? (
        <>
          <p role="alert">{error ? sentence(error) : t.signIn.invitation.noLink}</p>
          <p>
            <a href="/">{t.signIn.back}</a>
          </p>
        </>
      ) : (
        <Loading rows={2} />
      )}
    </Door>
  );
}

function Accept({ token, offer }: { token: string; offer: InvitationOffer }) {
  const t = useText();
  const words = t.signIn.invitation;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { busy, failed, act } = useAct();
  const submit = () =>
    act(async () => {
      const answer = await call(acceptInvitation({ body: { token, name: name.trim(), password } }));
      // Who has a second factor has to show it: the role is given, the session is not.
      if (answer && "actor" in answer) signedIn();
      else signedOut();
      location.replace("/");
    });
  const role = t.people.roles[offer.role];
  return (
    <Door title={words.title} submit={() => void submit()}>
      <p>
        {offer.merchant ? words.offer(whoWords(offer.by), offer.merchant, role) : words.staff(whoWords(offer.by), role)}
      </p>
      <TextInput
        type="email"
        name="email"
        autoComplete="username"
        label={t.signIn.email}
        value={offer.email}
        readOnly
      />
      {offer.known ? (
        <TextInput
          type="password"
          name="password"
          autoComplete="current-password"
          label={t.signIn.password}
          description={words.known}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          required
        />
      ) : (
        <>
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
        </>
      )}
      <ActionFailed error={failed} what={words.accept} />
      <Button type="submit" loading={busy}>
        {words.accept}
      </Button>
    </Door>
  );
}
