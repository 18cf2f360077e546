import { exportOrders } from "../api/gen/sdk.gen";
import { saveAnswer } from "../api/save";
import type { ListParams } from "./list";

/** Saves what the list shows, all of it, as a file; gives the file's name. */
export const exportCsv = (params: ListParams) =>
  saveAnswer(exportOrders({ query: params, parseAs: "blob" }), "orders.csv");
