import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useText } from "../text";
import { Title } from "../ui/Title";
import classes from "./NotFound.module.css";

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
      <div className="card stack">
        <p>{t.state.notFound}</p>
        <form className="row" onSubmit={search}>
          <input
            className={`field ${classes.search}`}
            type="search"
            aria-label={t.orders.search}
            placeholder={t.orders.search}
            value={q}
            onChange={(e) => setQ(e.target.value)}
          />
          <Link to="/orders">{t.state.toOrders}</Link>
        </form>
      </div>
    </>
  );
}
