package ordersync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"waybill/models"
	"waybill/services/aliexpress"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/wix"
	"waybill/services/wix/wixsim"
)

// The engine's decisions against the simulators' truth: both platforms live through a random story, are read at random moments
// through the real adapters, and the answers reach the engine in any order, some twice, some never. Whatever happened on the
// way, what the engine believes in the end is what the platforms show.

// seeds is how many stories are played. Each is played alike every time.
const seeds = 2000

// stage is where all stories are played.
type stage struct {
	shop   *wixsim.Server
	market *aliexpresssim.Server
	store  *wix.Client
	buyer  *aliexpress.Client
	site   models.Access
	token  models.Access
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{shop: wixsim.New(wixsim.Options{Key: storeKey(), RateLimit: -1}), market: aliexpresssim.New(aliexpresssim.Options{ReadableAfter: -1})}
	shop, market := httptest.NewServer(s.shop), httptest.NewServer(s.market)
	t.Cleanup(func() {
		s.shop.Close()
		s.market.Close()
		shop.Close()
		market.Close()
	})
	wi, ai := s.shop.Info(), s.market.Info()
	var err error
	if s.store, err = wix.New(wix.Config{BaseURL: shop.URL, AppID: wi.AppID, AppSecret: models.Secret(wi.AppSecret), PerMinute: -1}); err != nil {
		t.Fatal(err)
	}
	if s.buyer, err = aliexpress.New(aliexpress.Config{BaseURL: market.URL, AppKey: ai.AppKey, AppSecret: models.Secret(ai.AppSecret), PerSecond: -1}); err != nil {
		t.Fatal(err)
	}
	plenty := 1 << 30
	for product, sku := range map[string]string{bottle: bottleBrown, solarLamp: solarSKU} {
		if err := s.market.ChangeProduct(product, aliexpresssim.ProductChange{SKUID: sku, Stock: &plenty}); err != nil {
			t.Fatal(err)
		}
	}
	code, err := s.market.NewAuthCode("")
	if err != nil {
		t.Fatal(err)
	}
	grant, err := s.buyer.Exchange(t.Context(), models.App{}, code)
	if err != nil {
		t.Fatal(err)
	}
	s.site, s.token = models.Access{ExternalID: wi.InstanceID}, models.Access{ExternalID: grant.UserID, Token: grant.AccessToken}
	return s
}

// story is one order's life on both platforms, and what was read of it.
type story struct {
	*stage
	t        *testing.T
	r        *rand.Rand
	order    string
	lines    map[string]string // SKU at AliExpress -> line of the store's order
	numbers  []string
	bought   []models.SupplierOrder // as placed
	seq      int64
	readings []func(*belief) // answers, as they will reach the engine
	told     []string
}

// belief is what the engine makes of the answers. It takes them in as orders.Apply does.
type belief struct {
	models.Facts
	ids int
}

func (b *belief) newID() models.ID {
	b.ids++
	return models.ID(fmt.Sprintf("parcel-%03d", b.ids))
}

func (b *belief) takeStore(s models.StoreOrder) {
	if b.Order.Observe(s) {
		b.Lines = models.ObserveLines(b.Lines, b.Order, s, func(string) models.MappingKind { return models.MappedDropship })
	}
}

func (b *belief) takeSupplier(at int, a models.SupplierAnswer, tracking []models.TrackedParcel, seq int64) {
	s := &b.SupplierOrders[at]
	if s.Observe(a, seq) {
		b.Parcels, _ = models.MergeParcels(b.Parcels, *s, tracking, b.Now, b.newID)
	}
	tracked := slices.ContainsFunc(b.Parcels, func(p models.Parcel) bool {
		return slices.ContainsFunc(p.Items, func(it models.ParcelItem) bool { return it.SupplierOrderID == s.ID })
	})
	s.Settle(tracked)
}

// shipped is what is believed to be in each parcel.
func (b *belief) shipped() map[string][]models.FulfillmentLine {
	parcels := map[string][]models.FulfillmentLine{}
	for _, p := range b.Parcels {
		if p.MissingSince != nil {
			continue
		}
		units := map[string]int{}
		for _, it := range p.Items {
			units[it.LineID] += it.Quantity
		}
		for _, line := range slices.Sorted(maps.Keys(units)) {
			parcels[p.TrackingNumber] = append(parcels[p.TrackingNumber], models.FulfillmentLine{LineID: line, Quantity: units[line]})
		}
	}
	return parcels
}

func (st *story) must(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatalf("%v; so far: %v", err, st.told)
	}
}

func (st *story) chance(percent int) bool { return st.r.IntN(100) < percent }

// begin has a buyer order one or two things and the merchant buy them, in one AliExpress order or two.
func (st *story) begin() {
	first, second := 1+st.r.IntN(3), st.r.IntN(3)
	lines := []wixsim.NewLine{{CatalogItemID: "5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a", Name: "Bottle", Quantity: first, Price: "19.99"}}
	if second > 0 {
		lines = append(lines, wixsim.NewLine{CatalogItemID: "0614129c-8777-9f3b-4dfe-b80a54df10d5", Name: "Lamp", Quantity: second, Price: "9.99"})
	}
	payment := "paid"
	if st.chance(30) {
		payment = "authorized"
	}
	o, err := st.shop.CreateOrder(wixsim.NewOrder{Payment: payment, Lines: lines})
	st.must(err)
	st.order, st.lines = o.ID, map[string]string{bottleBrown: o.LineItems[0].ID}
	purchases := [][]aliexpresssim.Item{{{ProductID: bottle, SKUID: bottleBrown, Quantity: first}}}
	if second > 0 {
		st.lines[solarSKU] = o.LineItems[1].ID
		lamp := aliexpresssim.Item{ProductID: solarLamp, SKUID: solarSKU, Quantity: second}
		if st.chance(50) {
			purchases[0] = append(purchases[0], lamp)
		} else {
			purchases = append(purchases, []aliexpresssim.Item{lamp})
		}
	}
	for i, items := range purchases {
		if st.chance(15) {
			continue // not bought
		}
		number, err := st.market.BuyByHand(aliexpresssim.Purchase{Items: items})
		st.must(err)
		so := models.SupplierOrder{ID: models.ID(fmt.Sprintf("so-%d", i)), OrderID: "o", State: models.PlacementPlaced, ExternalID: number, Stage: models.StageUnpaid}
		for _, it := range items {
			so.Lines = append(so.Lines, models.SupplierLine{SupplierOrderID: so.ID, LineID: st.lines[it.SKUID], ProductID: it.ProductID, SKUID: it.SKUID, Quantity: it.Quantity, Live: true})
		}
		st.numbers, st.bought = append(st.numbers, number), append(st.bought, so)
	}
}

// step lets something happen on one of the platforms. What is not possible at the moment does not happen.
func (st *story) step() {
	st.shop.Advance(time.Second)
	line := func() string { return slices.Sorted(maps.Values(st.lines))[st.r.IntN(len(st.lines))] }
	happen := func(what string, err error) {
		if err == nil {
			st.told = append(st.told, what)
		}
	}
	if len(st.numbers) == 0 || st.chance(35) {
		switch st.r.IntN(5) {
		case 0:
			_, err := st.shop.PayOrder(st.order)
			happen("captured", err)
		case 1:
			_, err := st.shop.RefundOrder(st.order, []wixsim.Quantity{{ID: line(), Quantity: 1}})
			happen("refunded one", err)
		case 2:
			_, err := st.shop.EditOrder(st.order, wixsim.Edit{Lines: []wixsim.Quantity{{ID: line(), Quantity: 1 + st.r.IntN(3)}}})
			happen("edited", err)
		case 3:
			_, err := st.shop.TouchOrder(st.order)
			happen("touched", err)
		case 4:
			if st.chance(30) {
				_, err := st.shop.CancelOrder(st.order)
				happen("cancelled", err)
			}
		}
		return
	}
	number := st.numbers[st.r.IntN(len(st.numbers))]
	o, err := st.market.Order(number)
	st.must(err)
	switch st.r.IntN(9) {
	case 0, 1, 2:
		happen("paid "+number, st.market.Pay(number, aliexpresssim.PayOptions{Risk: st.chance(20)}))
	case 3, 4, 5:
		_ = st.market.ClearRisk(number)
		_, err := st.market.Ship(number, aliexpresssim.ShipOptions{Items: st.some(o)})
		happen("shipped of "+number, err)
	case 6:
		if len(o.Parcels) > 0 {
			p := o.Parcels[st.r.IntN(len(o.Parcels))]
			happen("renumbered "+p.MailNo, st.market.Renumber(number, aliexpresssim.Renumbering{MailNo: p.MailNo, NewMailNo: fmt.Sprintf("NEW%d%010d", st.r.IntN(1e6), st.seq)}))
		}
	case 7:
		happen("delivered "+number, st.market.Deliver(number))
	case 8:
		switch st.r.IntN(6) {
		case 0:
			happen("closed "+number, st.market.Cancel(number, aliexpresssim.CancelOptions{}))
		case 1:
			happen("timed out "+number, st.market.Timeout(number))
		case 2:
			happen("line cancelled of "+number, st.market.CancelLine(number, o.Items[st.r.IntN(len(o.Items))].SKUID))
		}
	}
}

// some draws units of an order that are not shipped yet; none means all.
func (st *story) some(o aliexpresssim.Order) []aliexpresssim.Item {
	if st.chance(40) {
		return nil
	}
	it := o.Items[st.r.IntN(len(o.Items))]
	if left := it.Quantity - it.Shipped; left > 0 && it.EndReason == "" {
		return []aliexpresssim.Item{{ProductID: it.ProductID, SKUID: it.SKUID, Quantity: 1 + st.r.IntN(left)}}
	}
	return nil
}

func (st *story) readStore() {
	snapshot, err := st.store.Order(st.t.Context(), st.site, st.order)
	st.must(err)
	st.readings = append(st.readings, func(b *belief) { b.takeStore(snapshot) })
}

func (st *story) readSupplier(at int) {
	st.seq++
	seq := st.seq
	answer, err := st.buyer.Order(st.t.Context(), st.token, st.numbers[at])
	st.must(err)
	tracking, err := st.buyer.Tracking(st.t.Context(), st.token, st.numbers[at])
	st.must(err)
	st.readings = append(st.readings, func(b *belief) { b.takeSupplier(at, answer, tracking, seq) })
}

// believe plays the answers to the engine in any order, some of them twice.
func (st *story) believe() belief {
	b := belief{Facts: models.Facts{Now: time.Now(), Order: models.Order{ID: "o", ExternalID: st.order}, SupplierOrders: st.bought}}
	arrivals := slices.Clone(st.readings)
	for range st.r.IntN(3) {
		arrivals = append(arrivals, st.readings[st.r.IntN(len(st.readings))])
	}
	st.r.Shuffle(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
	for _, arrive := range arrivals {
		arrive(&b)
	}
	return b
}

// truth is what the platforms show now, read from their own state by rules of its own: no code of the engine takes part.
func (st *story) truth() (tab models.Tab, parcels map[string][]models.FulfillmentLine) {
	o, _, err := st.shop.Order(st.order)
	st.must(err)
	wanted, all := map[string]int{}, 0
	for _, l := range o.LineItems {
		if o.Status != "CANCELED" && o.Status != "REJECTED" && o.PaymentStatus != "FULLY_REFUNDED" {
			wanted[l.ID] = max(0, l.Quantity-l.RefundQuantity)
			all += wanted[l.ID]
		}
	}
	coming, gone, unpaid := map[string]int{}, map[string]int{}, false
	parcels = map[string][]models.FulfillmentLine{}
	for _, number := range st.numbers {
		a, err := st.market.Order(number)
		st.must(err)
		for _, it := range a.Items {
			if it.EndReason == "" || it.EndReason == "buyer_accept_goods" || it.EndReason == "buyer_accept_goods_timeout" {
				coming[st.lines[it.SKUID]] += it.Quantity
				unpaid = unpaid || a.PaidAt == nil && wanted[st.lines[it.SKUID]] > 0
			}
		}
		for _, p := range a.Parcels {
			var lines []models.FulfillmentLine
			for _, it := range p.Items {
				lines = append(lines, models.FulfillmentLine{LineID: st.lines[it.SKUID], Quantity: it.Quantity})
				gone[st.lines[it.SKUID]] += it.Quantity
			}
			slices.SortFunc(lines, func(a, b models.FulfillmentLine) int {
				if a.LineID < b.LineID {
					return -1
				}
				return 1
			})
			parcels[p.MailNo] = lines
		}
	}
	missing, shipped := 0, 0
	for line, n := range wanted {
		missing += max(0, n-coming[line])
		shipped += min(n, gone[line])
	}
	switch paid := o.Status == "APPROVED" && (o.PaymentStatus == "PAID" || o.PaymentStatus == "PARTIALLY_REFUNDED"); {
	case all == 0:
		return models.TabClosed, parcels
	case !paid:
		return models.TabPending, parcels
	case missing > 0:
		return models.TabAwaitingOrder, parcels
	case unpaid:
		return models.TabAwaitingPayment, parcels
	case shipped < all:
		return models.TabAwaitingShipment, parcels
	}
	return models.TabFulfilled, parcels
}

func TestWhateverReachesTheEngineItEndsWithTheTruth(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tabs := map[models.Tab]int{}
	for seed := range uint64(seeds) {
		st := &story{stage: s, t: t, r: rand.New(rand.NewPCG(seed, 1))}
		st.begin()
		for range 2 + st.r.IntN(9) {
			st.step()
			if st.chance(30) {
				st.readStore()
			}
			if len(st.numbers) > 0 && st.chance(40) {
				st.readSupplier(st.r.IntN(len(st.numbers)))
			}
		}
		// The last reading of each is never lost: that is what sweeps are for. When it arrives is another matter.
		st.readStore()
		for i := range st.numbers {
			st.readSupplier(i)
		}
		wantTab, wantParcels := st.truth()
		got := st.believe()
		rolled := models.Rollup(got.Facts)
		if rolled.Tab != wantTab {
			t.Errorf("seed %d: in %s (%s), truly in %s; %v", seed, rolled.Tab, rolled.Why, wantTab, st.told)
		}
		if diff := cmp.Diff(wantParcels, got.shipped()); diff != "" {
			t.Errorf("seed %d: parcels (-true +believed):\n%s%v", seed, diff, st.told)
		}
		if t.Failed() {
			return
		}
		tabs[wantTab]++
	}
	for _, tab := range models.Tabs() {
		if tabs[tab] < seeds/100 {
			t.Errorf("only %d of %d stories end in %s", tabs[tab], seeds, tab)
		}
	}
}
