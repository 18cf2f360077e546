import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { createAuthorization, createConnection } from "../api/gen/sdk.gen";
import { queryClient } from "../api/queries";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { IconOut } from "../ui/icons";
import { ActionFailed } from "../ui/states";
import { toast } from "../ui/toasts";
import { isWebAddress, ownConsentUrl, readCode } from "./connect";

/**
 * Connects an AliExpress account with an app of the merchant's own. Its consent leads to that app's address, never to
 * Waybill, so that the code comes by hand.
 */
export function OwnAppDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  const words = t.connections.own;
  const [key, setKey] = useState("");
  const [secret, setSecret] = useState("");
  const [callback, setCallback] = useState("");
  const [consent, setConsent] = useState<{ url: string; state: string }>();
  const [pasted, setPasted] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const needed = (value: string) => (tried && value.trim() === "" ? words.needed : undefined);

  async function begin() {
    if (!key.trim() || !secret.trim() || !isWebAddress(callback.trim())) return;
    const begun = await call(createAuthorization({ body: { platform: "aliexpress" } }));
    setConsent({ url: ownConsentUrl(begun.url, key.trim(), callback.trim()), state: begun.state });
    setTried(false);
  }

  async function finish(state: string) {
    const code = readCode(pasted);
    if (!code) return;
    const c = await call(
      createConnection({
        body: { platform: "aliexpress", code, state, app: { key: key.trim(), secret: secret.trim() } },
      }),
    );
    toast({ title: t.frame.connected(c.name) });
    await queryClient.invalidateQueries({ queryKey: ["connections"] });
    onClose();
  }

  async function submit(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    setFailed(undefined);
    setBusy(true);
    try {
      await (consent ? finish(consent.state) : begin());
    } catch (error) {
      setFailed(error);
      if (consent) setConsent(undefined); // its state is used up
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog
      title={words.title}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="own" loading={busy}>
            {consent ? words.finish : words.begin}
          </Button>
        </>
      }
    >
      <form id="own" className="stack" onSubmit={(e) => void submit(e)} noValidate>
        <p className="muted">{words.lead}</p>
        <TextInput
          label={words.key}
          value={key}
          onChange={(e) => setKey(e.currentTarget.value)}
          error={needed(key)}
          disabled={!!consent}
          required
        />
        <TextInput
          label={words.secret}
          description={words.secretHint}
          type="password"
          autoComplete="off"
          value={secret}
          onChange={(e) => setSecret(e.currentTarget.value)}
          error={needed(secret)}
          disabled={!!consent}
          required
        />
        <TextInput
          label={words.callback}
          description={words.callbackHint}
          type="url"
          value={callback}
          onChange={(e) => setCallback(e.currentTarget.value)}
          error={needed(callback) ?? (tried && !isWebAddress(callback.trim()) ? words.callbackWrong : undefined)}
          disabled={!!consent}
          required
        />
        {consent && (
          <>
            <p>
              <a href={consent.url} target="_blank" rel="noreferrer">
                {words.open} <IconOut />
              </a>
            </p>
            <TextInput
              label={words.pasted}
              description={words.step}
              value={pasted}
              onChange={(e) => setPasted(e.currentTarget.value)}
              error={tried && !readCode(pasted) ? words.pastedWrong : undefined}
              required
            />
          </>
        )}
        <ActionFailed error={failed} what={words.title} />
      </form>
    </Dialog>
  );
}
