package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

// ErasureRequested asks for the buyer's data to be erased. It is, with this change or with the one that ends the order: while an order may
// need the address the request waits, unless its store is gone for good. What was erased already stays so; to ask again changes nothing.
type ErasureRequested struct{ Cause models.ErasureCause }

func (f ErasureRequested) apply(c *change) error {
	o := &c.facts.Order
	c.forced = f.Cause == models.EraseForGoneStore
	if o.ErasedAt != nil || o.EraseRequestedAt != nil {
		return nil
	}
	o.EraseRequestedAt = &c.tx.Now
	c.erasure = &models.Erasure{
		MerchantID: c.result.MerchantID, ID: database.NewID(), OrderID: c.result.OrderID, Cause: f.Cause,
		RequestedAt: c.tx.Now, RequestedBy: c.by.Actor, Reason: c.by.Reason, Erased: []string{},
	}
	return nil
}

// keepingBuyer is a snapshot of a store that has erased its buyer, with the buyer as he is known: the order goes on and needs the address
// until it has ended. A snapshot that says nothing of him tells that by itself: it may be read before the store's word of it is here.
func (c *change) keepingBuyer(s models.StoreOrder) (models.StoreOrder, error) {
	byStore := s.Anonymous()
	if !byStore {
		err := c.tx.Raw("SELECT EXISTS (SELECT 1 FROM erasures WHERE merchant_id = ? AND order_id = ? AND cause = ?)", c.result.MerchantID, c.result.OrderID, models.EraseForStore).Row().Scan(&byStore)
		if err != nil || !byStore {
			return s, err
		}
	}
	k, err := c.service.readBuyer(c.tx, c.result.MerchantID, c.result.OrderID)
	if err != nil {
		return s, err
	}
	o := c.facts.Order
	s.BuyerName, s.BuyerEmail, s.BuyerNote, s.Recipient = o.BuyerName, o.BuyerEmail, k.Note, k.Recipient
	s.Lines = slices.Clone(s.Lines)
	for i := range s.Lines {
		s.Lines[i].CustomText = k.CustomTexts[s.Lines[i].ID]
	}
	return s, nil
}

// noteEnded keeps since when nothing more can happen to the order.
func (c *change) noteEnded() {
	o := &c.facts.Order
	switch {
	case !o.Final:
		o.EndedAt = nil
	case o.EndedAt == nil:
		o.EndedAt = &c.tx.Now
	}
}

// forgetting is the erasure of a buyer under way.
type forgetting struct {
	c       *change
	all     redactor // for what belongs to the order
	who     redactor // for what does not
	what    []string // was there to be erased
	waits   bool
	numbers []string // at the platforms: the messages about them are emptied
}

// What is erased, as the proof tells it.
const (
	erasedName       = "name"
	erasedEmail      = "email"
	erasedNote       = "note"
	erasedAddress    = "address"
	erasedCustomText = "custom_text"
	erasedPayload    = "payload"
	erasedPurchases  = "purchases"
	erasedTexts      = "texts" // of the timeline, flags and decisions, as far as they told of the buyer
	erasedMessages   = "messages"
)

// eraseBuyer takes the buyer out of the facts where that is wanted and can be; finish takes him out of what hangs on them. It is nil
// where there is nothing to do.
func (c *change) eraseBuyer() (*forgetting, error) {
	o := &c.facts.Order
	if o.EraseRequestedAt == nil || o.ErasedAt != nil {
		return nil, nil
	}
	if !c.forced && !models.Rollup(c.facts).MayEraseBuyer(c.facts) {
		if c.erasure == nil {
			return nil, nil
		}
		c.event(models.EventEraseRequested, "The buyer's data is to be erased. It is as soon as the order no longer needs the address.", map[string]any{"cause": c.erasure.Cause})
		return &forgetting{c: c, waits: true, who: newRedactor(identifying(*o)...)}, nil
	}
	k, err := c.service.readBuyer(c.tx, c.result.MerchantID, c.result.OrderID)
	if err != nil && models.KindOf(err) != models.Internal {
		return nil, err
	} // what cannot be opened any more is erased all the same
	k.fill(&c.facts)
	to := []models.Address{k.Recipient}
	if k.PurchaseAddress != nil {
		to = append(to, *k.PurchaseAddress)
	}
	f := &forgetting{c: c, all: newRedactor(telling(*o, c.facts.Lines, to...)...), who: newRedactor(identifying(*o, to...)...), what: c.holds(k), numbers: []string{o.ExternalID}}
	f.facts()
	c.payload, c.address, c.attempt = nil, nil, withoutAnswer(c.attempt)
	for i := range c.result.Events {
		e := &c.result.Events[i]
		e.Text, e.Reason, e.Data = f.all.text(e.Text), f.all.text(e.Reason), f.all.value(e.Data).(map[string]any)
	}
	c.event(models.EventErased, "The buyer's data was erased.", map[string]any{"erased": f.what})
	return f, nil
}

// withoutAnswer is an attempt of which only what became of it is kept.
func withoutAnswer(a *attempt) *attempt {
	if a != nil {
		a.sent.Result.Answer = nil
	}
	return a
}

// holds lists what there is to be erased.
func (c *change) holds(k known) []string {
	o := c.facts.Order
	what := []string{}
	for _, h := range []struct {
		name string
		any  bool
	}{
		{erasedName, o.BuyerName != ""},
		{erasedEmail, o.BuyerEmail != ""},
		{erasedNote, o.BuyerNote != ""},
		{erasedAddress, k.Recipient != (models.Address{}) || k.PurchaseAddress != nil},
		{erasedCustomText, len(k.CustomTexts) > 0},
		{erasedPayload, k.Any},
		{erasedPurchases, slices.ContainsFunc(c.facts.SupplierOrders, func(s models.SupplierOrder) bool { return s.RequestSHA256 != "" })},
		{erasedTexts, true},
		{erasedMessages, true},
	} {
		if h.any {
			what = append(what, h.name)
		}
	}
	return what
}

// facts takes the buyer out of what Apply writes itself.
func (f *forgetting) facts() {
	facts := &f.c.facts
	o := &facts.Order
	o.ErasedAt = &f.c.tx.Now
	o.BuyerName, o.BuyerEmail, o.BuyerNote, o.RecipientSHA256 = "", "", "", ""
	o.PurchaseAddressSHA256, o.PurchaseAddressFor, o.PurchaseAddressAt, o.PurchaseAddressBy, o.PurchaseAddressWhy = "", "", nil, "", ""
	o.HeldWhy, o.Why = f.all.text(o.HeldWhy), f.all.text(o.Why)
	o.StoreEdits = slices.Clone(o.StoreEdits)
	for i, edit := range o.StoreEdits {
		if strings.HasPrefix(edit, movedAddress) {
			edit = movedAddress // an older one tells from where to where
		}
		o.StoreEdits[i] = f.all.text(edit)
	}
	for i := range facts.Lines {
		facts.Lines[i].CustomText = ""
	}
	for i := range facts.SupplierOrders {
		s := &facts.SupplierOrders[i]
		s.AddressSHA256, s.Note, s.ErrorDetail = "", f.all.text(s.Note), f.all.text(s.ErrorDetail)
		s.ErrorFields = slices.Clone(s.ErrorFields)
		for j := range s.ErrorFields {
			s.ErrorFields[j].Reason = f.all.text(s.ErrorFields[j].Reason)
		}
		if s.Request != nil {
			s.Request = []byte{}
		}
		if s.ExternalID != "" {
			f.numbers = append(f.numbers, s.ExternalID)
		}
	}
	for i := range facts.Parcels {
		facts.Parcels[i].LastEvent = f.all.text(facts.Parcels[i].LastEvent)
	}
}

// finish erases what Apply has not read, destroys the key, and writes the proof and the audit. It comes after everything that the change
// has written.
func (f *forgetting) finish() error {
	c, o := f.c, f.c.facts.Order
	if c.erasure != nil {
		c.erasure.Reason = f.who.text(c.erasure.Reason)
		if err := c.tx.Create(c.erasure).Error; err != nil {
			return fmt.Errorf("note the erasure of order %s: %w", o.ID, err)
		}
	}
	act := models.ActEraseRequested
	if !f.waits {
		act = models.ActErased
		if err := f.erase(); err != nil {
			return fmt.Errorf("erase the buyer of order %s: %w", o.ID, err)
		}
	}
	detail := map[string]any{"number": o.Number}
	if c.erasure != nil {
		detail["cause"] = c.erasure.Cause
	}
	if !f.waits {
		detail["erased"] = f.what
	}
	return audit.Append(c.tx, o.MerchantID, audit.Act{
		By: c.by.Actor, What: act, Subject: models.AuditSubject{Kind: models.SubjectOrder, ID: o.ID}, Reason: f.who.text(c.by.Reason), Detail: detail,
	})
}

func (f *forgetting) erase() error {
	tx, args := f.c.tx, map[string]any{"m": f.c.result.MerchantID, "id": f.c.result.OrderID, "store": f.c.facts.Order.StoreID, "numbers": f.numbers, "now": f.c.tx.Now, "erased": asJSON(f.what)}
	for _, sql := range []string{
		"DELETE FROM order_keys WHERE merchant_id = @m AND order_id = @id",
		"DELETE FROM order_payloads WHERE merchant_id = @m AND order_id = @id",
		"UPDATE orders SET buyer_note = '' WHERE merchant_id = @m AND id = @id AND buyer_note <> ''",
		"UPDATE order_lines SET custom_text = '' WHERE merchant_id = @m AND order_id = @id AND custom_text <> ''",
		"UPDATE supplier_orders SET request = NULL, sealed_request = '' WHERE merchant_id = @m AND order_id = @id AND (request IS NOT NULL OR sealed_request IS NOT NULL)",
		`UPDATE placement_attempts SET answer = NULL, sealed_answer = NULL WHERE merchant_id = @m AND (answer IS NOT NULL OR sealed_answer IS NOT NULL)
			AND supplier_order_id IN (SELECT id FROM supplier_orders WHERE merchant_id = @m AND order_id = @id)`,
		"UPDATE inbox SET body = NULL, sealed_body = NULL WHERE merchant_id = @m AND (body IS NOT NULL OR sealed_body IS NOT NULL) AND entity_id IN @numbers",
		// What requests were answered that told of the order is told nobody again.
		"UPDATE idempotency_keys SET body = NULL WHERE merchant_id = @m AND position(convert_to(@id, 'UTF8') IN body) > 0",
		"UPDATE erasures SET done_at = @now, erased = CAST(@erased AS jsonb) WHERE merchant_id = @m AND order_id = @id AND done_at IS NULL",
	} {
		if err := tx.Exec(sql, args).Error; err != nil {
			return err
		}
	}
	for _, t := range []texts{
		{table: "events", key: []string{"id"}, text: []string{"text", "reason"}, json: []string{"data"}, where: "order_id = @id"},
		{table: "flags", key: []string{"id"}, text: []string{"detail", "next_action", "snoozed_why", "closed_why"}, where: "order_id = @id"},
		{table: "overrides", key: []string{"id"}, text: []string{"reason", "lifted_why"}, where: "order_id = @id"},
		{table: "placement_attempts", key: []string{"supplier_order_id", "epoch"}, text: []string{"error"}, where: "supplier_order_id IN (SELECT id FROM supplier_orders WHERE merchant_id = @m AND order_id = @id)"},
		{table: "sync_job_items", key: []string{"job_id", "order_id"}, text: []string{"why"}, json: []string{"changes"}, where: "order_id = @id"},
	} {
		if err := t.redact(tx, f.all, args); err != nil {
			return err
		}
	}
	// Notes are what people wrote as they liked.
	err := tx.Exec("UPDATE events SET text = ? WHERE merchant_id = ? AND order_id = ? AND kind = ?", "A note, erased with the buyer's data.", args["m"], args["id"], models.EventNote).Error
	if err != nil {
		return err
	}
	for _, t := range []texts{ // what somebody has looked for
		{table: "sync_jobs", key: []string{"id"}, json: []string{"scope"}, where: "scope -> 'filter' ->> 'q' <> '' AND state IN ('done', 'cancelled')"},
		{table: "saved_views", key: []string{"id"}, text: []string{"name", "query"}, where: "true"},
	} {
		if err := t.redact(tx, f.who, args); err != nil {
			return err
		}
	}
	return nil
}

// texts are columns that may tell of a buyer.
type texts struct {
	table      string
	key        []string
	text, json []string
	where      string
}

// redact takes the buyer out of them, row by row where he is.
func (t texts) redact(tx database.Tx, r redactor, args map[string]any) error {
	if r.pattern == nil {
		return nil
	}
	columns := slices.Concat(t.key, t.text, t.json)
	read := make([]string, len(columns))
	for i, column := range columns {
		read[i] = column + "::text AS " + column
	}
	var rows []map[string]any
	if err := tx.Raw("SELECT "+strings.Join(read, ", ")+" FROM "+t.table+" WHERE merchant_id = @m AND "+t.where, args).Scan(&rows).Error; err != nil {
		return err
	}
	for _, row := range rows {
		var set, where []string
		changed := map[string]any{"m": args["m"]}
		put := func(column string, clean func(string) string, kind string) {
			if was, _ := row[column].(string); clean(was) != was {
				changed[column] = clean(was)
				set = append(set, column+" = CAST(@"+column+" AS "+kind+")")
			}
		}
		for _, column := range t.text {
			put(column, r.text, "text")
		}
		for _, column := range t.json {
			// What is only written otherwise is no change.
			if was, _ := row[column].(string); r.json(was) != (redactor{}).json(was) {
				put(column, r.json, "jsonb")
			}
		}
		if len(set) == 0 {
			continue
		}
		for _, column := range t.key {
			changed["key_"+column] = row[column]
			where = append(where, column+"::text = @key_"+column)
		}
		if err := tx.Exec("UPDATE "+t.table+" SET "+strings.Join(set, ", ")+" WHERE merchant_id = @m AND "+t.where+" AND "+strings.Join(where, " AND "), withAll(changed, args)).Error; err != nil {
			return err
		}
	}
	return nil
}

func withAll(a, b map[string]any) map[string]any {
	for k, v := range b {
		if _, has := a[k]; !has {
			a[k] = v
		}
	}
	return a
}

// GoneStoreKept is how long the buyers of a store are kept that is no longer connected.
const GoneStoreKept = 30 * 24 * time.Hour

// Due is an order whose buyer is to be erased.
type Due struct {
	OrderID models.ID
	Cause   models.ErasureCause
}

// DueErasures lists orders whose buyers' data has been kept for long enough, or whose erasure waits for nothing any more; so many of each
// kind at most.
func (s *Service) DueErasures(ctx context.Context, m models.MerchantID, limit int) ([]Due, error) {
	var due []Due
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		var merchant models.Merchant
		if err := q.Select("settings").Where("id = ?", m).Take(&merchant).Error; err != nil {
			return err
		}
		kept := models.Days(merchant.Settings.OrDefaults().BuyerDataDays)
		return q.Raw(`(SELECT id AS order_id, 'person' AS cause FROM orders WHERE merchant_id = @m AND erase_requested_at IS NOT NULL AND erased_at IS NULL AND (final OR tab = 'closed') ORDER BY erase_requested_at LIMIT @limit)
			UNION ALL
			(SELECT o.id, @retention FROM connections c CROSS JOIN LATERAL (SELECT id FROM orders WHERE merchant_id = c.merchant_id AND store_id = c.id AND erased_at IS NULL
				AND ended_at <= now() - make_interval(secs => @kept) ORDER BY ended_at LIMIT @limit) o WHERE c.merchant_id = @m AND c.platform = 'wix')
			UNION ALL
			(SELECT o.id, @gone FROM connections c CROSS JOIN LATERAL (SELECT id FROM orders WHERE merchant_id = c.merchant_id AND store_id = c.id AND erased_at IS NULL ORDER BY ended_at LIMIT @limit) o
				WHERE c.merchant_id = @m AND c.platform = 'wix' AND c.state = 'removed' AND c.removed_at <= now() - make_interval(secs => @gone_kept))`,
			map[string]any{"m": m, "limit": limit, "retention": models.EraseForRetention, "gone": models.EraseForGoneStore, "kept": kept.Seconds(), "gone_kept": GoneStoreKept.Seconds()}).Scan(&due).Error
	})
	if err != nil {
		return nil, fmt.Errorf("look for buyers to erase: %w", err)
	}
	return due, nil
}

// SealPlain seals what orders of a merchant hold of their buyers from before there was sealing, so many orders at most, and says how many
// there were.
func (s *Service) SealPlain(ctx context.Context, m models.MerchantID, limit int) (int, error) {
	var ids []models.ID
	err := s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT order_id FROM order_payloads WHERE merchant_id = ? AND recipient IS NOT NULL ORDER BY order_id LIMIT ?", m, limit).Scan(&ids).Error
	})
	for _, id := range ids {
		if err != nil {
			break
		}
		err = s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
			if err := tx.Exec("SELECT 1 FROM orders WHERE merchant_id = ? AND id = ? FOR UPDATE", m, id).Error; err != nil {
				return err
			}
			k, err := s.readBuyer(tx, m, id)
			if err == nil && k.Plain {
				_, _, err = s.sealPlain(tx, m, id, k)
			}
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("seal what was not sealed: %w", err)
	}
	return len(ids), nil
}

// SealAllPlain is SealPlain for all orders of all merchants.
func (s *Service) SealAllPlain(ctx context.Context) (sealed int, err error) {
	var merchants []models.MerchantID
	if err := s.db.Read(ctx).Raw("SELECT id FROM merchants ORDER BY id").Scan(&merchants).Error; err != nil {
		return 0, database.Err(err)
	}
	for _, m := range merchants {
		for n := -1; n != 0; sealed += n {
			if n, err = s.SealPlain(ctx, m, 100); err != nil {
				return sealed, err
			}
		}
	}
	return sealed, nil
}

// ErasurePage is one page of erasures, newest first.
type ErasurePage struct {
	Erasures []models.Erasure
	Next     string
}

// Erasures lists what was asked to be erased: the proof.
func (s *Service) Erasures(ctx context.Context, m models.MerchantID, after string, limit int) (page ErasurePage, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		list := q.Select("erasures.*, orders.number AS order_number").Joins("JOIN orders ON orders.merchant_id = erasures.merchant_id AND orders.id = erasures.order_id").Where("erasures.merchant_id = ?", m)
		page.Erasures, page.Next, err = database.PageByID(list, "erasures.id", database.NewestFirst, after, limit, func(e models.Erasure) models.ID { return e.ID })
		return err
	})
	return page, err
}

// ErasureOf is the proof of one order's erasure. It answers NotFound where nobody has asked for one.
func (s *Service) ErasureOf(ctx context.Context, m models.MerchantID, order models.ID) (e models.Erasure, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Select("erasures.*, orders.number AS order_number").Joins("JOIN orders ON orders.merchant_id = erasures.merchant_id AND orders.id = erasures.order_id").
			Where("erasures.merchant_id = ? AND erasures.order_id = ?", m, order).Take(&e).Error
	})
	return e, err
}

// OfBuyer lists the orders of a merchant that were made with an e-mail address.
func (s *Service) OfBuyer(ctx context.Context, m models.MerchantID, email string) (ids []models.ID, err error) {
	err = s.db.Of(m).Read(ctx, func(q *gorm.DB) error {
		return q.Raw("SELECT id FROM orders WHERE merchant_id = ? AND email_key = lower(?) ORDER BY id", m, strings.TrimSpace(email)).Scan(&ids).Error
	})
	return ids, err
}
