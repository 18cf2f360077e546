// Package wixsim is Wix as an http.Handler: its OAuth, orders, fulfillments, transactions and webhooks, with its own wire
// types, clock, scripted faults, barriers that hold a call before or after its work, and a journal of everything that truly
// happened. It follows the reference in wix.md: tokens are checked, limits are kept, what the platform refuses is refused. It
// is steered by the control API below /_sim/ or by the exported methods of Server.
//
// What it does not imitate:
//
//   - Stores, carts and checkout: orders are made by CreateOrder, there is no catalogue and no stock.
//   - Money beyond the order: coupons are one percentage, tax is one rate, amounts are never converted between currencies.
//   - The automatic capture or void of an authorisation after seven days: scheduledAction is shown and never run.
//   - Permissions and scopes: an installed app may do everything, so a 403 comes from a scripted fault only.
//   - API keys, members, visitors, site search by text, aggregation, tags, activities added by an app, bulk update of orders.
//   - Status codes that Wix never published (quantity too large, order not approved): they are 4xx of our own choice.
//   - E-mails to buyers beyond a journal entry for each new fulfillment (whether Wix sends one depends on the site, and a change
//     of a fulfillment is taken to send none), and the consent pages of an installation, which redirect at once.
package wixsim
