import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouteComponent,
  redirect,
} from "@tanstack/react-router";
import { meQuery, queryClient } from "../api/queries";
import { OrdersPage } from "../orders/OrdersPage";
import { Failed } from "../ui/states";
import { AccountPage, Frame } from "./Frame";
import { NotFound } from "./NotFound";
import { parseSearch, readOrdersSearch, stringifySearch } from "./search";

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });

// The platforms' pages of consent lead to "/" with what became of it.
const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: ({ search }: { search: Record<string, unknown> }) => {
    if (search.connected || search.connect_error)
      throw redirect({ to: "/connections", search: search as Record<string, string>, replace: true });
    const me = queryClient.getQueryData(meQuery.queryKey);
    throw redirect({ to: me?.person?.staff && !me.merchant ? "/support" : "/orders", replace: true });
  },
});

const orders = createRoute({
  getParentRoute: () => root,
  path: "/orders",
  validateSearch: readOrdersSearch,
  component: OrdersPage,
});

function page<P extends string>(path: P, component: RouteComponent) {
  return createRoute({
    getParentRoute: () => root,
    path,
    validateSearch: (raw: Record<string, unknown>) => raw as Record<string, string | undefined>,
    component,
  });
}

const tree = root.addChildren([
  home,
  orders,
  page(
    "/orders/$id",
    lazyRouteComponent(() => import("../order/OrderPage"), "OrderPage"),
  ),
  page(
    "/pay",
    lazyRouteComponent(() => import("../pages/PayPage"), "PayPage"),
  ),
  page(
    "/activity",
    lazyRouteComponent(() => import("../pages/ActivityPage"), "ActivityPage"),
  ),
  page(
    "/activity/$id",
    lazyRouteComponent(() => import("../pages/JobPage"), "JobPage"),
  ),
  page(
    "/health",
    lazyRouteComponent(() => import("../pages/HealthPage"), "HealthPage"),
  ),
  page(
    "/connections",
    lazyRouteComponent(() => import("../pages/ConnectionsPage"), "ConnectionsPage"),
  ),
  page(
    "/mappings",
    lazyRouteComponent(() => import("../pages/MappingsPage"), "MappingsPage"),
  ),
  page(
    "/settings",
    lazyRouteComponent(() => import("../pages/SettingsPage"), "SettingsPage"),
  ),
  page(
    "/welcome",
    lazyRouteComponent(() => import("../pages/WelcomePage"), "WelcomePage"),
  ),
  page("/account", AccountPage),
  page(
    "/support",
    lazyRouteComponent(() => import("../support/SupportPage"), "SupportPage"),
  ),
  page(
    "/support/staff",
    lazyRouteComponent(() => import("../support/StaffPage"), "StaffPage"),
  ),
]);

export const router = createRouter({
  routeTree: tree,
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  scrollRestoration: true,
  // What a page cannot show is said within the frame: nobody is left before an empty screen.
  defaultErrorComponent: ({ error, reset }) => <Failed error={error} onRetry={reset} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
