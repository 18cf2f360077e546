import { useMediaQuery } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { asFailure } from "../api/call";
import type { Order } from "../api/gen/types.gen";
import { orderQuery } from "../api/queries";
import { useText } from "../text";
import { moment } from "../text/format";
import { Empty, Failed, Loading, Stale } from "../ui/states";
import { ShowDialog } from "./dialogs";
import { Facts, Lines } from "./Facts";
import { Flags } from "./Flags";
import classes from "./order.module.css";
import { Parcels, Pushes } from "./Parcels";
import { Purchases } from "./Purchases";
import { HeadingLevel } from "./Section";
import { Status } from "./Status";
import { Decisions, Developers, Timeline } from "./Story";

interface OrderViewProps {
  id: string;
  /** The level of the heading that names the order. */
  level: 1 | 2;
  /** A page has room for two columns, a panel beside the list has not. */
  columns?: boolean;
  /** Shown where there is no such order. */
  away?: ReactNode;
}

/** One order in full, kept up to date; what a person is typing in a dialog stays meanwhile. */
export function OrderView({ id, level, columns = false, away }: OrderViewProps) {
  const t = useText();
  const { data: order, error, refetch, dataUpdatedAt } = useQuery(orderQuery(id));
  const [make, show] = useState<((close: () => void) => ReactNode) | undefined>();
  const failed = error && asFailure(error);
  let body: ReactNode = <Loading rows={8} />;
  if (order) body = <Parts order={order} columns={columns} />;
  else if (failed?.status === 404 || failed?.status === 400 || failed?.status === 422)
    body = (
      <Empty title={t.order.missing} action={away}>
        {t.order.missingHint}
      </Empty>
    );
  else if (failed) body = <Failed error={failed} onRetry={() => void refetch()} />;
  return (
    <HeadingLevel value={level}>
      <ShowDialog value={(next) => show(() => next)}>
        <div className={classes.view}>
          {order && failed && (
            <Stale since={moment(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />
          )}
          {body}
        </div>
        {make?.(() => show(undefined))}
      </ShowDialog>
    </HeadingLevel>
  );
}

function Parts({ order, columns }: { order: Order; columns: boolean }) {
  const wide = useMediaQuery("(min-width: 1180px)", undefined, { getInitialValueInEffect: false }) && columns;
  if (!wide)
    return (
      <>
        <Status order={order} />
        <Flags order={order} />
        <Facts order={order} />
        <Lines order={order} />
        <Purchases order={order} />
        <Parcels order={order} />
        <Pushes order={order} />
        <Decisions order={order} />
        <Timeline order={order} />
        <Developers order={order} />
      </>
    );
  return (
    <div className={classes.columns}>
      <div className={classes.view}>
        <Status order={order} />
        <Flags order={order} />
        <Lines order={order} />
        <Purchases order={order} />
        <Parcels order={order} />
        <Pushes order={order} />
        <Decisions order={order} />
        <Developers order={order} />
      </div>
      <div className={classes.view}>
        <Facts order={order} />
        <Timeline order={order} />
      </div>
    </div>
  );
}
