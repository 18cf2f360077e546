/** Where a person sees what was bought with the AliExpress account. */
export const aliExpressOrders = "https://www.aliexpress.com/p/order/index.html";
