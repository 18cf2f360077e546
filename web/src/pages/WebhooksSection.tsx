import { Button, Checkbox, TextInput } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { asFailure, call } from "../api/call";
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  replaceWebhookEndpoint,
  rotateWebhookSecret,
} from "../api/gen/sdk.gen";
import type { WebhookEndpoint, WebhookType } from "../api/gen/types.gen";
import { useMay } from "../api/may";
import { queryClient, webhooksQuery } from "../api/queries";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { DropMenu } from "../ui/DropMenu";
import { IconMore, IconPlus, IconWarn } from "../ui/icons";
import { ShownOnce } from "../ui/ShownOnce";
import { ActionFailed, Failed, Loading, sentence } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import { isWebAddress } from "./connect";
import { SectionCard } from "./SettingsCard";
import classes from "./SettingsPage.module.css";
import { WebhookDeliveries } from "./WebhookDeliveries";
import { nameOf, webhookTypes } from "./webhooks";

type Doing = { what: "edit" | "told" | "secret" | "delete"; of: WebhookEndpoint };

const changed = () => queryClient.invalidateQueries({ queryKey: ["webhooks"] });

/** Where the merchant's own systems are told of changes. */
export function WebhooksSection() {
  const t = useText();
  const words = t.settings.webhooks;
  const may = useMay("webhooks:write");
  const { data, error, isPending, refetch } = useQuery(webhooksQuery);
  const [adding, setAdding] = useState(false);
  const [doing, setDoing] = useState<Doing>();
  const [secret, setSecret] = useState<{ name: string; value: string }>();
  const endpoints = data?.webhook_endpoints ?? [];
  const stop = () => setDoing(undefined);

  return (
    <SectionCard id="webhooks" lead={words.lead}>
      {isPending && <Loading rows={2} />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {endpoints
        .filter((e) => e.disabled_why === "gone" || e.disabled_why === "failing")
        .map((e) => (
          <Disabled key={e.id} endpoint={e} />
        ))}
      {data && endpoints.length === 0 && <p className="muted">{words.none}</p>}
      {endpoints.length > 0 && <Endpoints endpoints={endpoints} onDo={setDoing} />}
      {data && may && (
        <div>
          <Button variant="default" leftSection={<IconPlus />} onClick={() => setAdding(true)}>
            {words.add}
          </Button>
        </div>
      )}
      {adding && (
        <EndpointDialog
          onClose={() => setAdding(false)}
          onSecret={(e, value) => {
            setAdding(false);
            setSecret({ name: nameOf(e), value });
          }}
        />
      )}
      {doing?.what === "edit" && <EndpointDialog endpoint={doing.of} onClose={stop} />}
      {doing?.what === "told" && <WebhookDeliveries endpoint={doing.of} onClose={stop} />}
      {doing?.what === "secret" && (
        <Confirm
          title={words.rotateTitle(nameOf(doing.of))}
          label={words.rotate}
          onClose={stop}
          run={async () => {
            const made = await call(rotateWebhookSecret({ path: { id: doing.of.id } }));
            await changed();
            setSecret({ name: nameOf(made), value: made.secret });
          }}
        >
          <p>{words.rotateLead}</p>
        </Confirm>
      )}
      {doing?.what === "delete" && (
        <Confirm
          title={words.deleteTitle(nameOf(doing.of))}
          label={t.do.remove}
          onClose={stop}
          run={async () => {
            await call(deleteWebhookEndpoint({ path: { id: doing.of.id } }));
            await changed();
            toast({ title: words.deleted(nameOf(doing.of)) });
          }}
        >
          <p>{words.deleteLead}</p>
        </Confirm>
      )}
      {secret && (
        <ShownOnce
          title={words.secretOf(secret.name)}
          value={secret.value}
          lead={words.once}
          copy={words.copy}
          copied={words.copied}
          onClose={() => setSecret(undefined)}
        />
      )}
    </SectionCard>
  );
}

/** Changes whether an endpoint is told anything. */
async function enable(e: WebhookEndpoint, on: boolean) {
  await call(
    replaceWebhookEndpoint({
      path: { id: e.id },
      body: { url: e.url, description: e.description, types: e.types, disabled: !on },
    }),
  );
  await changed();
}

/** Says that Waybill has stopped telling an endpoint, and lets it begin again. */
function Disabled({ endpoint: e }: { endpoint: WebhookEndpoint }) {
  const words = useText().settings.webhooks;
  const may = useMay("webhooks:write");
  const { busy, failed, act } = useAct();
  return (
    <div className="stack tight">
      <div className="bar" data-tone="bad" role="alert">
        <IconWarn />
        <span className="grow anywhere">
          {e.disabled_why === "gone" ? words.gone(nameOf(e)) : words.failing(nameOf(e))}
        </span>
        <Button
          variant="default"
          size="compact-sm"
          loading={busy}
          disabled={!may}
          onClick={() => void act(() => enable(e, true))}
        >
          {words.enable}
        </Button>
      </div>
      <ActionFailed error={failed} what={words.enable} />
    </div>
  );
}

function Endpoints({ endpoints, onDo }: { endpoints: WebhookEndpoint[]; onDo: (d: Doing) => void }) {
  const t = useText();
  const words = t.settings.webhooks;
  const may = useMay("webhooks:write");

  async function turn(e: WebhookEndpoint, on: boolean) {
    try {
      await enable(e, on);
    } catch (error) {
      toast({
        title: t.state.actionFailed(on ? words.enable : words.disable),
        detail: sentence(error),
        tone: "bad",
      });
    }
  }

  return (
    <table className="table" aria-labelledby="webhooks-title">
      <thead>
        <tr>
          <th scope="col">{words.column.endpoint}</th>
          <th scope="col">{words.column.types}</th>
          <th scope="col">{words.column.state}</th>
          <th scope="col">
            <span className="sr-only">{words.column.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {endpoints.map((e) => (
          <tr key={e.id}>
            <td data-label={words.column.endpoint}>
              <div className="stack tight">
                {e.description && <strong className="anywhere">{e.description}</strong>}
                <span className="small mono anywhere">{e.url}</span>
              </div>
            </td>
            <td data-label={words.column.types} className="small">
              {e.types.length === webhookTypes.length
                ? words.everything
                : e.types.map((type) => words.types[type]).join(" · ")}
            </td>
            <td data-label={words.column.state} className="small">
              <State of={e} />
            </td>
            <td>
              <span className={classes.actions}>
                <DropMenu
                  position="bottom-end"
                  button={
                    <button type="button" className="iconButton" aria-label={words.actionsOf(nameOf(e))}>
                      <IconMore />
                    </button>
                  }
                  lines={[
                    { do: words.told, run: () => onDo({ what: "told", of: e }) },
                    ...(may
                      ? [
                          { do: t.do.edit, run: () => onDo({ what: "edit", of: e }) },
                          { do: words.rotate, run: () => onDo({ what: "secret", of: e }) },
                          e.state === "active"
                            ? { do: words.disable, run: () => void turn(e, false) }
                            : { do: words.enable, run: () => void turn(e, true) },
                          "line" as const,
                          { do: t.do.remove, run: () => onDo({ what: "delete", of: e }) },
                        ]
                      : []),
                  ]}
                />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function State({ of: e }: { of: WebhookEndpoint }) {
  const words = useText().settings.webhooks;
  const [tone, word, at] =
    e.state === "disabled"
      ? (["bad", words.disabledSince, e.disabled_at] as const)
      : e.failing_since
        ? (["warn", words.failingSince, e.failing_since] as const)
        : e.last_success_at
          ? (["good", words.works, e.last_success_at] as const)
          : ([undefined, words.unused, undefined] as const);
  return (
    <div className="stack tight">
      <span>
        <span className="pill" data-tone={tone}>
          {word}
        </span>
      </span>
      {at && <Time at={at} as="ago" />}
    </div>
  );
}

interface EndpointDialogProps {
  /** The one that is changed; without it one is added. */
  endpoint?: WebhookEndpoint;
  onClose: () => void;
  /** Gets what signs an added endpoint's messages. */
  onSecret?: (e: WebhookEndpoint, secret: string) => void;
}

function EndpointDialog({ endpoint: e, onClose, onSecret }: EndpointDialogProps) {
  const t = useText();
  const words = t.settings.webhooks;
  const [url, setUrl] = useState(e?.url ?? "");
  const [description, setDescription] = useState(e?.description ?? "");
  const [types, setTypes] = useState<WebhookType[]>(e?.types ?? [...webhookTypes]);
  const [tried, setTried] = useState(false);
  const { busy, failed, act } = useAct();
  const title = e ? words.edit(nameOf(e)) : words.add;
  const address = url.trim();
  const noAddress = !isWebAddress(address);
  const refused = failed ? asFailure(failed).problem?.errors?.find((x) => x.pointer === "/url")?.reason : undefined;

  function save(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (noAddress || types.length === 0) return;
    void act(async () => {
      const body = { url: address, description: description.trim(), types };
      if (e) {
        await call(replaceWebhookEndpoint({ path: { id: e.id }, body: { ...body, disabled: e.state === "disabled" } }));
        await changed();
        toast({ title: words.saved(description.trim() || address) });
        onClose();
        return;
      }
      const made = await call(createWebhookEndpoint({ body }));
      await changed();
      onSecret?.(made, made.secret);
    });
  }

  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="webhook" loading={busy}>
            {e ? t.do.save : words.add}
          </Button>
        </>
      }
    >
      <form id="webhook" className="stack" onSubmit={save} noValidate>
        <TextInput
          label={words.url}
          description={words.urlHint}
          value={url}
          maxLength={500}
          inputMode="url"
          onChange={(x) => setUrl(x.currentTarget.value)}
          error={tried && noAddress ? words.urlWrong : refused}
          required
        />
        <TextInput
          label={words.description}
          value={description}
          maxLength={100}
          onChange={(x) => setDescription(x.currentTarget.value)}
        />
        <fieldset className={`stack tight ${classes.plain}`}>
          <legend>{words.typesOf}</legend>
          {webhookTypes.map((type) => (
            <Checkbox
              key={type}
              label={words.types[type]}
              description={type}
              checked={types.includes(type)}
              onChange={(x) => setTypes(x.currentTarget.checked ? [...types, type] : types.filter((y) => y !== type))}
            />
          ))}
          {tried && types.length === 0 && (
            <p className={`small ${classes.wrong}`} role="alert">
              {words.typesNeeded}
            </p>
          )}
        </fieldset>
        <ActionFailed error={failed} what={title} />
      </form>
    </Dialog>
  );
}
