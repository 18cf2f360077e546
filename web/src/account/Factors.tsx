import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { encode } from "uqr";
import { call } from "../api/call";
import {
  beginAuthenticatorApp,
  beginPasskey,
  finishAuthenticatorApp,
  finishPasskey,
  removeAuthenticatorApp,
  removePasskey,
} from "../api/gen/sdk.gen";
import type { NewAuthenticatorApp, Passkey } from "../api/gen/types.gen";
import { passkeysQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { Copy } from "../ui/Copy";
import { FormDialog } from "../ui/FormDialog";
import { IconTrash } from "../ui/icons";
import { ActionFailed, Failed, Loading } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import classes from "./account.module.css";
import { Part } from "./Part";
import { Proof, ProvedDialog } from "./Proof";
import { canUsePasskeys, givenUp, makePasskey } from "./passkeys";

/** Has everything that shows the account read it anew. */
const reread = () =>
  Promise.all(["me", "my passkeys", "my sessions"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));

/** The authenticator app: whether there is one, and how it comes and goes. */
export function AppPart({ on }: { on: boolean }) {
  const t = useText();
  const words = t.account.app;
  const [open, setOpen] = useState<"set" | "remove">();
  return (
    <Part title={words.title} lead={words.lead}>
      <p>
        <span className="pill" data-tone={on ? "good" : undefined}>
          {on ? words.on : words.off}
        </span>
      </p>
      <div className="row">
        <Button variant="default" onClick={() => setOpen("set")}>
          {on ? words.replace : words.set}
        </Button>
        {on && (
          <Button variant="default" onClick={() => setOpen("remove")}>
            {words.remove}
          </Button>
        )}
      </div>
      {open === "set" && <SetApp onClose={() => setOpen(undefined)} />}
      {open === "remove" && (
        <ProvedDialog
          title={words.remove}
          label={words.remove}
          run={async (password) => {
            await call(removeAuthenticatorApp({ body: { password } }));
            await reread();
            toast({ title: words.removed });
          }}
          onClose={() => setOpen(undefined)}
        >
          <p>{words.removeLead}</p>
        </ProvedDialog>
      )}
    </Part>
  );
}

function SetApp({ onClose }: { onClose: () => void }) {
  const t = useText();
  const words = t.account.app;
  const [password, setPassword] = useState("");
  const [app, setApp] = useState<NewAuthenticatorApp>();
  const [code, setCode] = useState("");
  const { busy, failed, act } = useAct();
  const submit = () =>
    act(async () => {
      if (!app) {
        setApp(await call(beginAuthenticatorApp({ body: { password } })));
        return;
      }
      await call(finishAuthenticatorApp({ body: { token: app.token, code: code.trim() } }));
      await reread();
      toast({ title: words.done });
      onClose();
    });
  return (
    <FormDialog
      title={words.title}
      label={app ? words.finish : words.set}
      busy={busy}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      {app ? (
        <>
          <p>{words.scan}</p>
          <Qr text={app.url} label={words.qr} />
          <p>
            <a href={app.url}>{words.open}</a>
          </p>
          <div>
            <div className="small muted">{words.secret}</div>
            <Copy value={app.secret} what={words.secret} />
          </div>
          <TextInput
            name="code"
            inputMode="numeric"
            autoComplete="one-time-code"
            pattern="[0-9]{6}"
            label={words.first}
            description={words.firstHint}
            value={code}
            onChange={(e) => setCode(e.currentTarget.value)}
            required
          />
        </>
      ) : (
        <Proof value={password} onChange={setPassword} />
      )}
      <ActionFailed error={failed} what={app ? words.finish : words.set} />
    </FormDialog>
  );
}

/** A text as a QR code, black on white in every theme: cameras want it so. */
function Qr({ text, label }: { text: string; label: string }) {
  const { size, data } = encode(text, { ecc: "M", border: 4 });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : []))).join("");
  return (
    <svg
      className={classes.qr}
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <path d={path} />
    </svg>
  );
}

/** Passkeys: which there are, and how they come and go. */
export function PasskeyPart() {
  const t = useText();
  const words = t.account.passkeys;
  const { data, error, refetch } = useQuery(passkeysQuery);
  const [making, setMaking] = useState(false);
  const [removing, setRemoving] = useState<Passkey>();
  return (
    <Part title={words.title} lead={words.lead}>
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading rows={1} />}
      {data?.passkeys.length === 0 && <p className="muted">{words.none}</p>}
      {data && data.passkeys.length > 0 && (
        <ul className="stack">
          {data.passkeys.map((p) => (
            <li key={p.id} className="spread">
              <div className="stack tight">
                <strong className="anywhere">{p.name}</strong>
                <span className="small muted">
                  <Time at={p.created_at} /> ·{" "}
                  {p.last_used_at ? (
                    <>
                      {words.used} <Time at={p.last_used_at} as="ago" />
                    </>
                  ) : (
                    words.unused
                  )}
                </span>
              </div>
              <button
                type="button"
                className="iconButton"
                aria-label={words.remove(p.name)}
                title={t.do.remove}
                onClick={() => setRemoving(p)}
              >
                <IconTrash />
              </button>
            </li>
          ))}
        </ul>
      )}
      {canUsePasskeys() ? (
        <div>
          <Button variant="default" onClick={() => setMaking(true)}>
            {words.make}
          </Button>
        </div>
      ) : (
        <p className="small muted">{words.unsupported}</p>
      )}
      {making && <MakePasskey onClose={() => setMaking(false)} />}
      {removing && (
        <ProvedDialog
          title={words.remove(removing.name)}
          label={t.do.remove}
          run={async (password) => {
            await call(removePasskey({ path: { key: removing.id }, body: { password } }));
            await reread();
            toast({ title: words.removed(removing.name) });
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>{words.removeLead}</p>
        </ProvedDialog>
      )}
    </Part>
  );
}

function MakePasskey({ onClose }: { onClose: () => void }) {
  const t = useText();
  const words = t.account.passkeys;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { busy, failed, act } = useAct();
  const submit = () =>
    act(async () => {
      const asked = await call(beginPasskey({ body: { password } }));
      const credential = await makePasskey(asked.options);
      if (!credential) return;
      await call(finishPasskey({ body: { token: asked.token, name: name.trim(), credential } }));
      await reread();
      toast({ title: words.made });
      onClose();
    });
  return (
    <FormDialog title={words.make} label={words.make} busy={busy} onSubmit={() => void submit()} onClose={onClose}>
      <TextInput
        label={words.name}
        description={words.nameHint}
        value={name}
        maxLength={60}
        onChange={(e) => setName(e.currentTarget.value)}
        required
      />
      <Proof value={password} onChange={setPassword} />
      <ActionFailed error={failed && givenUp(failed)} what={words.make} />
    </FormDialog>
  );
}
