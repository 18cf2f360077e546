import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { call } from "../api/call";
import { endSupportView } from "../api/gen/sdk.gen";
import type { Me } from "../api/gen/types.gen";
import { chooseMerchant } from "../api/session";
import { useText } from "../text";
import { IconEye } from "../ui/icons";
import { sentence } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import classes from "./support.module.css";

/** Says on every page that somebody looks as support, at whom, why and until when. */
export function ViewBar({ me }: { me: Me }) {
  const t = useText();
  const go = useNavigate();
  const { busy, act } = useAct();
  const { merchant } = me;
  if (!merchant) return null;
  const view = me.person?.views.find((v) => v.merchant.id === merchant.id);

  const stop = () =>
    act(async () => {
      try {
        await call(endSupportView({ path: { merchant: merchant.id } }));
      } catch (e) {
        toast({ title: t.state.actionFailed(t.support.stop), detail: sentence(e), tone: "bad" });
        return;
      }
      chooseMerchant("");
      void go({ to: "/support" });
    });

  return (
    <section className={`bar ${classes.banner}`} data-tone="warn" aria-label={t.support.title}>
      <IconEye />
      <span className="grow anywhere">
        <strong>{t.support.banner(merchant.name)}</strong>: {me.view_reason}
        {view && (
          <>
            {" "}
            · {t.support.until} <Time at={view.expires_at} as="clock" />
          </>
        )}
      </span>
      <Button size="compact-sm" variant="default" loading={busy} onClick={() => void stop()}>
        {t.support.stop}
      </Button>
    </section>
  );
}
