package orders_test

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
)

// canaries are what a buyer told. None of them is a word that stands anywhere else.
var canaries = []string{"Quokkaline", "Zorblattson", "quokkaline@canary.example", "Numbatgasse", "Wombatville", "+49555010203", "Bilbynote", "Dunnartengraving", "Potoroopayload", "Kowarijob"}

// told is an order of a buyer who told all of them.
func told(external string, version int) models.StoreOrder {
	o := snapshot(external, version)
	o.BuyerName, o.BuyerEmail, o.BuyerNote = "Quokkaline Zorblattson", "Quokkaline@canary.example", "Bilbynote, please"
	o.Recipient = models.Address{FirstName: "Quokkaline", LastName: "Zorblattson", Company: "Kowarijob Ltd", Phone: "+49555010203", Line1: "Numbatgasse 7", City: "Wombatville", PostalCode: "10115", Country: "DE"}
	o.Payload = []byte(`{"buyer":"Potoroopayload","of":"Quokkaline Zorblattson"}`)
	o.Lines[0].CustomText = "Engraving: Dunnartengraving"
	return o
}

// clear is where a buyer's data stands as it is until it is erased: what lists show and searches look for, what people write, and what
// requests were answered, for three days.
var clear = map[string]bool{
	"orders.buyer_name": true, "orders.buyer_email": true, "orders.email_key": true, "orders.name_key": true, "orders.last_name_key": true,
	"orders.held_why": true, "orders.purchase_address_why": true, "events.text": true, "events.reason": true, "events.data": true, "overrides.reason": true, "flags.closed_why": true, "flags.snoozed_why": true,
	"supplier_orders.note": true, "parcels.last_event": true, "sync_jobs.scope": true, "saved_views.query": true, "idempotency_keys.body": true,
}

// canaryHunt walks through every column of every table and gives those that hold a canary, with where.
func canaryHunt(t failer, db *database.DB, allowed map[string]bool) (found []string) {
	t.Helper()
	q := databasetest.Owner(t, db)
	var columns []struct{ TableName, ColumnName, DataType string }
	err := q.Raw(`SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN (SELECT relname FROM pg_class WHERE relispartition)`).Scan(&columns).Error
	if err != nil || len(columns) < 300 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	for _, c := range columns {
		name := c.TableName + "." + c.ColumnName
		if allowed[name] {
			continue
		}
		text := fmt.Sprintf("%q::text", c.ColumnName)
		if c.DataType == "bytea" {
			text = fmt.Sprintf("encode(%q, 'escape')", c.ColumnName)
		}
		for _, canary := range canaries {
			var n int
			if err := q.Raw(fmt.Sprintf("SELECT count(*) FROM %q WHERE position(? IN lower(%s)) > 0", c.TableName, text), strings.ToLower(canary)).Row().Scan(&n); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if n > 0 {
				found = append(found, fmt.Sprintf("%s holds %s", name, canary))
			}
		}
	}
	return found
}

// bought takes an order so far that everything which can hold a buyer's data does.
func (s *shelf) bought(t failer, external string) models.ID {
	t.Helper()
	must := func(c orders.Changes, err error) orders.Changes {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return c
	}
	s.exec(t, `INSERT INTO product_mappings SELECT ?, gen_random_uuid(), ?, 'cup', 0, 'dropship', 'Cup', '1', 'sku-cup', '', '', '', '', NULL, '', now(), now() WHERE NOT EXISTS (SELECT 1 FROM product_mappings)`, s.m, s.store)
	id := must(s.receive(told(external, 0))).OrderID
	must(s.apply(id, orders.Noted{Text: "Called Quokkaline about Bilbynote."}, orders.OrderHeld{}))
	must(s.apply(id, orders.OrderReleased{}))
	to := told(external, 0).Recipient
	to.Line2 = "Numbatgasse, back door"
	must(s.apply(id, orders.PurchaseAddressGiven{Address: to, Differs: []string{"line 2"}}))
	var ids []models.ID
	must(s.apply(id, orders.PlacementPlanned{AccountID: s.account, Groups: []orders.PlannedGroup{{Lines: []orders.PlannedLine{{LineID: "a", Quantity: 2, ProductID: "1", SKUID: "sku-cup"}}}}, IDs: &ids}))
	request := []byte(`{"key":"k","address":{"last_name":"Zorblattson","line1":"Numbatgasse 7"},"note":"Dunnartengraving"}`)
	must(s.apply(id, orders.PlacementApproved{SupplierOrderID: ids[0], Request: request, SHA256: "sum"}))
	var claim orders.Claim
	must(s.apply(id, orders.PlacementClaimed{SupplierOrderID: ids[0], SHA256: "sum", Until: start, Claim: &claim}))
	if !claim.Granted || claim.Request.Note != "Dunnartengraving" {
		t.Fatalf("%+v", claim)
	}
	must(s.apply(id, orders.PlacementSent{SupplierOrderID: ids[0], Epoch: claim.Epoch, Result: models.PlaceResult{
		Class: models.ClassPlaced, Numbers: []string{"82" + external}, Answer: []byte(`{"receiver":"Quokkaline Zorblattson"}`),
	}}))
	d := s.truth(t, id)
	if d.Order.BuyerNote != "Bilbynote, please" || d.Lines[0].CustomText != "Engraving: Dunnartengraving" || d.ShipTo() != to || d.Recipient.Line1 != "Numbatgasse 7" {
		t.Fatalf("%+v", d)
	}
	return id
}

func TestErasingLeavesNothingOfABuyerAnywhere(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.bought(t, "1")
	other := s.bought(t, "2")
	s.exec(t, "UPDATE orders SET buyer_name = 'Somebody Else', buyer_email = 'else@example.com' WHERE id = ?", other)
	s.exec(t, "DELETE FROM events WHERE order_id = ?", other)
	if found := canaryHunt(t, s.db, clear); found != nil {
		t.Errorf("what should be sealed is not:\n%s", strings.Join(found, "\n"))
	}
	s.exec(t, `INSERT INTO inbox (merchant_id, platform, event_id, connection_id, kind, entity_id, body, sent_at, received_at, deliveries, outcome, done_at)
		VALUES (?, 'wix', 'e', ?, 'k', '1', 'Potoroopayload', now(), now(), 1, 'applied', now())`, s.m, s.store)
	s.exec(t, `INSERT INTO idempotency_keys (merchant_id, key, request_sha256, claim, lease_until, created_at, done_at, status, content_type, location, body)
		VALUES (?, 'k', '', gen_random_uuid(), now(), now(), now(), 200, '', '', convert_to('{"id":"' || ? || '","buyer":"Quokkaline"}', 'UTF8'))`, s.m, string(id))
	s.exec(t, `INSERT INTO sync_jobs SELECT ?, gen_random_uuid(), '{"kind":"filter","filter":{"q":"quokkaline@canary.example"}}', '', 'all', 'manual', 'a', '', 'done', 0, true, '', 0, 0, 0, 0, now()`, s.m)
	s.exec(t, "INSERT INTO saved_views VALUES (?, gen_random_uuid(), 'Hers', 'q=quokkaline%40canary.example', now())", s.m)
	s.exec(t, "UPDATE parcels SET last_event = 'Signed by Zorblattson'")

	erase := func() {
		t.Helper()
		if _, err := s.apply(id, orders.ErasureRequested{Cause: models.EraseForPerson}); err != nil {
			t.Fatal(err)
		}
	}
	erase()
	if d := s.truth(t, id); d.Order.ErasedAt != nil || d.Order.EraseRequestedAt == nil || d.Recipient.Line1 == "" {
		t.Fatalf("an open order is erased, or does not wait: %+v", d.Order)
	}
	// The request is done by the change that ends the order.
	var lifted models.ID
	if _, err := s.apply(id, orders.OverrideSet{Override: models.Override{Kind: models.OverrideClosed}, ID: &lifted}); err != nil {
		t.Fatal(err)
	}
	d := s.truth(t, id)
	if d.Order.ErasedAt == nil || d.Order.Number != "N1" || d.Order.TotalMinor != 1000 || d.Order.Country != "DE" || d.Order.BuyerName != "" || d.Recipient != (models.Address{}) || d.PurchaseAddress != nil {
		t.Errorf("%+v, %+v", d.Order, d.Recipient)
	}
	if found := canaryHunt(t, s.db, nil); found != nil {
		t.Errorf("what is left:\n%s", strings.Join(found, "\n"))
	}
	// It does not come back, and erasing again is nothing.
	if _, err := s.receive(told("1", 5)); err != nil {
		t.Fatal(err)
	}
	erase()
	if found := canaryHunt(t, s.db, nil); found != nil {
		t.Errorf("what came back:\n%s", strings.Join(found, "\n"))
	}
	page, err := s.Erasures(t.Context(), s.m, "", 10)
	if err != nil || len(page.Erasures) != 1 || page.Erasures[0].DoneAt == nil || page.Erasures[0].OrderNumber != "N1" || len(page.Erasures[0].Erased) < 6 {
		t.Errorf("%+v, %v", page, err)
	}
	if d := s.truth(t, other); d.Recipient.Line1 != "Numbatgasse 7" {
		t.Errorf("another order's buyer is gone: %+v", d.Recipient)
	}
}

func TestAnOrdersKeyOpensNoOtherOrder(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	mine, theirs := s.bought(t, "1"), s.bought(t, "2")
	// The values of one under the key of the other.
	s.exec(t, "UPDATE order_payloads p SET sealed_buyer = q.sealed_buyer FROM order_payloads q WHERE p.order_id = ? AND q.order_id = ?", theirs, mine)
	if _, err := s.Detail(t.Context(), s.m, theirs); err == nil {
		t.Error("the value of another order opens")
	}
	// The key as well.
	s.exec(t, "UPDATE order_keys k SET sealed = q.sealed, key_id = q.key_id FROM order_keys q WHERE k.order_id = ? AND q.order_id = ?", theirs, mine)
	if _, err := s.Detail(t.Context(), s.m, theirs); err == nil {
		t.Error("the key of another order opens")
	}
	if _, err := s.Detail(t.Context(), s.m, mine); err != nil {
		t.Error(err)
	}
	// And without its key nothing does, until it is erased.
	s.exec(t, "DELETE FROM order_keys WHERE order_id = ?", mine)
	if _, err := s.Detail(t.Context(), s.m, mine); err == nil {
		t.Error("it opens without its key")
	}
	if _, err := s.apply(mine, orders.ErasureRequested{Cause: models.EraseForGoneStore}); err != nil {
		t.Error(err)
	}
	if d, err := s.Detail(t.Context(), s.m, mine); err != nil || d.Order.ErasedAt == nil {
		t.Errorf("%v, %v", d.Order.ErasedAt, err)
	}
}

// plain puts what an order holds of its buyer back to where it stood before there was sealing.
func (s *shelf) plain(t failer, id models.ID) {
	t.Helper()
	s.exec(t, `UPDATE order_payloads SET sealed_payload = NULL, sealed_buyer = NULL, sealed_purchase_address = NULL, payload = '{"buyer":"Potoroopayload"}',
		recipient = '{"first_name":"Quokkaline","last_name":"Zorblattson","line1":"Numbatgasse 7","country":"DE"}', purchase_address = '{"last_name":"Zorblattson","line1":"Numbatgasse 8"}' WHERE order_id = ?`, id)
	s.exec(t, "UPDATE orders SET buyer_note = 'Bilbynote' WHERE id = ?", id)
	s.exec(t, "UPDATE order_lines SET custom_text = 'Dunnartengraving' WHERE order_id = ? AND line_id = 'a'", id)
	s.exec(t, `UPDATE supplier_orders SET sealed_request = NULL, request = '{"note":"Dunnartengraving"}' WHERE order_id = ?`, id)
	s.exec(t, "UPDATE placement_attempts SET sealed_answer = NULL, answer = 'Zorblattson' WHERE supplier_order_id IN (SELECT id FROM supplier_orders WHERE order_id = ?)", id)
	s.exec(t, "DELETE FROM order_keys WHERE order_id = ?", id)
}

func TestWhatWasNotSealedIsReadAndSealedLater(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for name, seal := range map[string]func(models.ID) error{
		"by the pass": func(models.ID) error {
			n, err := s.SealPlain(t.Context(), s.m, 10)
			if err == nil && n != 1 {
				return fmt.Errorf("%d orders", n)
			}
			return err
		},
		"by a newer snapshot": func(models.ID) error { _, err := s.receive(told("by a newer snapshot", 3)); return err },
	} {
		id := s.bought(t, name)
		s.exec(t, "DELETE FROM events")
		s.plain(t, id)
		if d := s.truth(t, id); d.Recipient.Line1 != "Numbatgasse 7" || d.Order.BuyerNote != "Bilbynote" || d.Lines[0].CustomText != "Dunnartengraving" || d.PurchaseAddress.Line1 != "Numbatgasse 8" {
			t.Errorf("%s: before: %+v", name, d)
		}
		if err := seal(id); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if found := canaryHunt(t, s.db, clear); found != nil {
			t.Errorf("%s: what is not sealed:\n%s", name, strings.Join(found, "\n"))
		}
		if d := s.truth(t, id); d.Recipient.Line1 != "Numbatgasse 7" || !strings.HasPrefix(d.Order.BuyerNote, "Bilbynote") || !strings.HasSuffix(d.Lines[0].CustomText, "Dunnartengraving") || d.PurchaseAddress.Line1 != "Numbatgasse 8" || len(d.SupplierOrders[0].Request) < 40 {
			t.Errorf("%s: after: %+v", name, d)
		}
	}
}

func TestBuyersToEraseAreFoundAlongIndexes(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.exec(t, `INSERT INTO orders (merchant_id, id, store_id, external_id, number, placed_at, source_updated_at, store_status, payment_status, fulfillment_status, gate, gate_at, currency, total_minor, authorized_minor,
			buyer_name, buyer_email, country, archived, imported, pickup, tab, why, closed_reason, chips, open_flags, final, last_checked_source, check_failures, version, created_at, updated_at, ended_at)
		SELECT ?, gen_random_uuid(), ?, 'e' || i, 'N' || i, now(), now(), '', '', '', 'open', now(), 'USD', 1, 0, 'Buyer', '', 'US', false, false, false, 'fulfilled', '', '', '[]', 0, true, '', 0, 1, now(), now(), now() - i * interval '1 hour'
		FROM generate_series(1, 6000) i`, s.m, s.store)
	s.exec(t, "ANALYZE orders")
	var asked []string
	if err := s.db.Read(t.Context()).Callback().Row().After("gorm:row").Register("spy", func(q *gorm.DB) {
		asked = append(asked, q.Explain(q.Statement.SQL.String(), q.Statement.Vars...))
	}); err != nil {
		t.Fatal(err)
	}
	due, err := s.DueErasures(t.Context(), s.m, 50)
	if err != nil || len(due) != 50 || due[0].Cause != models.EraseForRetention {
		t.Errorf("%d, %v", len(due), err)
	}
	found := false
	for _, query := range asked {
		if strings.Contains(query, "ended_at") {
			found = true
			plan := s.plan(t, "EXPLAIN "+query)
			if strings.Contains(plan, "Seq Scan on orders") || !strings.Contains(plan, "orders_kept") || !strings.Contains(plan, "orders_erase_waiting") {
				t.Errorf("not along the indexes:\n%s", plan)
			}
		}
	}
	if !found {
		t.Errorf("the query was not seen: %v", asked)
	}
}
