package orders_test

import (
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/orders"
)

// Each text says what its reader needs, and a shopper nothing of suppliers.
func TestAnOrderIsExplained(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 9, 20, 0, 0, time.UTC)
	d := orders.Detail{Facts: models.Facts{
		Order: models.Order{
			Number: "10002", Tab: models.TabAwaitingShipment, Why: "1 of 2 parcels is on its way.", LastCheckedAt: &at, NextCheckAt: &at,
			Digest: &models.Digest{Tracking: []models.DigestParcel{{Number: "LP1", Carrier: "Cainiao", Link: "https://track.example/LP1"}}},
		},
		SupplierOrders: []models.SupplierOrder{{ExternalID: "8198352049851315", Stage: models.StagePaid}, {ExternalID: "8198352049851316", Stage: models.StageClosed}},
		Parcels:        []models.Parcel{{TrackingNumber: "LP1", Carrier: "Cainiao", LastEvent: "Left the warehouse.", LastEventAt: &at}, {TrackingNumber: "LP0", VoidedAt: &at}},
		Flags:          []models.Flag{{Detail: "The seller asks for a size.", NextAction: "Answer in AliExpress.", Deadline: &at}, {Detail: "Old trouble.", ClosedAt: &at}},
	}}
	for _, c := range []struct {
		name, text   string
		says, silent []string
	}{
		{
			"merchant", d.ForMerchant(),
			[]string{"10002 is in Awaiting Shipment", "The seller asks for a size.", "Answer in AliExpress.", "Until: 2026-03-14 09:20 UTC", "8198352049851315: paid", "LP1 (Cainiao): Left the warehouse.", "Checked next 2026-03-14 09:20 UTC"},
			[]string{"Old trouble", "8198352049851316", "LP0", "\n\n\n"},
		},
		{
			"shopper", d.ForShopper(),
			[]string{"Your order 10002: it is being packed", "Tracking number LP1. Last seen on 14 March: Left the warehouse.", "https://track.example/LP1"},
			[]string{"AliExpress", "8198352049851315", "seller", "LP0", "\n\n\n"},
		},
	} {
		for _, want := range c.says {
			if !strings.Contains(c.text, want) {
				t.Errorf("%s: %q is missing in\n%s", c.name, want, c.text)
			}
		}
		for _, not := range c.silent {
			if strings.Contains(c.text, not) {
				t.Errorf("%s: %q is in\n%s", c.name, not, c.text)
			}
		}
	}
}
