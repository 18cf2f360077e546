package orders_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/database/databasetest"
	"waybill/services/orders"
	"waybill/services/vault"
)

// shelf is a merchant with one store and one supplier account in a database, and the service on it.
type shelf struct {
	db *database.DB
	*orders.Service
	m              models.MerchantID
	store, account models.ID
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	return shelfOn(t, databasetest.New(t))
}

func shelfOn(t testing.TB, db *database.DB) *shelf {
	t.Helper()
	s := &shelf{db: db, Service: orders.New(db, newVault(t, db), models.Pace{Lease: time.Minute, Settle: time.Second})}
	s.m, s.store, s.account = s.tenant(t)
	return s
}

func newVault(t testing.TB, db *database.DB) *vault.Vault {
	t.Helper()
	sealer, err := vault.NewSealer(models.Secret(base64.StdEncoding.EncodeToString([]byte("a key of 32 bytes for tests only"))))
	if err != nil {
		t.Fatal(err)
	}
	return vault.New(db, sealer)
}

func (s *shelf) tenant(t failer) (m models.MerchantID, store, account models.ID) {
	t.Helper()
	m, store, account = models.MerchantID(database.NewID()), database.NewID(), database.NewID()
	s.exec(t, "INSERT INTO merchants (id, name, zone, created_at) VALUES (?, 'm', 'UTC', now())", m)
	for id, p := range map[models.ID]models.Platform{store: models.Wix, account: models.AliExpress} {
		s.exec(t, "INSERT INTO connections (merchant_id, id, platform, external_id, name, state, created_at, updated_at) VALUES (?, ?, ?, ?, 'c', 'active', now(), now())", m, id, p, string(id))
	}
	return m, store, account
}

func (s *shelf) exec(t failer, sql string, args ...any) {
	t.Helper()
	if err := databasetest.Owner(t, s.db).Exec(sql, args...).Error; err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

var by = orders.By{Actor: "api:test", Source: models.SourceManual, Reason: "a test"}

func (s *shelf) receive(o models.StoreOrder) (c orders.Changes, err error) {
	err = s.db.Of(s.m).InTx(context.Background(), func(tx database.Tx) error {
		c, err = s.Receive(tx, s.m, s.store, by, o)
		return err
	})
	return c, err
}

func (s *shelf) apply(id models.ID, facts ...orders.Fact) (c orders.Changes, err error) {
	err = s.db.Of(s.m).InTx(context.Background(), func(tx database.Tx) error {
		c, err = s.Apply(tx, s.m, id, by, facts...)
		return err
	})
	return c, err
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func snapshot(external string, version int) models.StoreOrder {
	return models.StoreOrder{
		ExternalID: external, Number: "N" + external, PlacedAt: start, UpdatedAt: start.Add(time.Duration(version) * time.Second),
		Status: "APPROVED", PaymentStatus: "PAID", FulfillmentStatus: "NOT_FULFILLED", Currency: "USD", Total: models.Money{Minor: 1000, Currency: "USD"},
		BuyerName: "Ann Lee", BuyerEmail: "Ann@Example.com", Recipient: models.Address{Country: "US"}, Payload: []byte("{}"),
		Lines: []models.StoreLine{
			{ID: "a", Name: "Cup", VariantKey: "cup", Quantity: 2, Shippable: true},
			{ID: "b", Name: "Pot", VariantKey: "pot", Quantity: 1, Shippable: true},
		},
	}
}

// truth fails unless what is stored about an order follows from its facts.
func (s *shelf) truth(t failer, id models.ID) orders.Detail {
	t.Helper()
	d, err := s.Detail(context.Background(), s.m, id)
	if err != nil {
		t.Fatal(err)
	}
	d.Now = time.Now()
	r := models.Rollup(d.Facts)
	if d.Order.Tab != r.Tab || d.Order.Why != r.Why || d.Order.Final != r.Final || d.Order.ClosedReason != r.ClosedReason {
		t.Errorf("stored %s %q %t, facts say %s %q %t", d.Order.Tab, d.Order.Why, d.Order.Final, r.Tab, r.Why, r.Final)
	}
	if diff := gocmp.Diff(append([]models.Chip{}, r.Chips...), d.Order.Chips); diff != "" {
		t.Errorf("chips: %s", diff)
	}
	name := func(code models.FlagCode, subject, detail string) string {
		return fmt.Sprint(code, " ", subject, " ", detail)
	}
	var want, open []string
	for _, tr := range r.Troubles {
		want = append(want, name(tr.Code, tr.Subject, tr.Detail))
	}
	counted := 0
	for _, f := range d.Flags { // those that a person closed have their fact still
		open = append(open, name(f.Code, f.Subject, f.Detail))
		if f.ClosedAt == nil && f.SnoozedUntil == nil {
			counted++
		}
	}
	slices.Sort(want)
	slices.Sort(open)
	if diff := gocmp.Diff(want, open); diff != "" || d.Order.OpenFlags != counted {
		t.Errorf("%d flags are counted: %s", d.Order.OpenFlags, diff)
	}
	digest, deadline := models.DigestOf(d.Facts)
	if diff := gocmp.Diff(&digest, d.Order.Digest); diff != "" {
		t.Errorf("digest: %s", diff)
	}
	if diff := gocmp.Diff(deadline, d.Order.DeadlineAt); diff != "" {
		t.Errorf("deadline: %s", diff)
	}
	if (d.Order.NextCheckAt == nil) != d.Order.Final {
		t.Errorf("next check %v, final %t", d.Order.NextCheckAt, d.Order.Final)
	}
	return d
}

func (s *shelf) counted(t failer) {
	t.Helper()
	var rows []struct {
		View string
		N    int64
	}
	err := databasetest.Owner(t, s.db).Raw(`SELECT tab AS view, count(*) AS n FROM orders WHERE merchant_id = @m GROUP BY 1
		UNION ALL SELECT 'attention', count(*) FROM orders WHERE merchant_id = @m AND open_flags > 0`, map[string]any{"m": s.m}).Scan(&rows).Error
	if err != nil {
		t.Fatal(err)
	}
	want := orders.Counts{"attention": 0}
	for _, tab := range models.Tabs() {
		want[string(tab)] = 0
	}
	for _, r := range rows {
		want[r.View] = r.N
	}
	for _, store := range []models.ID{"", s.store} {
		got, err := s.Counts(context.Background(), s.m, store)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("counts: %s", diff)
		}
	}
}

// script draws facts about one order.
type script struct {
	*rapid.T
	s       *shelf
	id      models.ID
	name    string
	version int
	numbers int
}

func pick[T any](r *script, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(r.T, label)
}

func (r *script) supplierOrder(d orders.Detail) (models.SupplierOrder, bool) {
	if len(d.SupplierOrders) == 0 {
		return models.SupplierOrder{}, false
	}
	return rapid.SampledFrom(d.SupplierOrders).Draw(r.T, "supplier order"), true
}

func (r *script) storeSays() error {
	o := snapshot(r.name, r.version+rapid.IntRange(-2, 3).Draw(r.T, "version"))
	r.version = max(r.version, int(o.UpdatedAt.Sub(start)/time.Second))
	o.Status = pick(r, "status", "APPROVED", "APPROVED", "APPROVED", "INITIALIZED", "CANCELED", "REJECTED", "ODD")
	o.PaymentStatus = pick(r, "payment", "PAID", "PAID", "PAID", "NOT_PAID", "PENDING", "PARTIALLY_REFUNDED", "FULLY_REFUNDED", "ODD")
	o.Recipient.City = pick(r, "city", "", "", "Albany")
	o.Lines[0].Quantity = rapid.IntRange(0, 3).Draw(r.T, "quantity")
	o.Lines[0].Refunded = rapid.IntRange(0, 2).Draw(r.T, "refunded")
	if rapid.Bool().Draw(r.T, "one line less") {
		o.Lines = o.Lines[:1]
	}
	c, err := r.s.receive(o)
	if err == nil {
		r.id = c.OrderID
	}
	return err
}

func (r *script) remapped() error {
	r.s.exec(r.T, "DELETE FROM product_mappings WHERE merchant_id = ?", r.s.m)
	for _, key := range []string{"cup", "pot"} {
		role := pick(r, "mapping of "+key, "", "dropship", "dropship", "own")
		if role != "" {
			r.s.exec(r.T, `INSERT INTO product_mappings VALUES (?, ?, ?, ?, 0, ?, 't', '1', ?, '', '', '', '', NULL, '', now(), now())`, r.s.m, database.NewID(), r.s.store, key, role, "sku-"+key)
			if rapid.Bool().Draw(r.T, "fallback of "+key) {
				r.s.exec(r.T, `INSERT INTO product_mappings VALUES (?, ?, ?, ?, 1, 'dropship', 't', '2', ?, '', 'other', '', '', NULL, '', now(), now())`, r.s.m, database.NewID(), r.s.store, key, "sku-"+key)
			}
		}
	}
	_, err := r.s.apply(r.id, orders.Remapped{})
	return err
}

func (r *script) planned() error {
	line := pick(r, "line", "a", "b")
	_, err := r.s.apply(r.id, orders.PlacementPlanned{AccountID: r.s.account, Groups: []orders.PlannedGroup{{Lines: []orders.PlannedLine{
		{LineID: line, Quantity: rapid.IntRange(0, 2).Draw(r.T, "units"), ProductID: "1", SKUID: "sku-" + map[string]string{"a": "cup", "b": "pot"}[line]},
	}}}})
	return err
}

func (r *script) number() string {
	r.numbers++
	return fmt.Sprintf("%s%03d", strings.TrimLeft(strings.ReplaceAll(r.name, "o", "8"), "0"), r.numbers)
}

func (r *script) placing(s models.SupplierOrder) error {
	refusal := models.Errorf(models.Rejected, "out_of_stock", "None left.")
	var f orders.Fact
	switch pick(r, "step", "approve", "approve", "approve", "refuse", "claim", "claim", "claim", "claim", "answer", "answer", "answer", "expire", "find", "absent", "remake", "hurry", "hold", "withdraw", "renumber", "unlink") {
	case "remake":
		f = orders.PlacementRemade{SupplierOrderID: s.ID}
	case "hurry":
		f = orders.PlacementHurried{SupplierOrderID: s.ID}
	case "hold":
		f = orders.PlacementHeld{SupplierOrderID: s.ID, Until: time.Now().Add(time.Hour)}
	case "withdraw":
		f = orders.PlacementWithdrawn{SupplierOrderID: s.ID}
	case "renumber":
		seq, err := r.s.NextFetch(context.Background(), r.s.m, s.ID)
		if err != nil {
			return err
		}
		number := r.number()
		f = orders.SupplierRenumbered{SupplierOrderID: s.ID, Number: number, Seq: seq, Answer: r.answer(number)}
	case "unlink":
		f = orders.SupplierUnlinked{SupplierOrderID: s.ID, Force: rapid.Bool().Draw(r.T, "force")}
	case "approve":
		f = orders.PlacementApproved{SupplierOrderID: s.ID, Request: []byte("{}"), SHA256: "aa"}
	case "refuse":
		f = orders.PlacementRefused{SupplierOrderID: s.ID, Err: refusal}
		if rapid.Bool().Draw(r.T, "lines named") {
			for _, l := range s.Lines {
				f = orders.PlacementRefused{SupplierOrderID: s.ID, Err: refusal, Failed: []string{l.LineID}}
			}
		}
	case "claim":
		f = orders.PlacementClaimed{SupplierOrderID: s.ID, SHA256: pick(r, "hash", "aa", "aa", "bb"), Until: time.Now().Add(time.Duration(rapid.IntRange(-1, 1).Draw(r.T, "lease")) * time.Hour), Claim: &orders.Claim{}}
	case "answer":
		result := models.PlaceResult{Class: pick(r, "class", models.ClassPlaced, models.ClassPlaced, models.ClassRejected, models.ClassNotExecuted, models.ClassUnknown), Err: refusal}
		if result.Class == models.ClassPlaced {
			result.Err, result.Numbers = nil, []string{r.number()}
			if rapid.Bool().Draw(r.T, "split") {
				result.Numbers = append(result.Numbers, r.number())
			}
		}
		f = orders.PlacementSent{SupplierOrderID: s.ID, Epoch: max(0, s.Epoch-rapid.IntRange(0, 1).Draw(r.T, "late")), Result: result}
	case "expire":
		f = orders.PlacementExpired{SupplierOrderID: s.ID}
	case "find":
		f = orders.PlacementFound{SupplierOrderID: s.ID, Number: r.number()}
	default:
		f = orders.PlacementAbsent{SupplierOrderID: s.ID}
	}
	_, err := r.s.apply(r.id, f)
	return err
}

func (r *script) linked() error {
	var id models.ID
	line := pick(r, "line", "a", "b")
	_, err := r.s.apply(r.id, orders.Linked{
		AccountID: r.s.account, Number: r.number(), ID: &id, Answer: r.answer("x"),
		Lines: []orders.PlannedLine{{LineID: line, Quantity: 1, ProductID: "1", SKUID: "sku-" + map[string]string{"a": "cup", "b": "pot"}[line]}},
	})
	return err
}

func (r *script) answer(number string) models.SupplierAnswer {
	a := models.SupplierAnswer{
		Number: number,
		Status: pick(r, "word", "PLACE_ORDER_SUCCESS", "PAYMENT_PROCESSING", "RISK_CONTROL_HOLD", "WAIT_SELLER_SEND_GOODS", "SELLER_PART_SEND_GOODS",
			"WAIT_BUYER_ACCEPT_GOODS", "WAIT_BUYER_ACCEPT_GOODS", "FINISH", "IN_CANCEL", "IN_FROZEN", "STRANGE"),
		Amount: models.Money{Minor: 500, Currency: "USD"},
	}
	if rapid.Bool().Draw(r.T, "paid") {
		a.PaidAt = &start
	}
	for _, sku := range []string{"sku-cup", "sku-pot"} {
		a.Lines = append(a.Lines, models.SupplierAnswerLine{
			ProductID: "1", SKUID: sku, Quantity: rapid.IntRange(1, 2).Draw(r.T, "answered"),
			EndReason: pick(r, "end", "", "", "", "buyer_pay_timeout", "cancelled", "buyer_accept_goods"),
		})
	}
	return a
}

func (r *script) supplierSays(s models.SupplierOrder) error {
	seq, err := r.s.NextFetch(context.Background(), r.s.m, s.ID)
	if err != nil {
		return err
	}
	if s.ExternalID == "" {
		_, err = r.s.apply(r.id, orders.SupplierSilent{SupplierOrderID: s.ID})
		return err
	}
	f := orders.SupplierAnswered{SupplierOrderID: s.ID, Seq: max(0, seq-int64(rapid.IntRange(0, 2).Draw(r.T, "behind"))), Answer: r.answer(s.ExternalID)}
	for i := range rapid.IntRange(0, 3).Draw(r.T, "parcels") {
		p := models.TrackedParcel{Number: fmt.Sprintf("LP%s%d", s.ExternalID, i), Carrier: "Cainiao"}
		switch pick(r, "parcel", "plain", "renumbered", "named", "shared") {
		case "renumbered":
			p.Number += "X"
		case "named":
			p.Items = []models.TrackedItem{{ProductID: "1", SKUID: pick(r, "packed", "sku-cup", "sku-pot", "other"), Quantity: 1}}
		case "shared":
			p.Number = "SHARED" + r.name
		}
		f.Tracking = append(f.Tracking, p)
	}
	_, err = r.s.apply(r.id, f)
	return err
}

func (r *script) pushing(d orders.Detail) error {
	if len(d.Pushes) == 0 {
		_, err := r.s.apply(r.id, orders.StoreUnreachable{})
		return err
	}
	p := rapid.SampledFrom(d.Pushes).Draw(r.T, "push")
	trouble := models.Errorf(models.Unavailable, "wix_unreachable", "Wix could not be reached.")
	var f orders.Fact
	switch pick(r, "step", "claim", "result", "result", "result", "request", "accept", "shown") {
	case "claim":
		f = orders.PushClaimed{PushID: p.ID, Until: time.Now().Add(time.Minute)}
	case "result":
		f = orders.PushResult{
			PushID: p.ID, State: pick(r, "result", models.PushSent, models.PushConfirmed, models.PushConfirmed, models.PushRefused, models.PushRetrying),
			FulfillmentID: "f-" + string(p.ID), Number: pick(r, "told", p.WantedNumber, p.WantedNumber, "old"), Lines: p.WantedLines, Err: trouble,
		}
	case "accept":
		f = orders.PushAccepted{PushID: p.ID}
	case "shown":
		shown := []models.Fulfillment{{ID: "f-" + string(p.ID), Number: pick(r, "shown", p.SentNumber, p.SentNumber, "HAND"), Lines: p.SentLines}, {ID: "hand", Lines: p.WantedLines}}
		f = orders.StoreShows{At: time.Now(), Seq: int64(rapid.IntRange(0, 9).Draw(r.T, "reading")), Fulfillments: shown[:rapid.IntRange(0, 2).Draw(r.T, "shown")]}
	default:
		f = orders.PushRequested{PushID: p.ID, Overwrite: rapid.Bool().Draw(r.T, "overwrite")}
	}
	_, err := r.s.apply(r.id, f)
	return err
}

// held draws what people decide about the order as a whole.
func (r *script) held() error {
	var f orders.Fact
	soon := time.Now().Add(time.Hour)
	switch pick(r, "decision", "hold", "hold until", "release", "release", "address", "store's address") {
	case "hold":
		f = orders.OrderHeld{}
	case "hold until":
		f = orders.OrderHeld{Until: &soon}
	case "release":
		f = orders.OrderReleased{}
	case "address":
		f = orders.PurchaseAddressGiven{Address: models.Address{Country: "US", Line1: r.number()}}
	default:
		f = orders.PurchaseAddressDropped{}
	}
	_, err := r.s.apply(r.id, f)
	return err
}

// decided draws what a person decides about flags and against the machine.
func (r *script) decided(d orders.Detail) error {
	var f orders.Fact
	flag := models.Flag{ID: database.NewID()}
	if len(d.Flags) > 0 {
		flag = rapid.SampledFrom(d.Flags).Draw(r.T, "flag")
	}
	var id models.ID
	switch pick(r, "decision", "snooze", "snooze", "dismiss", "dismiss", "reopen", "role", "close", "lose", "lift", "without number") {
	case "snooze":
		f = orders.FlagSnoozed{FlagID: flag.ID, Until: time.Now().Add(pick(r, "until", 20*time.Millisecond, time.Hour))}
	case "dismiss":
		f = orders.FlagDismissed{FlagID: flag.ID}
	case "reopen":
		f = orders.FlagReopened{FlagID: flag.ID}
	case "role":
		f = orders.OverrideSet{ID: &id, Override: models.Override{Kind: models.OverrideLineRole, Subject: pick(r, "line", "a", "b", "c"), Value: pick(r, "role", "own", "dropship", "no_shipping"), ExpiresAt: r.soon()}}
	case "close":
		f = orders.OverrideSet{ID: &id, Override: models.Override{Kind: models.OverrideClosed, ExpiresAt: r.soon()}}
	case "lose":
		if len(d.Parcels) == 0 {
			return nil
		}
		f = orders.OverrideSet{ID: &id, Override: models.Override{Kind: models.OverrideParcelLost, Subject: string(rapid.SampledFrom(d.Parcels).Draw(r.T, "parcel").ID), ExpiresAt: r.soon()}}
	case "lift":
		if len(d.Overrides) == 0 {
			return nil
		}
		f = orders.OverrideLifted{ID: rapid.SampledFrom(d.Overrides).Draw(r.T, "override").ID}
	default:
		f = orders.WithoutNumber{}
	}
	_, err := r.s.apply(r.id, f)
	return err
}

// soon is an end that comes within the test, or never.
func (r *script) soon() *time.Time {
	if rapid.Bool().Draw(r.T, "for ever") {
		return nil
	}
	at := time.Now().Add(20 * time.Millisecond)
	return &at
}

func (r *script) step() error {
	d, err := r.s.Detail(context.Background(), r.s.m, r.id)
	if err != nil {
		return err
	}
	so, any := r.supplierOrder(d)
	what := pick(r, "fact", "held", "store", "map", "plan", "place", "place", "place", "link", "supplier", "supplier", "supplier", "push", "push", "decide", "decide", "gone", "silent")
	switch {
	case what == "held":
		return r.held()
	case what == "store":
		return r.storeSays()
	case what == "decide":
		return r.decided(d)
	case what == "gone":
		_, err = r.s.apply(r.id, orders.StoreGone{})
		return err
	case what == "map":
		return r.remapped()
	case what == "plan" || !any && what != "link":
		return r.planned()
	case what == "link":
		return r.linked()
	case what == "place":
		return r.placing(so)
	case what == "supplier":
		return r.supplierSays(so)
	case what == "push":
		return r.pushing(d)
	}
	_, err = r.s.apply(r.id, orders.SupplierSilent{SupplierOrderID: so.ID, NoData: rapid.Bool().Draw(r.T, "no data")})
	return err
}

func TestWhatIsStoredAlwaysFollowsFromTheFacts(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		r := &script{T: rt, s: s, name: fmt.Sprintf("o%05d", n)}
		c, err := s.receive(snapshot(r.name, 0))
		if err != nil {
			rt.Fatal(err)
		}
		r.id = c.OrderID
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			err := r.step()
			switch kind := models.KindOf(err); {
			case err == nil, kind == models.Conflict, kind == models.NotFound, kind == models.Invalid, models.AsError(err).Code == "push_in_hand":
			default:
				rt.Fatalf("a fact is refused with %v", err)
			}
			s.truth(rt, r.id)
		}
		s.counted(rt)
	})
}

func TestOppositeMovesAtOnceDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			for v := range 12 {
				o := snapshot(fmt.Sprint("m", i), v)
				if (i+v)%2 == 0 {
					o.PaymentStatus = "NOT_PAID"
				}
				if _, err := s.receive(o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s.counted(t)
}

func TestOneOrderFromManySidesIsMadeOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var all sync.WaitGroup
	for v := range 8 {
		all.Go(func() {
			if _, err := s.receive(snapshot("same", v)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := s.List(t.Context(), s.m, orders.Filter{Limit: 10})
	if err != nil || len(page.Orders) != 1 {
		t.Fatalf("%d orders, %v", len(page.Orders), err)
	}
	if d, err := s.Detail(t.Context(), s.m, page.Orders[0].ID); err != nil || !d.Order.SourceUpdatedAt.Equal(start.Add(7*time.Second)) {
		t.Errorf("as of %s, %v", d.Order.SourceUpdatedAt, err)
	}
	s.counted(t)
}

func TestTwoMerchantsNeverSeeEachOther(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	ctx := t.Context()
	c, err := s.receive(snapshot("mine", 0))
	if err != nil {
		t.Fatal(err)
	}
	var linked models.ID
	if _, err := s.apply(c.OrderID, orders.Linked{
		AccountID: s.account, Number: "8001", ID: &linked, Lines: []orders.PlannedLine{{LineID: "a", Quantity: 1, ProductID: "1", SKUID: "x"}},
		Answer: models.SupplierAnswer{Status: "WAIT_BUYER_ACCEPT_GOODS"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.apply(c.OrderID, orders.SupplierAnswered{SupplierOrderID: linked, Seq: 1, Answer: models.SupplierAnswer{Status: "WAIT_BUYER_ACCEPT_GOODS"}, Tracking: []models.TrackedParcel{{Number: "LP1"}}}); err != nil {
		t.Fatal(err)
	}
	d := s.truth(t, c.OrderID)
	other, otherStore, _ := s.tenant(t)
	for _, f := range []orders.Filter{{}, {Tab: d.Order.Tab}, {Attention: true}, {StoreID: s.store}, {Flag: models.FlagNoSupplier}, {Query: "Nmine"}, {Query: "8001"}, {Query: "LP1"}, {Query: "ann"}} {
		f.Limit = 10
		if page, err := s.List(ctx, s.m, f); err != nil || len(page.Orders) != 1 {
			t.Errorf("%+v: the merchant finds %d, %v", f, len(page.Orders), err)
		}
		if page, err := s.List(ctx, other, f); err != nil || len(page.Orders) != 0 {
			t.Errorf("%+v: the other merchant finds %d, %v", f, len(page.Orders), err)
		}
	}
	for name, err := range map[string]error{
		"detail":         second(s.Detail(ctx, other, c.OrderID)),
		"timeline":       second(s.Timeline(ctx, other, c.OrderID, "", 10)),
		"supplier order": second(s.OrderOf(ctx, other, "supplier_orders", linked)),
		"push":           second(s.OrderOf(ctx, other, "pushes", d.Pushes[0].ID)),
		"fetch":          second(s.NextFetch(ctx, other, linked)),
		"apply": s.db.Of(other).InTx(ctx, func(tx database.Tx) error {
			_, err := s.Apply(tx, other, c.OrderID, by, orders.StoreUnreachable{})
			return err
		}),
	} {
		if models.KindOf(err) != models.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, store := range []models.ID{"", s.store, otherStore} {
		counts, err := s.Counts(ctx, other, store)
		if err != nil {
			t.Fatal(err)
		}
		for view, n := range counts {
			if n != 0 {
				t.Errorf("the other merchant counts %d in %s", n, view)
			}
		}
	}
	// The same number of the same outside order is another order for another merchant.
	if err := s.db.Of(other).InTx(ctx, func(tx database.Tx) error {
		_, err := s.Receive(tx, other, otherStore, by, snapshot("mine", 0))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if again := s.truth(t, c.OrderID); again.Order.Version != d.Order.Version {
		t.Error("changed by another merchant")
	}
}

func second[T any](_ T, err error) error { return err }

func TestListsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for i := range 25 {
		o := snapshot(fmt.Sprintf("p%02d", i), 0)
		o.PlacedAt = start.Add(time.Duration(i/3) * time.Minute) // some at the same time
		if _, err := s.receive(o); err != nil {
			t.Fatal(err)
		}
	}
	var got []models.Order
	f := orders.Filter{Limit: 7, Tab: models.TabAwaitingOrder}
	for {
		page, err := s.List(t.Context(), s.m, f)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Orders...)
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if len(got) != 25 || !slices.IsSortedFunc(got, func(a, b models.Order) int {
		return cmp.Or(b.PlacedAt.Compare(a.PlacedAt), strings.Compare(string(b.ID), string(a.ID)))
	}) {
		t.Errorf("%d orders, or in disorder", len(got))
	}
	from, to := start.Add(2*time.Minute), start.Add(4*time.Minute)
	if page, err := s.List(t.Context(), s.m, orders.Filter{Limit: 50, PlacedFrom: &from, PlacedTo: &to}); err != nil || len(page.Orders) != 6 {
		t.Errorf("%d orders in two minutes, %v", len(page.Orders), err)
	}
	first, err := s.List(t.Context(), s.m, orders.Filter{Limit: 7, Tab: models.TabAwaitingOrder})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.CountBeyond(t.Context(), s.m, orders.Filter{Tab: models.TabAwaitingOrder, Cursor: first.Next}); n != 18 || err != nil {
		t.Errorf("%d orders follow the first seven of 25: %v", n, err)
	}
	if _, err := s.List(t.Context(), s.m, orders.Filter{Limit: 5, Cursor: "nonsense"}); models.AsError(err).Code != "cursor_invalid" {
		t.Errorf("got %v", err)
	}
	if page, err := s.List(t.Context(), s.m, orders.Filter{Limit: 50, Query: "100%"}); err != nil || len(page.Orders) != 0 {
		t.Errorf("%d orders, %v", len(page.Orders), err)
	}
}

var (
	scansAll   = regexp.MustCompile(`Seq Scan on orders`)
	actualRows = regexp.MustCompile(`actual time=[\d.]+ rows=(\d+)`)
)

func TestEveryListIsReadAlongAnIndex(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.exec(t, `INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now() - i * interval '1 minute', now(), 'APPROVED', 'PAID', '', 'open', now(),
		'USD', 1, 0, 'Buyer ' || i, 'buyer' || i || '@example.com', '', 'US', false, false, false,
		(ARRAY['pending', 'awaiting_order', 'awaiting_payment', 'awaiting_shipment', 'fulfilled', 'fulfilled', 'fulfilled', 'closed'])[1 + i % 8], '', '', '[]',
		CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END, i % 8 > 3, NULL, '', NULL, CASE WHEN i % 8 > 3 THEN NULL ELSE now() + (i - 20) * interval '1 minute' END, 0, 1, now(), now()
		FROM generate_series(1, 20000) i`, map[string]any{"m": s.m, "store": s.store})
	s.exec(t, "INSERT INTO flags SELECT merchant_id, gen_random_uuid(), id, NULL, '', 'no_supplier', 'merchant', '', '', NULL, now(), NULL, '', '' FROM orders WHERE open_flags > 0")
	s.exec(t, `UPDATE orders SET country = CASE WHEN number LIKE '%77' THEN 'IS' WHEN number LIKE '%5' THEN 'DE' ELSE 'US' END,
		deadline_at = CASE WHEN number LIKE '%3' THEN now() + (length(buyer_name) - 9) * interval '1 hour' + right(number, 3)::int * interval '1 minute' END WHERE length(number) > 3`)
	s.exec(t, `INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
		supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, amount_minor, amount_currency, fetch_seq, applied_seq,
		check_failures, created_at, updated_at)
		SELECT merchant_id, gen_random_uuid(), id, @account, CASE WHEN number LIKE '%99' THEN 'closed' ELSE 'placed' END, 'placed', 1, '', '', '', '', '', '8' || external_id,
		CASE WHEN number LIKE '%9' THEN 'rare' WHEN number LIKE '%1' THEN 'some' ELSE 'many' END, '', '', '', '', '', '', 0, false, 'paid', 1, 'USD', 0, 0, 0, now(), now()
		FROM orders WHERE number NOT LIKE '%9' OR number LIKE '%999' OR number LIKE '%899'`, map[string]any{"account": s.account})
	s.exec(t, "UPDATE supplier_orders SET state = 'closed' WHERE external_id LIKE '%899'")
	s.exec(t, "UPDATE supplier_orders SET state = 'placed' WHERE external_id LIKE '%999'")
	s.exec(t, "ANALYZE orders, flags, supplier_orders, parcels")

	var mu sync.Mutex
	var asked []string
	var prepared, values string
	spy := func(q *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, q.Explain(q.Statement.SQL.String(), q.Statement.Vars...))
		holders := make([]string, len(q.Statement.Vars))
		for i := range holders {
			holders[i] = fmt.Sprintf("$%d", i+1)
		}
		prepared, values = q.Statement.SQL.String(), q.Explain(strings.Join(holders, ", "), q.Statement.Vars...)
	}
	if err := s.db.Read(t.Context()).Callback().Query().After("gorm:query").Register("spy", spy); err != nil {
		t.Fatal(err)
	}
	first, err := s.List(t.Context(), s.m, orders.Filter{Limit: 50})
	if err != nil || first.Next == "" {
		t.Fatal(err)
	}
	soonest, err := s.List(t.Context(), s.m, orders.Filter{Limit: 50, Sort: orders.Deadline})
	if err != nil || soonest.Next == "" {
		t.Fatal(err)
	}
	for name, f := range map[string]orders.Filter{
		"country":                  {Country: "DE"},
		"a rare country":           {Country: "IS"},
		"country and tab":          {Country: "DE", Tab: models.TabFulfilled},
		"supplier":                 {Supplier: "many"},
		"a rare supplier":          {Supplier: "rare"},
		"oldest":                   {Sort: orders.Oldest},
		"oldest of a tab":          {Sort: orders.Oldest, Tab: models.TabFulfilled},
		"oldest of a country":      {Sort: orders.Oldest, Country: "DE"},
		"oldest with flags":        {Sort: orders.Oldest, Attention: true},
		"soonest":                  {Sort: orders.Deadline},
		"soonest, second page":     {Sort: orders.Deadline, Cursor: soonest.Next},
		"soonest of a tab":         {Sort: orders.Deadline, Tab: models.TabAwaitingPayment},
		"soonest with flags":       {Sort: orders.Deadline, Attention: true},
		"soonest of a store's tab": {Sort: orders.Deadline, StoreID: s.store, Tab: models.TabAwaitingPayment},
		"all":                      {},
		"second page":              {Cursor: first.Next},
		"tab":                      {Tab: models.TabFulfilled},
		"tab, second page":         {Tab: models.TabFulfilled, Cursor: first.Next},
		"store":                    {StoreID: s.store},
		"store and tab":            {StoreID: s.store, Tab: models.TabAwaitingOrder},
		"attention":                {Attention: true},
		"flag":                     {Flag: models.FlagNoSupplier},
		"number":                   {Query: "N777"},
		"hash and number":          {Query: "#N777"},
		"e-mail":                   {Query: "buyer777@example.com"},
		"name begins":              {Query: "Buyer 777"},
		"last name begins":         {Query: "777"},
	} {
		mu.Lock()
		asked = nil
		mu.Unlock()
		f.Limit = 50
		page, err := s.List(t.Context(), s.m, f)
		if err != nil || len(page.Orders) == 0 || len(asked) != 1 {
			t.Fatalf("%s: %d orders, %d queries, %v", name, len(page.Orders), len(asked), err)
		}
		s.cheap(t, name, asked[0], 600)
		if f.Flag == "" && f.Supplier == "" { // planned once, for whatever values
			statement := pgx.Identifier{name}.Sanitize()
			s.cheap(t, name+", planned once", "EXECUTE "+statement+"("+values+")", 600, "SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE "+statement+" AS "+prepared)
		}
	}
	s.countsAreBounded(t)
}

// countsAreBounded looks at 20,000 orders, of which one in fifty has a flag.
func (s *shelf) countsAreBounded(t *testing.T) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	if err := s.db.Read(t.Context()).Callback().Row().After("gorm:row").Register("spy counts", func(q *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, q.Explain(q.Statement.SQL.String(), q.Statement.Vars...))
	}); err != nil {
		t.Fatal(err)
	}
	long, soon := time.Now().Add(-1e6*time.Hour), time.Now().Add(-12*time.Hour)
	for name, c := range map[string]struct {
		f      orders.Filter
		most   int // rows read; 0: as many as are counted, read from wherever that is cheapest
		total  int64
		capped bool
	}{
		"placed within":   {orders.Filter{PlacedFrom: &soon}, 800, 719, false},
		"everything":      {orders.Filter{PlacedFrom: &long}, 0, 10_000, true},
		"a country":       {orders.Filter{Country: "IS"}, 300, 199, false},
		"a rare supplier": {orders.Filter{Supplier: "rare"}, 100, 20, false},
		"flag":            {orders.Filter{Flag: models.FlagNoSupplier}, 500, 400, false},
		"name begins":     {orders.Filter{Query: "buyer 7777"}, 20, 1, false},
		"last name":       {orders.Filter{Query: "7777"}, 20, 1, false},
	} {
		mu.Lock()
		asked = nil
		mu.Unlock()
		c.f.Tab, c.f.Attention = models.TabFulfilled, true // makes no difference
		counts, capped, err := s.CountMatches(t.Context(), s.m, c.f)
		if err != nil || len(asked) != 1 {
			t.Fatalf("%s: %d queries, %v", name, len(asked), err)
		}
		var total int64
		for view, n := range counts {
			if view != "attention" {
				total += n
			}
		}
		if total != c.total || capped != c.capped || len(counts) != 7 {
			t.Errorf("%s: %v, capped %t", name, counts, capped)
		}
		if c.most > 0 {
			s.cheap(t, "counts of "+name, asked[0], c.most)
		}
	}
}

// Every order of a list is paged through without a gap, and a cursor is good for its own order only.
func TestListsAreSortedAndFiltered(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for i := range 12 {
		o := snapshot(fmt.Sprintf("s%02d", i), 0)
		o.PlacedAt = start.Add(time.Duration(i/3) * time.Minute)
		o.Recipient.Country = []string{"US", "DE"}[i%2]
		c, err := s.receive(o)
		if err != nil {
			t.Fatal(err)
		}
		var id models.ID
		if i%3 == 0 { // bought, and to be paid the sooner the later it was placed
			by := start.Add(time.Duration(100-i) * time.Hour)
			_, err := s.apply(c.OrderID, orders.Linked{
				AccountID: s.account, Number: fmt.Sprint("84", i), ID: &id, Lines: []orders.PlannedLine{{LineID: "a", Quantity: 1, ProductID: "1", SKUID: "x"}},
				Answer: models.SupplierAnswer{Status: "PLACE_ORDER_SUCCESS", PayBy: &by, StoreID: fmt.Sprint("st", i%2)},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 { // bought there no more
			if _, err := s.apply(c.OrderID, orders.SupplierUnlinked{SupplierOrderID: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	listed := func(f orders.Filter) (got []string) {
		t.Helper()
		for f.Limit = 5; ; {
			page, err := s.List(t.Context(), s.m, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Orders {
				got = append(got, strings.TrimPrefix(o.Number, "Ns"))
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				return got
			}
		}
	}
	for name, c := range map[string]struct {
		f    orders.Filter
		want string
	}{
		"newest":            {orders.Filter{}, "11 10 09 08 07 06 05 04 03 02 01 00"},
		"oldest":            {orders.Filter{Sort: orders.Oldest}, "00 01 02 03 04 05 06 07 08 09 10 11"},
		"soonest":           {orders.Filter{Sort: orders.Deadline}, "09 06 03 00 01 02 04 05 07 08 10 11"},
		"country":           {orders.Filter{Country: "DE"}, "11 09 07 05 03 01"},
		"country, soonest":  {orders.Filter{Country: "DE", Sort: orders.Deadline}, "09 03 01 05 07 11"},
		"supplier":          {orders.Filter{Supplier: "st1"}, "09 03"},
		"supplier, no more": {orders.Filter{Supplier: "st0"}, "06"},
		"no supplier":       {orders.Filter{Supplier: "x"}, ""},
		"a hash alone":      {orders.Filter{Query: " #", Country: "DE"}, "11 09 07 05 03 01"},
	} {
		if got := strings.Join(listed(c.f), " "); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	cursors := map[orders.Sort]string{}
	for _, sort := range []orders.Sort{orders.Newest, orders.Oldest, orders.Deadline} {
		page, err := s.List(t.Context(), s.m, orders.Filter{Limit: 5, Sort: sort})
		if err != nil {
			t.Fatal(err)
		}
		cursors[sort] = page.Next
	}
	for of, cursor := range cursors {
		for sort := range cursors {
			_, err := s.List(t.Context(), s.m, orders.Filter{Limit: 5, Sort: sort, Cursor: cursor})
			if e := models.AsError(err); (err == nil) != (of == sort) || err != nil && (e.Code != "cursor_invalid" || len(e.Fields) != 1) {
				t.Errorf("a cursor of %s for %s: %v", of, sort, err)
			}
		}
	}
}

func TestEveryWorklistIsReadAlongAnIndex(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.exec(t, `INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now() - i * interval '1 minute', now(), 'APPROVED', 'PAID', '', 'open', now(),
		'USD', 1, 0, '', '', '', 'US', false, false, false, 'awaiting_order', '', '', '[]', 1, false, NULL, '', NULL, now(), 0, 1, now(), now()
		FROM generate_series(1, 5000) i`, map[string]any{"m": s.m, "store": s.store})
	s.exec(t, `INSERT INTO flags SELECT merchant_id, gen_random_uuid(), id, NULL, '', code, 'merchant', '', '', CASE WHEN random() < 0.5 THEN now() + random() * interval '9 days' END,
		now() - random() * interval '9 days', CASE WHEN random() < 0.5 THEN now() END, '', '' FROM orders CROSS JOIN (VALUES ('no_supplier'), ('push_refused'), ('seller_late'), ('place_failed')) k (code)`)
	s.exec(t, "ANALYZE orders, flags")
	var mu sync.Mutex
	var asked []string
	if err := s.db.Read(t.Context()).Callback().Query().After("gorm:query").Register("spy", func(q *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, q.Explain(q.Statement.SQL.String(), q.Statement.Vars...))
	}); err != nil {
		t.Fatal(err)
	}
	first := func() string { mu.Lock(); defer mu.Unlock(); sql := asked[0]; asked = nil; return sql }
	for name, f := range map[string]orders.FlagFilter{
		"newest": {}, "soonest": {Soonest: true}, "of a code": {Code: models.FlagSellerLate}, "of an owner": {Owner: models.OwnerMerchant}, "of a store": {StoreID: s.store},
	} {
		f.Limit = 40
		seen := map[models.ID]bool{}
		var last orders.FlagRow
		for range 3 {
			page, err := s.Flags(t.Context(), s.m, f)
			if err != nil || len(page.Flags) != 40 || page.Next == "" {
				t.Fatalf("%s: %d flags, %v", name, len(page.Flags), err)
			}
			s.alongIndex(t, name, first(), 300)
			for _, row := range page.Flags {
				if seen[row.ID] || row.OrderNumber == "" || row.StoreID != s.store {
					t.Fatalf("%s: twice, or not named: %+v", name, row)
				}
				if !f.Soonest && !last.OpenedAt.IsZero() && row.OpenedAt.After(last.OpenedAt) || f.Soonest && last.Deadline != nil && (row.Deadline == nil || row.Deadline.Before(*last.Deadline)) {
					t.Fatalf("%s: in disorder: %+v after %+v", name, row, last)
				}
				seen[row.ID], last = true, row
			}
			f.Cursor = page.Next
		}
	}
	if _, _, err := s.Mismatches(t.Context(), s.m, "", 40); err != nil {
		t.Fatal(err)
	}
	s.alongIndex(t, "mismatches", first(), 300)
}

// alongIndex fails when a query reads the flags as a whole or more rows than it may.
func (s *shelf) alongIndex(t *testing.T, name, query string, most int) {
	t.Helper()
	s.cheap(t, name, query, most)
	if text := s.plan(t, "EXPLAIN "+query); strings.Contains(text, "Seq Scan on flags") || strings.Contains(text, "Sort") {
		t.Errorf("%s is not read along an index:\n%s", name, text)
	}
}

// plan is how the database answers a query of the program for the merchant, behind the walls.
func (s *shelf) plan(t *testing.T, explain string, before ...string) string {
	t.Helper()
	var plan []string
	err := s.db.Of(s.m).InTx(t.Context(), func(tx database.Tx) error {
		for _, statement := range before {
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		return tx.Raw(explain).Scan(&plan).Error
	})
	if err != nil {
		t.Fatalf("%s: %v", explain, err)
	}
	return strings.Join(plan, "\n")
}

// cheap fails when a query reads a whole table or more rows than it may.
func (s *shelf) cheap(t *testing.T, name, query string, most int, before ...string) {
	t.Helper()
	text := s.plan(t, "EXPLAIN (ANALYZE, BUFFERS OFF) "+query, before...)
	if scansAll.MatchString(text) {
		t.Errorf("%s reads a whole table:\n%s", name, text)
	}
	for _, m := range actualRows.FindAllStringSubmatch(text, -1) {
		var n int
		if _, err := fmt.Sscan(m[1], &n); err != nil || n > most {
			t.Errorf("%s reads %s rows:\n%s", name, m[1], text)
		}
	}
}

// TestAnOrderIsReadAndWrittenByItsOwnRows has many orders in every table that belongs to one,
// and looks at the plan of each query that a check of one of them asks.
func TestAnOrderIsReadAndWrittenByItsOwnRows(t *testing.T) {
	t.Parallel()
	spy := &spy{seen: map[string][]any{}}
	s := shelfOn(t, databasetest.Watched(t, spy))
	c, err := s.receive(snapshot("plan", 0))
	if err != nil {
		t.Fatal(err)
	}
	var id models.ID
	answer := models.SupplierAnswer{Number: "8200", Status: "WAIT_BUYER_ACCEPT_GOODS", PaidAt: &start, Lines: []models.SupplierAnswerLine{{ProductID: "1", SKUID: "sku-cup", Quantity: 2}}}
	answered := func(seq int64) orders.Fact {
		return orders.SupplierAnswered{SupplierOrderID: id, Seq: seq, Answer: answer, Tracking: []models.TrackedParcel{{Number: fmt.Sprint("LP", seq)}}}
	}
	if _, err := s.apply(c.OrderID, orders.Linked{
		AccountID: s.account, Number: "8200", ID: &id, Answer: answer, Lines: []orders.PlannedLine{{LineID: "a", Quantity: 2, ProductID: "1", SKUID: "sku-cup"}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.apply(c.OrderID, answered(1)); err != nil {
		t.Fatal(err)
	}
	s.exec(t, `INSERT INTO flags SELECT merchant_id, gen_random_uuid(), id, NULL, '', 'seller_late', 'merchant', '', '', NULL, now(), NULL, '', '' FROM orders`)
	tables := []string{"orders", "order_lines", "supplier_orders", "supplier_order_lines", "parcels", "parcel_items", "pushes", "flags", "events"}
	for _, table := range tables {
		var columns string
		err := databasetest.Owner(t, s.db).Raw("SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''", table).Row().Scan(&columns)
		if err != nil {
			t.Fatal(err)
		}
		// A copy is the row with its identities and numbers made over, so that copies belong together.
		s.exec(t, `INSERT INTO `+table+` (`+columns+`) SELECT `+columns+` FROM (SELECT copy.* FROM `+table+` r CROSS JOIN generate_series(1, 1500) i CROSS JOIN LATERAL jsonb_populate_record(r, to_jsonb(r) || (
			SELECT jsonb_object_agg(key, CASE WHEN key LIKE '%id' AND key NOT LIKE 'external%' AND key NOT LIKE 'out%' THEN md5(value || i)::uuid::text ELSE value || i END)
			FROM jsonb_each_text(to_jsonb(r)) WHERE key IN ('id', 'order_id', 'supplier_order_id', 'parcel_id', 'external_id', 'out_order_id', 'tracking_number') AND value <> '')) copy) copies`)
	}
	s.exec(t, "ANALYZE "+strings.Join(tables, ", "))
	whole := regexp.MustCompile(`Seq Scan on (` + strings.Join(tables, "|") + `)\b`)
	spy.seen = map[string][]any{}
	if _, err := s.apply(c.OrderID, answered(2)); err != nil {
		t.Fatal(err)
	}
	s.truth(t, c.OrderID)
	if _, err := s.Timeline(t.Context(), s.m, c.OrderID, "", 20); err != nil {
		t.Fatal(err)
	}
	seen := strings.Join(slices.Collect(maps.Keys(spy.seen)), "\n")
	for _, table := range tables {
		if !strings.Contains(seen, table) {
			t.Errorf("no query of %s was seen", table)
		}
	}
	for query, args := range maps.Clone(spy.seen) {
		if first, _, _ := strings.Cut(query, " "); !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, first) {
			continue
		}
		var plan []string
		err := s.db.Of(s.m).InTx(t.Context(), func(tx database.Tx) error {
			return tx.Ask(database.Ask{SQL: "EXPLAIN " + query, Args: args, Row: func(scan func(...any) error) error {
				plan = append(plan, "")
				return scan(&plan[len(plan)-1])
			}})
		})
		if text := strings.Join(plan, "\n"); err != nil || whole.MatchString(text) {
			t.Errorf("%s reads a whole table: %v\n%s", query, err, text)
		}
	}
}

// spy notes each statement with what it was last asked with.
type spy struct {
	mu   sync.Mutex
	seen map[string][]any
}

func (s *spy) note(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[sql] = slices.DeleteFunc(slices.Clone(args), func(a any) bool {
		_, format := a.(pgx.QueryResultFormatsByOID) // how database/sql wants the answer
		return format
	})
}

// TraceQueryStart notes one that goes alone.
func (s *spy) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	s.note(q.SQL, q.Args)
	return ctx
}

// TraceBatchStart notes those that go together.
func (s *spy) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		s.note(q.SQL, q.Arguments)
	}
	return ctx
}

func (*spy) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (*spy) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*spy) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func TestThePayListIsReadAlongItsIndexSoonestFirst(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.exec(t, `INSERT INTO orders SELECT @m, gen_random_uuid(), @store, 'e' || i, 'N' || i, now(), now(), 'APPROVED', 'PAID', '', CASE WHEN i = 3 THEN 'cancelled' ELSE 'open' END, now(),
		'USD', 1, 0, '', '', '', 'US', false, false, false, CASE WHEN i = 3 THEN 'closed' ELSE 'awaiting_payment' END, '', '', '[]', 0, false, NULL, '', NULL, now(), 0, 1, now(), now()
		FROM generate_series(1, 20000) i`, map[string]any{"m": s.m, "store": s.store})
	s.exec(t, `INSERT INTO supplier_orders (merchant_id, id, order_id, account_id, state, origin, epoch, out_order_id, request_sha256, note, error_code, error_detail, external_id, supplier_store_id,
		supplier_store_name, status, logistics_status, end_reason, stage_status, stage_logistics, stage_seq, shipped_seen, stage, pay_by, amount_minor, amount_currency, fetch_seq, applied_seq,
		check_failures, created_at, updated_at)
		SELECT merchant_id, gen_random_uuid(), id, @account, 'placed', 'placed', 1, '', '', '', '', '', '8' || external_id, '', '', '', '', '', '', '', 0, false,
		CASE WHEN n <= 130 THEN 'unpaid' ELSE 'paid' END, CASE WHEN n % 3 > 0 THEN now() + (n % 7) * interval '1 hour' END, n, CASE WHEN n % 10 = 0 THEN '' WHEN n % 2 = 0 THEN 'USD' ELSE 'EUR' END, 0, 0, 0, now(), now()
		FROM (SELECT *, substr(external_id, 2)::int AS n FROM orders) o`, map[string]any{"account": s.account})
	s.exec(t, "ANALYZE orders, supplier_orders")
	var got []orders.PayItem
	f := orders.PayFilter{Limit: 20}
	for {
		list, err := s.PayList(t.Context(), s.m, f)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, list.Items...)
		n := 0
		for _, total := range list.Totals {
			n += total.Orders
		}
		if n != 129 || len(list.Totals) != 3 {
			t.Fatalf("%+v", list.Totals)
		}
		if f.Cursor = list.Next; f.Cursor == "" {
			break
		}
	}
	if len(got) != 129 || !slices.IsSortedFunc(got, func(a, b orders.PayItem) int {
		return cmp.Or(a.Sort.Compare(b.Sort), strings.Compare(string(a.SupplierOrderID), string(b.SupplierOrderID)))
	}) || got[0].PayBy == nil || got[128].PayBy != nil {
		t.Errorf("%d entries, or in disorder", len(got))
	}
	if list, err := s.PayList(t.Context(), s.m, orders.PayFilter{Limit: 5, StoreID: s.account}); err != nil || len(list.Items)+len(list.Totals) != 0 {
		t.Errorf("of another store %+v %v", list, err)
	}
	if list, err := s.PayList(t.Context(), s.m, orders.PayFilter{Limit: 5, StoreID: s.store, AccountID: s.account}); err != nil || len(list.Items) != 5 {
		t.Errorf("of store and account %d %v", len(list.Items), err)
	}
	if _, err := s.PayList(t.Context(), s.m, orders.PayFilter{Limit: 5, Cursor: "nonsense"}); models.AsError(err).Code != "cursor_invalid" {
		t.Errorf("got %v", err)
	}
	var mu sync.Mutex
	var asked []string
	if err := s.db.Read(t.Context()).Callback().Row().After("gorm:row").Register("spy", func(q *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		if sql := q.Explain(q.Statement.SQL.String(), q.Statement.Vars...); strings.Contains(sql, "supplier_orders AS s") {
			asked = append(asked, sql)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, f := range []orders.PayFilter{{Limit: 20}, {Limit: 20, AccountID: s.account}, {Limit: 20, StoreID: s.store}} {
		if _, err := s.PayList(t.Context(), s.m, f); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 6 {
		t.Errorf("%d queries were seen", len(asked))
	}
	for _, query := range asked {
		if text := s.plan(t, "EXPLAIN (ANALYZE, BUFFERS OFF) "+query); !strings.Contains(text, "supplier_orders_pay_list") && !strings.Contains(text, "supplier_orders_open") || strings.Contains(text, "Seq Scan") {
			t.Errorf("%s\n%s", query, text)
		}
	}
}

func TestWhatTheStoreWasNotToldOfAVoidParcelIsNotToldAnyMore(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	told := func(name string) (id, supplierOrder models.ID, p models.Push) {
		t.Helper()
		c, err := s.receive(snapshot(name, 0))
		if err != nil {
			t.Fatal(err)
		}
		number := "82" + strings.TrimPrefix(name, "v")
		answer := models.SupplierAnswer{Number: number, Status: "WAIT_BUYER_ACCEPT_GOODS", PaidAt: &start, Lines: []models.SupplierAnswerLine{{ProductID: "1", SKUID: "sku-cup", Quantity: 2}}}
		if _, err := s.apply(c.OrderID, orders.Linked{
			AccountID: s.account, Number: number, ID: &supplierOrder, Answer: answer, Lines: []orders.PlannedLine{{LineID: "a", Quantity: 2, ProductID: "1", SKUID: "sku-cup"}},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.apply(c.OrderID, orders.SupplierAnswered{SupplierOrderID: supplierOrder, Seq: 1, Answer: answer, Tracking: []models.TrackedParcel{{Number: "LP" + number}}}); err != nil {
			t.Fatal(err)
		}
		return c.OrderID, supplierOrder, s.truth(t, c.OrderID).Pushes[0]
	}
	do := func(id models.ID, f orders.Fact) {
		t.Helper()
		if _, err := s.apply(id, f); err != nil {
			t.Fatal(err)
		}
	}
	mismatch := func(d orders.Detail) bool {
		return slices.ContainsFunc(d.Flags, func(f models.Flag) bool { return f.Code == models.FlagMismatch })
	}

	id, so, _ := told("v000000001")
	do(id, orders.SupplierUnlinked{SupplierOrderID: so})
	if d := s.truth(t, id); len(d.Pushes) != 0 || d.Parcels[0].VoidedAt == nil || len(d.Parcels[0].Items) != 0 || mismatch(d) {
		t.Errorf("never told: %+v, %+v", d.Pushes, d.Parcels)
	}

	id, so, p := told("v000000002")
	do(id, orders.PushClaimed{PushID: p.ID, Until: time.Now().Add(time.Hour)})
	do(id, orders.SupplierUnlinked{SupplierOrderID: so})
	if d := s.truth(t, id); len(d.Pushes) != 1 || d.Pushes[0].State != models.PushRefused || mismatch(d) {
		t.Errorf("while it is being told: %+v", d.Pushes)
	}
	do(id, orders.PushResult{PushID: p.ID, State: models.PushConfirmed, FulfillmentID: "f", Number: p.WantedNumber, Lines: p.WantedLines})
	d := s.truth(t, id)
	if !mismatch(d) || d.Pushes[0].State == models.PushConfirmed {
		t.Errorf("told after all, nobody is warned: %+v", d.Pushes)
	}
	if _, err := s.apply(id, orders.PushRequested{PushID: p.ID}); models.AsError(err).Code != "parcel_void" {
		t.Errorf("told again: %v", err)
	}
}
