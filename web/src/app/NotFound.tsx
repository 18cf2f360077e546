import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useText } from "../text";
import { Empty } from "../ui/states";
import { Title } from "../ui/Title";

/** Says that there is no such page, and helps on. */
export function NotFound() {
  const t = useText();
  const go = useNavigate();
  const [q, setQ] = useState("");
  const search = (e: FormEvent) => {
    e.preventDefault();
    void go({ to: "/orders", search: { q } });
  };
  return (
    <>
      <Title>{t.state.notFoundTitle}</Title>
      <div className="card">
        <Empty
          title={t.state.notFoundTitle}
          action={
            <form className="row" onSubmit={search}>
              <input
                className="field"
                type="search"
                aria-label={t.orders.search}
                placeholder={t.orders.search}
                value={q}
                onChange={(e) => setQ(e.target.value)}
              />
              <Link to="/orders">{t.state.toOrders}</Link>
            </form>
          }
        >
          {t.state.notFound}
        </Empty>
      </div>
    </>
  );
}
