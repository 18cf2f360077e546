import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { call } from "../api/call";
import { signOut as endSession, signIn, signInFromWix } from "../api/gen/sdk.gen";
import { aboutQuery, meQuery } from "../api/queries";
import { chooseMerchant, chosenMerchant, onSession, session, signedIn, signedOut } from "../api/session";
import { joinLive } from "../live";
import { text } from "../text";
import { Failed, sentence } from "../ui/states";
import { toast } from "../ui/toasts";
import { takeInstance } from "./instance";

const SignInPage = lazy(() => import("../account/SignInPage").then((m) => ({ default: m.SignInPage })));

// Pages for who comes with a link, signed in or not.
const doors: Record<string, ReturnType<typeof lazy>> = {
  "/new-password": lazy(() => import("../account/NewPasswordPage").then((m) => ({ default: m.NewPasswordPage }))),
  "/invitation": lazy(() => import("../account/InvitationPage").then((m) => ({ default: m.InvitationPage }))),
  "/sign-up": lazy(() => import("../account/SignUpPage").then((m) => ({ default: m.SignUpPage }))),
};

const left = "waybill.left";

/** Ends the session and leaves the dashboard; the demo does not sign in again by itself. */
export async function signOut() {
  try {
    await call(endSession());
  } catch (e) {
    toast({ title: text().state.actionFailed(text().frame.signOut), detail: sentence(e), tone: "bad" });
    return;
  }
  sessionStorage.setItem(left, "1");
  chooseMerchant("");
  signedOut();
}

/** Shows the dashboard to who is signed in, and asks everybody else to sign in, at the address where they are. */
export function SignedIn({ children }: { children: ReactNode }) {
  const mark = useSyncExternalStore(onSession, session);
  const merchant = useSyncExternalStore(onSession, chosenMerchant);
  const first = useRef(true);
  const [instance, setInstance] = useState(() => takeInstance());
  const [refused, setRefused] = useState<unknown>();
  useEffect(() => {
    if (!instance) return;
    call(signInFromWix({ body: { instance } }))
      .then(signedIn, setRefused)
      .finally(() => setInstance(""));
  }, [instance]);
  useEffect(() => {
    if (mark) first.current = false;
  }, [mark]);
  const Door = doors[location.pathname];
  if (Door)
    return (
      <Suspense>
        <Door />
      </Suspense>
    );
  if (instance) return null;
  if (refused)
    return (
      <main>
        <Failed error={refused} onRetry={() => location.reload()} />
      </main>
    );
  // Another session or merchant is another dashboard: nothing that is open is kept.
  if (mark) return <Inside key={`${mark} ${merchant}`}>{children}</Inside>;
  return <Outside first={first.current} />;
}

function Inside({ children }: { children: ReactNode }) {
  const me = useQuery(meQuery);
  const at = me.data?.merchant?.id;
  useEffect(() => (at ? joinLive(at) : undefined), [at]);
  if (me.data) return children;
  if (me.error)
    return (
      <main>
        <Failed error={me.error} onRetry={() => void me.refetch()} />
      </main>
    );
  return null;
}

/** The sign-in; who comes to the demo for the first time is signed in as its owner. */
function Outside({ first }: { first: boolean }) {
  const about = useQuery(aboutQuery);
  const [refused, setRefused] = useState(false);
  const byItself = first && !refused && !sessionStorage.getItem(left);
  const owner = byItself ? about.data?.demo_accounts?.find((a) => a.role === "owner") : undefined;
  useEffect(() => {
    if (!owner) return;
    call(signIn({ body: { email: owner.email, password: owner.password, code: "" } })).then(signedIn, () =>
      setRefused(true),
    );
  }, [owner]);
  if (owner || about.isPending) return null;
  return (
    <Suspense>
      <SignInPage ended={!first && !sessionStorage.getItem(left)} />
    </Suspense>
  );
}
