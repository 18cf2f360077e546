import { Button } from "@mantine/core";
import { useState } from "react";
import type { Platform } from "../api/gen/types.gen";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { ActionFailed } from "../ui/states";
import classes from "./ConnectDialog.module.css";
import { connect } from "./connect";

interface ConnectProps {
  platform: Platform;
  from: "/connections" | "/welcome";
  onClose: () => void;
  /** Offers the way with an app of the merchant's own. */
  onOwnApp?: () => void;
}

/** Says what Waybill reads and writes at a platform, and leads there. */
export function ConnectDialog({ platform, from, onClose, onOwnApp }: ConnectProps) {
  const t = useText();
  const words = t.connections.about;
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();

  async function go() {
    setBusy(true);
    setFailed(undefined);
    try {
      await connect(platform, from);
    } catch (e) {
      setFailed(e);
      setBusy(false);
    }
  }

  return (
    <Dialog
      title={words.title[platform]}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button onClick={() => void go()} loading={busy} data-autofocus>
            {words.go[platform]}
          </Button>
        </>
      }
    >
      <div className="stack">
        <WhatIsDone platform={platform} />
        <p className="muted">{words.time}</p>
        {onOwnApp && (
          <p>
            <button type="button" className="link" onClick={onOwnApp}>
              {words.ownApp}
            </button>
          </p>
        )}
        <ActionFailed error={failed} what={words.title[platform]} />
      </div>
    </Dialog>
  );
}

/** The five lines that say what is read and written at a platform. */
export function WhatIsDone({ platform }: { platform: Platform }) {
  const t = useText();
  return (
    <ul className={classes.lines}>
      {t.connections.about[platform].map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
