// Package models holds Waybill's nouns and the rules that need nothing else: what an order, a supplier order, a parcel and
// a push are, how an answer of a platform changes what is known, and which tab the facts amount to.
//
// A struct here is both the noun and its row (the tags name columns; no query lives here). Everything is pure: no clock,
// no network, no database. Times are UTC, money is minor units of a named currency, ids are text.
package models
