import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { orderQuery } from "../api/queries";
import { useText } from "../text";
import { Copy } from "../ui/Copy";
import { IconLeft } from "../ui/icons";
import { Title } from "../ui/Title";
import { knownOrder } from "./known";
import { OrderView } from "./OrderView";
import classes from "./order.module.css";

/** One order as a page of its own. */
export function OrderPage() {
  const t = useText();
  const { id } = useParams({ from: "/orders/$id" });
  const { data } = useQuery(orderQuery(id));
  const order = data ?? knownOrder(id);
  return (
    <>
      <div className="pageHead">
        <div>
          <Link to="/orders" search={order && { tab: order.tab }} className={`row small ${classes.back}`}>
            <IconLeft /> {order ? t.order.backTo(t.tabs[order.tab]) : t.order.backToList}
          </Link>
          <div className={classes.head}>
            <Title>{order ? t.order.title(order.number) : t.order.unnamed}</Title>
            {order && <Copy value={order.number} what={t.order.number} plain />}
          </div>
          {order && (
            <p className="muted anywhere">
              {order.title}
              {order.buyer_name && ` · ${order.buyer_name}`}
            </p>
          )}
        </div>
      </div>
      <OrderView key={id} id={id} level={1} columns away={<Link to="/orders">{t.order.backToList}</Link>} />
    </>
  );
}
