package models_test

import (
	"strings"
	"testing"
	"time"

	"waybill/models"
)

func TestEveryAliExpressStatusWord(t *testing.T) {
	t.Parallel()
	const (
		unpaid, isPaid, shipped, finished, closed = models.StageUnpaid, models.StagePaid, models.StageShipped, models.StageFinished, models.StageClosed
		payment, shipment, reorder                = models.TabAwaitingPayment, models.TabAwaitingShipment, models.TabAwaitingOrder
	)
	for _, c := range []struct {
		word          string
		stage         models.Stage // when nothing else was known
		tab           models.Tab
		chip, trouble string
		after         models.Stage // when WAIT_SELLER_SEND_GOODS had been seen before
		afterTab      models.Tab
	}{
		{word: "PLACE_ORDER_SUCCESS", stage: unpaid, tab: payment, after: unpaid, afterTab: payment},
		{word: "PAYMENT_PROCESSING", stage: unpaid, tab: payment, chip: "payment_processing", after: unpaid, afterTab: payment},
		{word: "WAIT_SELLER_EXAMINE_MONEY", stage: unpaid, tab: payment, chip: "amount_short", trouble: "amount_short@1", after: unpaid, afterTab: payment},
		{word: "RISK_CONTROL", stage: isPaid, tab: shipment, chip: "payment_verified", after: isPaid, afterTab: shipment},
		{word: "RISK_CONTROL_HOLD", stage: isPaid, tab: shipment, chip: "payment_held", trouble: "payment_held@1", after: isPaid, afterTab: shipment},
		{word: "WAIT_SELLER_SEND_GOODS", stage: isPaid, tab: shipment, after: isPaid, afterTab: shipment},
		{word: "SELLER_PART_SEND_GOODS", stage: isPaid, tab: shipment, after: isPaid, afterTab: shipment},
		{word: "WAIT_BUYER_ACCEPT_GOODS", stage: shipped, tab: shipment, trouble: "shipped_without_number@1", after: shipped, afterTab: shipment},
		{word: "IN_CANCEL", stage: unpaid, tab: payment, chip: "cancel_requested", after: isPaid, afterTab: shipment},
		{word: "IN_ISSUE", stage: unpaid, tab: payment, chip: "dispute", trouble: "dispute@1", after: isPaid, afterTab: shipment},
		{word: "IN_FROZEN", stage: unpaid, tab: payment, chip: "frozen", trouble: "frozen@1", after: isPaid, afterTab: shipment},
		{word: "WAIT_GROUP", stage: unpaid, tab: payment, chip: "group_buy", after: isPaid, afterTab: shipment},
		{word: "WAIT_COMPLETE_ADDRESS", stage: unpaid, tab: payment, chip: "address_incomplete", trouble: "address_incomplete@1", after: isPaid, afterTab: shipment},
		{word: "FUND_PROCESSING", stage: closed, tab: reorder, trouble: "closed_unshipped@1", after: closed, afterTab: reorder},
		{word: "FINISH", stage: closed, tab: reorder, trouble: "closed_unshipped@1", after: closed, afterTab: reorder},
		{word: "ARCHIVE", stage: closed, tab: reorder, trouble: "closed_unshipped@1", after: closed, afterTab: reorder},
		{word: "A_NEW_WORD", stage: unpaid, tab: payment, chip: "unknown_status", trouble: "unknown_status@1", after: isPaid, afterTab: shipment},
		{word: "finish", stage: unpaid, tab: payment, chip: "unknown_status", trouble: "unknown_status@1", after: isPaid, afterTab: shipment},
	} {
		t.Run(c.word, func(t *testing.T) {
			t.Parallel()
			if known := models.KnownSupplierStatus(c.word); known == (c.chip == "unknown_status") {
				t.Errorf("known %t", known)
			}
			fresh := bought("1", c.word, units("A", 1))
			if fresh.Stage != c.stage {
				t.Errorf("stage %s, want %s", fresh.Stage, c.stage)
			}
			got := rollOne(fresh)
			if got.Tab != c.tab || chipsOf(got) != c.chip || troublesOf(got) != c.trouble {
				t.Errorf("tab %s, chips %q, troubles %q; want %s, %q, %q", got.Tab, chipsOf(got), troublesOf(got), c.tab, c.chip, c.trouble)
			}
			later := bought("1", "WAIT_SELLER_SEND_GOODS "+c.word, units("A", 1))
			if later.Stage != c.after {
				t.Errorf("after being paid: stage %s, want %s", later.Stage, c.after)
			}
			got = rollOne(later)
			if got.Tab != c.afterTab || chipsOf(got) != c.chip || troublesOf(got) != c.trouble {
				t.Errorf("after being paid: tab %s, chips %q, troubles %q; want %s, %q, %q", got.Tab, chipsOf(got), troublesOf(got), c.afterTab, c.chip, c.trouble)
			}
			if later.Status != c.word {
				t.Errorf("kept the word as %q", later.Status)
			}
		})
	}
}

func rollOne(s models.SupplierOrder, p ...models.Parcel) models.Rolled {
	return models.Rollup(models.Facts{Now: noon, Order: paid(), Lines: lines{line("A", 1)}, SupplierOrders: supplier{s}, Parcels: p})
}

func chipsOf(r models.Rolled) string {
	var codes []string
	for _, c := range r.Chips {
		codes = append(codes, c.Code)
	}
	return strings.Join(codes, " ")
}

func troublesOf(r models.Rolled) string {
	var codes []string
	for _, t := range r.Troubles {
		codes = append(codes, string(t.Code)+"@"+t.Subject)
	}
	return strings.Join(codes, " ")
}

func TestUnknownWordIsShownVerbatim(t *testing.T) {
	t.Parallel()
	got := rollOne(bought("1", "WAIT_SELLER_SEND_GOODS A_NEW_WORD", units("A", 1)))
	if got.Chips[0].Text != "Unknown (A_NEW_WORD)" || !strings.Contains(got.Troubles[0].Detail, `"A_NEW_WORD"`) || got.Troubles[0].Owner != models.OwnerWaybill {
		t.Errorf("%+v", got)
	}
}

func TestUndecidedWordWithPaidTimeIsPaid(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"IN_ISSUE", "WAIT_GROUP", "A_NEW_WORD", ""} {
		s := attempt("1", models.PlacementPlaced, units("A", 1))
		s.Observe(models.SupplierAnswer{Status: word, PaidAt: ago(time.Hour)}, 1)
		if s.Settle(false); s.Stage != models.StagePaid {
			t.Errorf("%q with a paid time: %s", word, s.Stage)
		}
	}
}

func TestFinishIsGoodOrBad(t *testing.T) {
	t.Parallel()
	good, bad := models.StageFinished, models.StageClosed
	type reasons = [2]string
	for name, c := range map[string]struct {
		before, logistics string
		reasons           reasons // of lines A and B
		tracked           bool
		stage             models.Stage
		live              [2]bool
		why               string // when it ended
	}{
		"no reason, nothing shipped":       {stage: bad, why: models.EndUnshipped},
		"no reason, no logistics":          {logistics: "NO_LOGISTICS", stage: bad, why: models.EndUnshipped},
		"no reason, partly sent":           {logistics: "SELLER_SEND_PART_GOODS", stage: bad, why: models.EndUnshipped},
		"no reason, received":              {logistics: "BUYER_ACCEPT_GOODS", stage: good, live: [2]bool{true, true}},
		"no reason, sent":                  {logistics: "SELLER_SEND_GOODS", stage: good, live: [2]bool{true, true}},
		"no reason, had been shipped":      {before: "WAIT_BUYER_ACCEPT_GOODS", stage: good, live: [2]bool{true, true}},
		"no reason, has a number":          {tracked: true, stage: good, live: [2]bool{true, true}},
		"accepted":                         {reasons: reasons{"buyer_accept_goods", "buyer_accept_goods"}, stage: good, live: [2]bool{true, true}},
		"accepted by time-out":             {reasons: reasons{"BUYER_ACCEPT_GOODS_TIMEOUT", ""}, stage: good, live: [2]bool{true, true}},
		"CANCELED":                         {reasons: reasons{"CANCELED", "CANCELED"}, stage: bad, why: models.EndCancelled},
		"Cancelled":                        {reasons: reasons{"Cancelled", "cancelled"}, stage: bad, why: models.EndCancelled},
		"buyer_pay_timeout":                {reasons: reasons{"buyer_pay_timeout", "buyer_pay_timeout"}, stage: bad, why: models.EndPaymentTimeout},
		"buyer_cancel_notpay_order":        {reasons: reasons{"buyer_cancel_notpay_order", "buyer_cancel_notpay_order"}, stage: bad, why: models.EndCancelled},
		"buyer_cancel_order_in_risk":       {reasons: reasons{"buyer_cancel_order_in_risk", "buyer_cancel_order_in_risk"}, stage: bad, why: models.EndCancelled},
		"risk_reject_closed":               {reasons: reasons{"risk_reject_closed", "risk_reject_closed"}, stage: bad, why: models.EndCancelled},
		"cancel_order_close_trade":         {reasons: reasons{"cancel_order_close_trade", "cancel_order_close_trade"}, stage: bad, why: models.EndCancelled},
		"seller_send_goods_timeout":        {reasons: reasons{"seller_send_goods_timeout", "seller_send_goods_timeout"}, stage: bad, why: models.EndCancelled},
		"seller_accept_issue_no_goods":     {reasons: reasons{"seller_accept_issue_no_goods_return", "seller_accept_issue_no_goods_return"}, stage: bad, why: models.EndCancelled},
		"seller_response_issue_timeout":    {reasons: reasons{"seller_response_issue_timeout", "seller_response_issue_timeout"}, stage: bad, why: models.EndCancelled},
		"a reason we do not know":          {reasons: reasons{"moon_phase", "moon_phase"}, stage: bad, why: models.EndUnshipped},
		"a reason we do not know, shipped": {before: "WAIT_BUYER_ACCEPT_GOODS", reasons: reasons{"moon_phase", "moon_phase"}, stage: good, live: [2]bool{true, true}},
		"all cancelled beats shipped":      {before: "WAIT_BUYER_ACCEPT_GOODS", reasons: reasons{"CANCELED", "CANCELED"}, tracked: true, stage: bad, why: models.EndCancelled},
		"one cancelled, one accepted":      {reasons: reasons{"CANCELED", "buyer_accept_goods"}, stage: good, live: [2]bool{false, true}},
		"one cancelled, one shipped":       {before: "WAIT_BUYER_ACCEPT_GOODS", reasons: reasons{"", "CANCELED"}, stage: good, live: [2]bool{true, false}},
		"one cancelled, nothing shipped":   {before: "WAIT_SELLER_SEND_GOODS", reasons: reasons{"", "CANCELED"}, stage: bad, why: models.EndCancelled},
	} {
		for _, word := range []string{"FINISH", "FUND_PROCESSING", "ARCHIVE"} {
			t.Run(name+" "+word, func(t *testing.T) {
				t.Parallel()
				s := bought("1", c.before, units("A", 1), units("B", 1))
				answer := models.SupplierAnswer{Status: word, LogisticsStatus: c.logistics}
				for i, id := range []string{"A", "B"} {
					answer.Lines = append(answer.Lines, models.SupplierAnswerLine{ProductID: "product-" + id, SKUID: "sku-" + id, EndReason: c.reasons[i]})
				}
				s.Observe(answer, 9)
				s.Settle(c.tracked)
				state := models.PlacementClosed
				if c.live[0] || c.live[1] {
					state = models.PlacementPlaced
				}
				if s.Stage != c.stage || s.State != state || s.Lines[0].Live != c.live[0] || s.Lines[1].Live != c.live[1] {
					t.Errorf("stage %s, state %s, lines %+v", s.Stage, s.State, s.Lines)
				}
				if s.Open() {
					t.Error("still open")
				}
				if c.why != "" && s.WhyEnded() != c.why {
					t.Errorf("ended for %s, want %s", s.WhyEnded(), c.why)
				}
			})
		}
	}
}

func TestEndReasonFindsItsLine(t *testing.T) {
	t.Parallel()
	type l = models.SupplierAnswerLine
	ours := func(product, sku string) models.SupplierLine {
		return models.SupplierLine{ProductID: product, SKUID: sku, Quantity: 1}
	}
	for name, c := range map[string]struct {
		ours models.SupplierLine
		says []l
		want string
	}{
		"by SKU":                             {ours("p", "1"), []l{{ProductID: "p", SKUID: "2", EndReason: "x"}, {ProductID: "p", SKUID: "1", EndReason: "y"}}, "y"},
		"another SKU of the product":         {ours("p", "1"), []l{{ProductID: "p", SKUID: "2", EndReason: "x"}}, ""},
		"by product, no SKU in the answer":   {ours("p", "1"), []l{{ProductID: "p", EndReason: "x"}}, "x"},
		"by product, no SKU of ours":         {ours("p", ""), []l{{ProductID: "p", SKUID: "2", EndReason: "x"}}, "x"},
		"the same reason twice":              {ours("p", ""), []l{{ProductID: "p", EndReason: "x"}, {ProductID: "p", EndReason: "x"}}, "x"},
		"two reasons: which one is ours?":    {ours("p", ""), []l{{ProductID: "p", EndReason: "x"}, {ProductID: "p", EndReason: "y"}}, ""},
		"one ended, one not: which is ours?": {ours("p", ""), []l{{ProductID: "p", EndReason: "x"}, {ProductID: "p"}}, ""},
		"another product":                    {ours("p", ""), []l{{ProductID: "q", EndReason: "x"}}, ""},
		"no reason":                          {ours("p", "1"), []l{{ProductID: "p", SKUID: "1"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := attempt("1", models.PlacementPlaced, c.ours)
			if s.Observe(models.SupplierAnswer{Lines: c.says}, 1); s.Lines[0].EndReason != c.want {
				t.Errorf("got %q, want %q", s.Lines[0].EndReason, c.want)
			}
		})
	}
}

// Neither a later answer without a reason nor a late one may change what became of a line: an order that was bought again
// because of it must not come back to life.
func TestEndReasonStays(t *testing.T) {
	t.Parallel()
	says := func(reason string) models.SupplierAnswer {
		return models.SupplierAnswer{Status: "WAIT_SELLER_SEND_GOODS", Lines: []models.SupplierAnswerLine{{ProductID: "product-A", SKUID: "sku-A", EndReason: reason}}}
	}
	for name, seqs := range map[string][]int64{"in order": {1, 2, 3, 4}, "backwards": {4, 3, 2, 1}, "mixed": {3, 1, 4, 2, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := attempt("1", models.PlacementPlaced, units("A", 1))
			for _, seq := range seqs {
				s.Observe(says([]string{"odd", "CANCELED", "buyer_accept_goods", ""}[seq-1]), seq)
			}
			s.Settle(false)
			if s.Lines[0].EndReason != "CANCELED" || s.EndReason != "CANCELED" || s.State != models.PlacementClosed {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestLateAnswerAddsFactsButChangesNoWord(t *testing.T) {
	t.Parallel()
	s := attempt("1", models.PlacementPlaced, units("A", 1))
	s.NoDataSince = ago(time.Hour)
	newer := models.SupplierAnswer{
		Status: "IN_ISSUE", LogisticsStatus: "DEFAULT", Amount: models.Money{Minor: 5, Currency: "USD"}, StoreID: "7", StoreName: "Shop",
		PayBy: in(time.Hour), CreatedAt: ago(5 * time.Hour), PaidAt: ago(time.Hour),
	}
	if !s.Observe(newer, 5) || s.NoDataSince != nil {
		t.Fatalf("not applied: %+v", s)
	}
	older := models.SupplierAnswer{
		Status: "WAIT_BUYER_ACCEPT_GOODS", LogisticsStatus: "SELLER_SEND_GOODS", Amount: models.Money{Minor: 4, Currency: "EUR"}, StoreID: "8",
		PayBy: in(time.Minute), CreatedAt: ago(6 * time.Hour), PaidAt: ago(2 * time.Hour),
	}
	if s.Observe(older, 4) {
		t.Error("a late answer was applied")
	}
	s.Settle(false)
	if s.Status != "IN_ISSUE" || s.LogisticsStatus != "DEFAULT" || s.AmountMinor != 5 || s.SupplierStoreID != "7" || !s.PayBy.Equal(*newer.PayBy) || !s.PlacedAt.Equal(*newer.CreatedAt) {
		t.Errorf("a late answer overwrote a newer one: %+v", s)
	}
	if s.Stage != models.StageShipped || !s.PaidAt.Equal(*older.PaidAt) {
		t.Errorf("stage %s, paid at %v", s.Stage, s.PaidAt)
	}
	if s.Observe(models.SupplierAnswer{Status: "IN_ISSUE"}, 6); s.PaidAt == nil || s.PayBy == nil || s.AmountCurrency != "USD" || s.SupplierStoreID != "7" {
		t.Errorf("an answer that says less erased what was known: %+v", s)
	}
}

func TestEveryStoreStatusAndPayment(t *testing.T) {
	t.Parallel()
	// Written out by hand. o open, s shut, c cancelled, x rejected, r refunded, ? unknown.
	payments := []string{"UNSPECIFIED", "NOT_PAID", "PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED", "PENDING", "PARTIALLY_PAID", "PENDING_MERCHANT", "CANCELED", "DECLINED", "", "paid", "CHARGED_BACK"}
	table := map[string]string{
		"INITIALIZED": "s s s s r s s s s s ? ? ?",
		"APPROVED":    "s s o o r s s s s s ? ? ?",
		"PENDING":     "s s s s r s s s s s ? ? ?",
		"CANCELED":    "c c c c c c c c c c ? ? ?",
		"REJECTED":    "x x x x x x x x x x ? ? ?",
		"":            "? ? ? ? ? ? ? ? ? ? ? ? ?",
		"approved":    "? ? ? ? ? ? ? ? ? ? ? ? ?",
		"ON_HOLD":     "? ? ? ? ? ? ? ? ? ? ? ? ?",
	}
	gates := map[string]models.Gate{"o": models.GateOpen, "s": models.GateShut, "c": models.GateCancelled, "x": models.GateRejected, "r": models.GateRefunded, "?": models.GateShut}
	tabs := map[string]models.Tab{"o": models.TabAwaitingOrder, "s": models.TabPending, "c": models.TabClosed, "x": models.TabClosed, "r": models.TabClosed, "?": models.TabPending}
	for status, row := range table {
		for i, want := range strings.Fields(row) {
			gate, known := models.GateOf(status, payments[i])
			if gate != gates[want] || known != (want != "?") {
				t.Errorf("%q, %q: gate %s, known %t, want %s", status, payments[i], gate, known, want)
			}
			if gate.Dead() != strings.Contains("cxr", want) {
				t.Errorf("%q, %q: dead %t", status, payments[i], gate.Dead())
			}
			o := order(status, payments[i])
			if got := models.Rollup(models.Facts{Now: noon, Order: o, Lines: lines{line("A", 1)}}); got.Tab != tabs[want] {
				t.Errorf("%q, %q: tab %s, want %s", status, payments[i], got.Tab, tabs[want])
			}
		}
	}
}

func TestUnknownStoreWordLeavesTheGateWhereItWas(t *testing.T) {
	t.Parallel()
	for _, words := range [][2]string{{"ON_HOLD", "PAID"}, {"APPROVED", "CHARGED_BACK"}, {"", ""}} {
		o := paid()
		if !o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: noon, Status: words[0], PaymentStatus: words[1]}) {
			t.Error("not applied")
		}
		if o.Gate != models.GateOpen || o.StoreStatus != words[0] || o.PaymentStatus != words[1] {
			t.Errorf("%q: gate %s, words %q and %q", words, o.Gate, o.StoreStatus, o.PaymentStatus)
		}
		got := models.Rollup(models.Facts{Now: noon, Order: o, Lines: lines{line("A", 1)}})
		if got.Tab != models.TabAwaitingOrder || troublesOf(got) != "unknown_status@store" {
			t.Errorf("%q: %+v", words, got)
		}
	}
}

func TestStaleSnapshotChangesNothing(t *testing.T) {
	t.Parallel()
	o := paid()
	before := o
	if o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: before.SourceUpdatedAt.Add(-time.Nanosecond), Status: "CANCELED", PaymentStatus: "PAID", Archived: true}) {
		t.Error("applied")
	}
	if o.Gate != before.Gate || o.StoreStatus != before.StoreStatus || o.Archived {
		t.Errorf("%+v", o)
	}
	if !o.Observe(models.StoreOrder{ExternalID: "wix-1", UpdatedAt: before.SourceUpdatedAt.Add(time.Nanosecond), Status: "CANCELED", PaymentStatus: "PAID"}) || o.Gate != models.GateCancelled {
		t.Errorf("a newer snapshot was not applied: %+v", o)
	}
}
