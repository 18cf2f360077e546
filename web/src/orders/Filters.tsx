import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useId } from "react";
import { connectionsQuery, suppliersQuery } from "../api/queries";
import type { OrdersSearch } from "../app/search";
import { useText } from "../text";
import { countryCodes } from "../text/countries";
import { country } from "../text/format";
import classes from "./Filters.module.css";

const names = ["store", "flag", "country", "supplier", "from", "to"] as const;

/** What the list can be narrowed by. */
export function Filters({ search, onClose }: { search: OrdersSearch; onClose: () => void }) {
  const t = useText();
  const go = useNavigate();
  const { data: connections } = useQuery(connectionsQuery);
  const { data: suppliers } = useQuery(suppliersQuery);
  const f = t.orders.filter;

  function apply(e: FormEvent<HTMLFormElement>) {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    const chosen = Object.fromEntries(names.map((n) => [n, String(form.get(n) ?? "") || undefined]));
    void go({ to: "/orders", search: (s) => ({ ...s, ...chosen }) });
    onClose();
  }

  return (
    <form
      className={`card ${classes.form}`}
      aria-label={t.orders.filters}
      onSubmit={apply}
      onKeyDown={(e) => {
        if (e.key === "Escape") onClose();
      }}
    >
      <Choice name="store" label={f.store} value={search.store}>
        {connections?.connections
          .filter((c) => c.platform === "wix")
          .map((c) => (
            <option key={c.id} value={c.id}>
              {c.name}
            </option>
          ))}
      </Choice>
      <Choice name="flag" label={f.flag} value={search.flag}>
        {Object.entries(t.flags)
          .sort(([, a], [, b]) => a.localeCompare(b))
          .map(([code, words]) => (
            <option key={code} value={code}>
              {words}
            </option>
          ))}
      </Choice>
      <Choice name="country" label={f.country} value={search.country}>
        {countryCodes
          .map((code) => [code, country(code)] as const)
          .sort(([, a], [, b]) => a.localeCompare(b))
          .map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
      </Choice>
      <Choice name="supplier" label={f.supplier} value={search.supplier}>
        {suppliers?.suppliers.map((s) => (
          <option key={s.id} value={s.id}>
            {s.name || s.id}
          </option>
        ))}
      </Choice>
      <Day name="from" label={f.from} value={search.from} />
      <Day name="to" label={f.to} value={search.to} />
      <div className={classes.actions}>
        <Button variant="default" onClick={onClose}>
          {t.do.cancel}
        </Button>
        <Button type="submit">{f.apply}</Button>
      </div>
    </form>
  );
}

function Choice({
  name,
  label,
  value,
  children,
}: {
  name: string;
  label: string;
  value?: string;
  children: ReactNode;
}) {
  const t = useText();
  const id = useId();
  return (
    <div className={classes.field}>
      <label htmlFor={id}>{label}</label>
      {/* Drawn anew once the choices are there, so that the one in the address is shown. */}
      <select key={children ? "full" : "empty"} id={id} name={name} className="field" defaultValue={value ?? ""}>
        <option value="">{t.orders.filter.any}</option>
        {children}
      </select>
    </div>
  );
}

function Day({ name, label, value }: { name: string; label: string; value?: string }) {
  const id = useId();
  return (
    <div className={classes.field}>
      <label htmlFor={id}>{label}</label>
      <input id={id} name={name} type="date" className="field" defaultValue={value} />
    </div>
  );
}
