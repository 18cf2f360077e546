package models

// Tab is where an order stands. It is computed by Rollup, never set.
type Tab string

// The five tabs, and Closed, which is a view and not a tab.
const (
	TabPending          Tab = "pending"
	TabAwaitingOrder    Tab = "awaiting_order"
	TabAwaitingPayment  Tab = "awaiting_payment"
	TabAwaitingShipment Tab = "awaiting_shipment"
	TabFulfilled        Tab = "fulfilled"
	TabClosed           Tab = "closed"
)

// Tabs lists the five tabs in their order and then Closed.
func Tabs() []Tab {
	return []Tab{TabPending, TabAwaitingOrder, TabAwaitingPayment, TabAwaitingShipment, TabFulfilled, TabClosed}
}

// Valid reports whether t is one of Tabs.
func (t Tab) Valid() bool {
	for _, known := range Tabs() {
		if t == known {
			return true
		}
	}
	return false
}

// Title is the tab's name for people.
func (t Tab) Title() string {
	switch t {
	case TabPending:
		return "Pending"
	case TabAwaitingOrder:
		return "Awaiting Order"
	case TabAwaitingPayment:
		return "Awaiting Payment"
	case TabAwaitingShipment:
		return "Awaiting Shipment"
	case TabFulfilled:
		return "Fulfilled"
	case TabClosed:
		return "Closed"
	}
	return string(t)
}
