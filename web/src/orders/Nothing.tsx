import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { OrderCounts } from "../api/gen/types.gen";
import { connectionsQuery } from "../api/queries";
import { type OrdersSearch, type View, views } from "../app/search";
import { useText } from "../text";
import { number } from "../text/format";
import { Empty } from "../ui/states";
import { narrowed } from "./list";

/** Why the list is empty, and where what is looked for may be. */
export function Nothing({ view, search, counts }: { view: View; search: OrdersSearch; counts?: OrderCounts }) {
  const t = useText();
  const { data: connections } = useQuery(connectionsQuery);
  const noStore = connections && !connections.connections.some((c) => c.platform === "wix" && c.state !== "removed");
  if (noStore)
    return (
      <div className="card">
        <Empty title={t.orders.firstSteps} action={<Link to="/welcome">{t.orders.firstStepsGo}</Link>}>
          {t.orders.firstStepsHint}
        </Empty>
      </div>
    );
  if (!narrowed(search))
    return (
      <div className="card">
        <Empty title={t.orders.emptyTitle(t.tabs[view])}>{t.orders.empty[view]}</Empty>
      </div>
    );
  const elsewhere = views.filter((v) => v !== view && v !== "attention" && (counts?.[v] ?? 0) > 0);
  return (
    <div className="card">
      <Empty
        title={t.orders.noHit(t.tabs[view], search.q ?? "")}
        action={
          <ul className="row">
            {elsewhere.map((v) => (
              <li key={v}>
                <Link to="/orders" search={{ ...search, tab: v }}>
                  {t.orders.hitsElsewhere(number(counts?.[v] ?? 0), t.tabs[v])}
                </Link>
              </li>
            ))}
            <li>
              <Link to="/orders" search={{ tab: view }}>
                {t.orders.clearSearch}
              </Link>
            </li>
          </ul>
        }
      >
        {elsewhere.length > 0 ? t.orders.elsewhere : t.orders.nowhere}
      </Empty>
    </div>
  );
}
