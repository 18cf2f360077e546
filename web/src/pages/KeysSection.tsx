import { Button, Checkbox, NativeSelect, TextInput } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { asFailure, call } from "../api/call";
import { now } from "../api/clock";
import { createApiKey, revokeApiKey } from "../api/gen/sdk.gen";
import type { ApiKey } from "../api/gen/types.gen";
import { keysQuery, meQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { IconPlus, IconTrash, IconWarn } from "../ui/icons";
import { ShownOnce } from "../ui/ShownOnce";
import { ActionFailed, Failed, Loading, sentence } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { type GivenScope, keyScopes, keyTerms } from "./keys";
import { SectionCard } from "./SettingsCard";
import classes from "./SettingsPage.module.css";

/** The merchant's API keys: what each may do, and when it was last used. */
export function KeysSection() {
  const t = useText();
  const words = t.settings.keys;
  const { data, error, isPending, refetch } = useQuery(keysQuery);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<{ name: string; key: string }>();
  const [revoking, setRevoking] = useState<ApiKey>();
  const keys = data?.api_keys ?? [];
  const living = keys.filter((k) => k.state !== "revoked");
  const revoked = keys.filter((k) => k.state === "revoked");
  return (
    <SectionCard id="keys" lead={words.lead}>
      {isPending && <Loading rows={2} />}
      {error && !data && asFailure(error).code === "scope_missing" && (
        <p className="bar" data-tone="warn">
          <IconWarn />
          <span className="grow">{sentence(error)}</span>
        </p>
      )}
      {error && !data && asFailure(error).code !== "scope_missing" && (
        <Failed error={error} onRetry={() => void refetch()} />
      )}
      {data && (
        <>
          <Keys keys={living} labelledBy="keys-title" onRevoke={setRevoking} />
          {revoked.length > 0 && (
            <details>
              <summary id="keys-revoked">{words.revokedOnes(revoked.length)}</summary>
              <Keys keys={revoked} labelledBy="keys-revoked" />
            </details>
          )}
          <div>
            <Button variant="default" leftSection={<IconPlus />} onClick={() => setMaking(true)}>
              {words.make}
            </Button>
          </div>
        </>
      )}
      {making && (
        <MakeDialog
          onClose={() => setMaking(false)}
          onMade={(name, key) => {
            setMaking(false);
            setMade({ name, key });
          }}
        />
      )}
      {made && (
        <ShownOnce
          title={words.made(made.name)}
          value={made.key}
          lead={words.once}
          copy={words.copy}
          copied={words.copied}
          onClose={() => setMade(undefined)}
        />
      )}
      {revoking && <RevokeDialog apiKey={revoking} onClose={() => setRevoking(undefined)} />}
    </SectionCard>
  );
}

interface KeysProps {
  keys: ApiKey[];
  labelledBy: string;
  onRevoke?: (k: ApiKey) => void;
}

function Keys({ keys, labelledBy, onRevoke }: KeysProps) {
  const t = useText();
  const words = t.settings.keys;
  return (
    <table className="table" aria-labelledby={labelledBy}>
      <thead>
        <tr>
          <th scope="col">{words.column.name}</th>
          <th scope="col">{words.column.may}</th>
          <th scope="col">{words.column.used}</th>
          <th scope="col">{words.column.ends}</th>
          {onRevoke && (
            <th scope="col">
              <span className="sr-only">{words.column.actions}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {keys.map((k) => (
          <tr key={k.id}>
            <td data-label={words.column.name}>
              <div className="stack tight">
                <strong className="anywhere">{k.name}</strong>
                {k.starts_with && <span className="small muted mono">{k.starts_with}…</span>}
                {k.current && (
                  <span>
                    <span className="pill" data-tone="info">
                      {words.current}
                    </span>
                  </span>
                )}
              </div>
            </td>
            <td data-label={words.column.may} className="small">
              {k.scopes.length === keyScopes.length
                ? words.everything
                : k.scopes.map((s) => words.scopes[s as GivenScope]).join(", ")}
            </td>
            <td data-label={words.column.used} className="small">
              {k.last_used_at ? <Time at={k.last_used_at} as="ago" /> : <span className="muted">{words.unused}</span>}
            </td>
            <td data-label={words.column.ends} className="small">
              <End of={k} />
            </td>
            {onRevoke && (
              <td>
                <span className={classes.actions}>
                  <button
                    type="button"
                    className="iconButton"
                    title={words.revoke}
                    aria-label={words.revokeName(k.name)}
                    onClick={() => onRevoke(k)}
                  >
                    <IconTrash />
                  </button>
                </span>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function End({ of: k }: { of: ApiKey }) {
  const words = useText().settings.keys;
  if (k.state === "revoked") {
    return (
      <span>
        {words.wasRevoked} {k.revoked_at && <Time at={k.revoked_at} />}
      </span>
    );
  }
  if (!k.expires_at) return <span className="muted">{words.never}</span>;
  if (k.state === "active") return <Time at={k.expires_at} />;
  return (
    <div className="stack tight">
      <span>
        <span className="pill" data-tone="warn">
          {words.expired}
        </span>
      </span>
      <Time at={k.expires_at} />
    </div>
  );
}

function MakeDialog({ onClose, onMade }: { onClose: () => void; onMade: (name: string, key: string) => void }) {
  const t = useText();
  const words = t.settings.keys;
  const { data: me } = useQuery(meQuery);
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<GivenScope[]>([]);
  const [days, setDays] = useState("90");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const noName = name.trim() === "";

  async function make(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    if (noName || scopes.length === 0) return;
    setBusy(true);
    setFailed(undefined);
    const end = days === "" ? undefined : new Date(now() + Number(days) * 86_400_000).toISOString();
    try {
      const key = await call(createApiKey({ body: { name: name.trim(), scopes, expires_at: end } }));
      await queryClient.invalidateQueries({ queryKey: ["api keys"] });
      onMade(key.name, key.key);
    } catch (error) {
      setFailed(error);
      setBusy(false);
    }
  }

  return (
    <Dialog
      title={words.make}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="api-key" loading={busy}>
            {words.make}
          </Button>
        </>
      }
    >
      <form id="api-key" className="stack" onSubmit={(e) => void make(e)} noValidate>
        <TextInput
          label={words.name}
          description={words.nameHint}
          value={name}
          maxLength={60}
          onChange={(e) => setName(e.currentTarget.value)}
          error={tried && noName ? t.settings.needed : undefined}
          required
        />
        <fieldset className={`stack tight ${classes.plain}`}>
          <legend>{words.may}</legend>
          <p className="small muted">{words.mayHint}</p>
          {keyScopes.map((s) => (
            <Checkbox
              key={s}
              label={words.scopes[s]}
              description={words.scopeHints[s]}
              checked={scopes.includes(s)}
              disabled={me && !me.scopes.includes(s)}
              onChange={(e) => setScopes(e.currentTarget.checked ? [...scopes, s] : scopes.filter((x) => x !== s))}
            />
          ))}
          {tried && scopes.length === 0 && (
            <p className={`small ${classes.wrong}`} role="alert">
              {words.mayNeeded}
            </p>
          )}
        </fieldset>
        <NativeSelect
          label={words.ends}
          value={days}
          onChange={(e) => setDays(e.currentTarget.value)}
          data={keyTerms.map((d) => ({ value: d, label: words.term(Number(d)) }))}
        />
        <ActionFailed error={failed} what={words.make} />
      </form>
    </Dialog>
  );
}

function RevokeDialog({ apiKey: k, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const t = useText();
  const words = t.settings.keys;
  async function revoke() {
    await call(revokeApiKey({ path: { id: k.id } }));
    await queryClient.invalidateQueries({ queryKey: ["api keys"] });
    toast({ title: words.revoked(k.name) });
  }
  return (
    <Confirm title={words.revokeName(k.name)} label={words.revoke} run={revoke} onClose={onClose}>
      <p>{words.revokeLead}</p>
      {k.current && <p>{words.revokeOwn}</p>}
    </Confirm>
  );
}
