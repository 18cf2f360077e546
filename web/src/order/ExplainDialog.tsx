import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { explanationQuery } from "../api/queries";
import { useText } from "../text";
import { copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { IconCopy } from "../ui/icons";
import { Failed, Loading } from "../ui/states";
import classes from "./order.module.css";

/** How an order stands in words to send: to the merchant, and to the buyer without suppliers and prices. */
export function ExplainDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useText();
  const { data, error, refetch } = useQuery(explanationQuery(id));
  return (
    <Dialog title={t.order.explainTitle} onClose={onClose}>
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading rows={3} />}
      {data && (
        <div className="stack">
          <Words title={t.order.forMerchant} text={data.for_merchant} />
          <Words title={t.order.forShopper} text={data.for_shopper} />
        </div>
      )}
    </Dialog>
  );
}

function Words({ title, text }: { title: string; text: string }) {
  const t = useText();
  return (
    <section className="stack tight">
      <div className="spread">
        <h3>{title}</h3>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconCopy />}
          aria-label={`${t.do.copy}: ${title}`}
          onClick={() => void copy(text)}
        >
          {t.do.copy}
        </Button>
      </div>
      <p className={`anywhere ${classes.words}`}>{text}</p>
    </section>
  );
}
