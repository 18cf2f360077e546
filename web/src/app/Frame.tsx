import { useQuery } from "@tanstack/react-query";
import { Link, lazyRouteComponent, Outlet, useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { type ComponentType, lazy, Suspense, useEffect, useState } from "react";
import type { Me } from "../api/gen/types.gen";
import { connectionsQuery, meQuery } from "../api/queries";
import { chooseMerchant } from "../api/session";
import { useLive } from "../live";
import { RunBar } from "../sync/RunBar";
import { currentLanguage, type Language, languages, setLanguage, useText } from "../text";
import { clock, zone } from "../text/format";
import { DropMenu } from "../ui/DropMenu";
import {
  IconActivity,
  IconCheck,
  IconConnections,
  IconHealth,
  IconHelp,
  IconMapping,
  IconMenu,
  IconMoon,
  IconOrders,
  IconPay,
  IconSettings,
  IconStore,
  IconSun,
  IconUser,
  IconWarn,
} from "../ui/icons";
import { Bars } from "./Bars";
import classes from "./Frame.module.css";
import { useShortcuts } from "./keyboard";
import { Logo } from "./Logo";
import { signOut } from "./SignedIn";
import { setScheme, useScheme } from "./theme";

const Help = lazy(() => import("./Help").then((m) => ({ default: m.Help })));
const ViewBar = lazy(() => import("../support/ViewBar").then((m) => ({ default: m.ViewBar })));
const NoMerchant = lazy(() => import("../support/NoMerchant").then((m) => ({ default: m.NoMerchant })));

/** One's own account: the one page that everybody has. */
export const AccountPage = lazyRouteComponent(() => import("../account/AccountPage"), "AccountPage");

const places = [
  ["orders", "/orders", IconOrders],
  ["pay", "/pay", IconPay],
  ["activity", "/activity", IconActivity],
  ["health", "/health", IconHealth],
  ["connections", "/connections", IconConnections],
  ["mappings", "/mappings", IconMapping],
  ["settings", "/settings", IconSettings],
] as const satisfies readonly (readonly [string, string, ComponentType])[];

/** Where somebody can go: the pages of a merchant, of the desk, or of nothing but one's own account. */
function placesOf(me: Me) {
  if (me.person?.wants_factor) return [["account", "/account", IconUser]] as const;
  const desk = me.scopes.includes("desk:use") ? ([["support", "/support", IconHelp]] as const) : [];
  const staff = me.scopes.includes("operate") ? ([["staff", "/support/staff", IconUser]] as const) : [];
  return [...desk, ...staff, ...(me.merchant ? places : [])];
}

/** The frame around every page: where one can go, whether it is live, what is being synced. */
export function Frame() {
  const t = useText();
  const [menu, setMenu] = useState(false);
  const [help, setHelp] = useState(false);
  const path = useRouterState({ select: (s) => s.location.pathname });
  const go = useNavigate();
  const { data: me } = useQuery(meQuery);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new page closes the menu
  useEffect(() => setMenu(false), [path]);
  useShortcuts({
    "?": () => setHelp(true),
    "g o": () => go({ to: "/orders" }),
    "g p": () => go({ to: "/pay" }),
    "g a": () => go({ to: "/activity" }),
    "g h": () => go({ to: "/health" }),
    "g c": () => go({ to: "/connections" }),
    "g m": () => go({ to: "/mappings" }),
    "g s": () => go({ to: "/settings" }),
  });
  return (
    <div className={classes.frame}>
      <a href="#content" className={classes.skip}>
        {t.frame.skip}
      </a>
      <header className={classes.top}>
        <button
          type="button"
          className={`iconButton ${classes.burger}`}
          aria-label={t.frame.menu}
          aria-expanded={menu}
          aria-controls="nav"
          onClick={() => setMenu(!menu)}
        >
          <IconMenu />
        </button>
        <Link to="/" className={classes.home} aria-label="Waybill">
          <Logo />
        </Link>
        {me?.merchant && <StoreChoice />}
        <span className="grow" />
        {me?.merchant && <Live />}
        <button
          type="button"
          className={`iconButton ${classes.wide}`}
          aria-label={t.frame.help}
          title={`${t.frame.help} (?)`}
          onClick={() => setHelp(true)}
        >
          <IconHelp />
        </button>
        <Theme />
        <Account />
      </header>
      <nav id="nav" className={classes.nav} aria-label={t.frame.navigation} data-open={menu || undefined}>
        <ul>
          {me &&
            placesOf(me).map(([name, to, Icon]) => (
              <li key={to}>
                <Link
                  to={to}
                  className={classes.place}
                  activeOptions={{ exact: to === "/support" }}
                  activeProps={{ "aria-current": "page" }}
                >
                  <Icon /> {t.frame.nav[name]}
                </Link>
              </li>
            ))}
        </ul>
        {me?.merchant && <Connected />}
      </nav>
      {/* A click beside the menu closes it; Escape and the menu button do the same for the keyboard. */}
      {menu && <div className={classes.shade} aria-hidden="true" onClick={() => setMenu(false)} />}
      <div className={classes.main}>
        <Suspense>{me?.view_reason && <ViewBar me={me} />}</Suspense>
        {me?.merchant && <Bars />}
        {me?.merchant && <RunBar />}
        <main id="content" tabIndex={-1}>
          {me && <Page me={me} />}
        </main>
      </div>
      {help && (
        <Suspense>
          <Help onClose={() => setHelp(false)} />
        </Suspense>
      )}
    </div>
  );
}

/** The page of the address, or what has to be done before it can be shown. */
function Page({ me }: { me: Me }) {
  // What is shown, not where one is going: a page may still have to be loaded.
  const path = useRouterState({ select: (s) => s.matches.at(-1)?.pathname ?? "/" });
  const own = path === "/account";
  if (me.person?.wants_factor && !own) return <AccountPage />;
  if (!me.merchant && !own && !path.startsWith("/support") && path !== "/")
    return (
      <Suspense>
        <NoMerchant />
      </Suspense>
    );
  return <Outlet />;
}

function StoreChoice() {
  const t = useText();
  const go = useNavigate();
  const { data } = useQuery(connectionsQuery);
  const { data: me } = useQuery(meQuery);
  const store = useSearch({ strict: false, select: (s: { store?: string }) => s.store });
  const stores = data?.connections.filter((c) => c.platform === "wix" && c.state !== "removed") ?? [];
  if (stores.length < 2)
    return (
      <span className={classes.store}>
        <IconStore /> <span className="ellipsis">{stores[0]?.name ?? me?.merchant?.name}</span>
      </span>
    );
  return (
    <span className={classes.store}>
      <IconStore />
      <select
        className={classes.storeSelect}
        aria-label={t.frame.store}
        value={store ?? ""}
        onChange={(e) => void go({ to: "/orders", search: (s) => ({ ...s, store: e.target.value || undefined }) })}
      >
        <option value="">{t.frame.allStores}</option>
        {stores.map((s) => (
          <option key={s.id} value={s.id}>
            {s.name}
          </option>
        ))}
      </select>
    </span>
  );
}

function Live() {
  const t = useText();
  const { live, since } = useLive();
  const hint = live ? t.frame.liveHint : t.frame.notLiveHint(clock(new Date(since).toISOString()));
  return (
    <span className={`pill ${classes.live}`} data-tone={live ? "good" : "warn"} title={hint} role="status">
      <span className={classes.dot} aria-hidden="true" />
      <span>{live ? t.frame.live : t.frame.notLive}</span>
      <span className="sr-only">. {hint}</span>
    </span>
  );
}

function Theme() {
  const t = useText();
  const other = useScheme() === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      className="iconButton"
      aria-label={t.frame.theme[other]}
      title={t.frame.theme[other]}
      onClick={() => setScheme(other)}
    >
      {other === "dark" ? <IconMoon /> : <IconSun />}
    </button>
  );
}

function Account() {
  const t = useText();
  const go = useNavigate();
  const { data: me } = useQuery(meQuery);
  return (
    <DropMenu
      position="bottom-end"
      width={260}
      button={
        <button type="button" className="iconButton" aria-label={t.frame.account}>
          <IconUser />
        </button>
      }
      lines={[
        ...(me
          ? [{ heading: me.person ? t.frame.signedInAs(me.person.name) : t.frame.signedInWith(me.key_name ?? "") }]
          : []),
        ...(me?.person ? [{ do: t.frame.nav.account, run: () => void go({ to: "/account" }) }] : []),
        ...merchantLines(me),
        "line",
        { heading: t.frame.zone(zone()) },
        "line",
        { heading: t.frame.language },
        ...(Object.keys(languages) as Language[]).map((code) => ({
          do: languages[code],
          lang: code,
          icon: code === currentLanguage() ? <IconCheck /> : <span className={classes.noMark} />,
          run: () => void setLanguage(code),
        })),
        "line",
        ...(me?.merchant ? [{ do: t.frame.nav.welcome, run: () => void go({ to: "/welcome" }) }] : []),
        { do: t.frame.apiReference, run: () => location.assign("/docs") },
        { do: t.frame.signOut, run: () => void signOut() },
      ]}
    />
  );

  /** Whoever has a role at several merchants says at which this tab acts. */
  function merchantLines(me?: Me) {
    const all = me?.person?.merchants ?? [];
    if (all.length < 2) return [];
    return [
      "line" as const,
      { heading: t.frame.actAt },
      ...all.map((m) => ({
        do: m.name,
        icon: m.id === me?.merchant?.id ? <IconCheck /> : <span className={classes.noMark} />,
        run: () => {
          chooseMerchant(m.id);
          void go({ to: "/orders", search: {} });
        },
      })),
    ];
  }
}

function Connected() {
  const t = useText();
  const { data } = useQuery(connectionsQuery);
  const list = data?.connections.filter((c) => c.state !== "removed") ?? [];
  return (
    <ul className={classes.connected}>
      {list.map((c) => (
        <li key={c.id}>
          {c.state === "active" ? (
            <span>{t.frame.connected(c.name)}</span>
          ) : (
            <Link to="/connections" className={classes.broken}>
              <IconWarn /> {t.frame.disconnected(c.name)}
            </Link>
          )}
        </li>
      ))}
    </ul>
  );
}
