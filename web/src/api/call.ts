import { learnTime } from "./clock";
import { client } from "./gen/client.gen";
import type { Problem } from "./gen/types.gen";
import { chooseMerchant, chosenMerchant, signedOut } from "./session";

/** Why a call failed: a problem that the server explains, or no answer at all. */
export class Failure extends Error {
  /** Stable, for software; "offline" when nothing answered. */
  readonly code: string;
  /** The HTTP status; 0 when nothing answered. */
  readonly status: number;
  readonly problem?: Problem;

  constructor(code: string, status: number, detail: string, problem?: Problem) {
    super(detail);
    this.code = code;
    this.status = status;
    this.problem = problem;
  }

  /** What the server's log calls the request. */
  get requestId() {
    return this.problem?.instance.replace("urn:waybill:request:", "") ?? "";
  }

  /** Whether asking again may help without anything being changed. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const merchantHeader = "Waybill-Merchant";

client.interceptors.request.use((request) => {
  if (chosenMerchant()) request.headers.set(merchantHeader, chosenMerchant());
  return request;
});
client.interceptors.response.use((response) => {
  learnTime(response.headers.get("Date"));
  return response;
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  request?: Request;
  response?: Response;
}

function isProblem(e: unknown): e is Problem {
  return typeof e === "object" && e !== null && "code" in e && "detail" in e;
}

/** Draws from a refusal what follows for the page: the session is over, or one may no longer act at the merchant. */
export function heed(request: Request | undefined, status: number, code: string) {
  if (status === 401 && !doors.has(code)) signedOut();
  const at = request?.headers.get(merchantHeader);
  if (at && at === chosenMerchant() && (code === "view_not_begun" || code === "merchant_not_yours")) chooseMerchant("");
}

// What the sign-in answers to who is not in yet says nothing of a session.
const doors = new Set(["code_needed", "code_wrong", "sign_in_refused", "passkey_refused"]);

/** The data of a call, or a Failure. */
export async function call<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, request, response } = await answer;
  if (!response) throw new Failure("offline", 0, "");
  if (response.ok && data !== undefined) return data;
  if (!isProblem(error)) throw new Failure("unexpected", response.status, "");
  heed(request, response.status, error.code);
  throw new Failure(error.code, response.status, error.detail, error);
}

/** Any error as a Failure. */
export function asFailure(e: unknown): Failure {
  return e instanceof Failure ? e : new Failure("unexpected", 0, e instanceof Error ? e.message : String(e));
}
