package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"waybill/models"
	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/wix/wixsim"
)

// sampleShop plays everybody but Waybill: buyers, the merchant where nobody else does, and the suppliers.
type sampleShop struct {
	sims    *simulators
	past    *past
	api     string
	key     string
	speed   float64
	log     *slog.Logger
	storeID string
	buyers  atomic.Int64
	idle    sync.Map // numbers of supplier orders that no seller ships
}

// past is a clock that can be set back, for what happened before the demo began.
type past struct{ by atomic.Int64 }

func (p *past) now() time.Time { return time.Now().Add(-time.Duration(p.by.Load())) }

func (p *past) goBack(days int) { p.by.Store(int64(days) * int64(24*time.Hour)) }

// good is a product of the shop and the AliExpress SKU behind it.
type good struct {
	line wixsim.NewLine
	from aliexpresssim.Product
}

// Goods with a story of their own; buyers by chance take the others. They are told apart by the end of their SKU.
const (
	unmapped = "69170" // the solar lamp
	dearer   = "10222" // the black desk lamp, whose price goes above its cap
	soldOut  = "60771" // the mug
	gone     = "40551" // the night light
	shirts   = "506"   // of which there are too few
)

// A buyer, and where he lives.
type buyer struct {
	first, last, phone string
	wixsim.NewAddress
}

var (
	bobby    = buyer{"<b>Bobby</b>", `"Tables"`, "+12125550199", wixsim.NewAddress{Country: "US", Subdivision: "US-TX", City: "Austin", PostalCode: "78701", AddressLine: "500 Congress Avenue"}}
	formula  = buyer{`=HYPERLINK("https://example.com")`, "Sumner", "+442079460011", wixsim.NewAddress{Country: "GB", Subdivision: "GB-LND", City: "London", PostalCode: "EC1A 1BB", AddressLine: "1 St Martin's Le Grand"}}
	silva    = buyer{"Mateo", "Silva", "+5511912345678", wixsim.NewAddress{Country: "BR", Subdivision: "BR-SP", City: "Sao Paulo", PostalCode: "01310-100", AddressLine: "Avenida Paulista 1578"}} // without his CPF
	shoppers = []buyer{
		{"Jane", "Doe", "+12125550123", wixsim.NewAddress{Country: "US", Subdivision: "US-NY", City: "New York", PostalCode: "10011", AddressLine: "235 West 23rd Street"}},
		{"Jonas", "Berg", "+4915112345678", wixsim.NewAddress{Country: "DE", Subdivision: "DE-BE", City: "Berlin", PostalCode: "10115", AddressLine: "Invalidenstraße 44"}},
		{"Camille", "Moreau", "+33612345678", wixsim.NewAddress{Country: "FR", Subdivision: "FR-IDF", City: "Paris", PostalCode: "75011", AddressLine: "12 Rue Oberkampf"}},
		{"Priya", "Nair", "+447911123456", wixsim.NewAddress{Country: "GB", Subdivision: "GB-MAN", City: "Manchester", PostalCode: "M1 1AE", AddressLine: "7 Piccadilly"}},
		{"Noah", "Fisher", "+61412345678", wixsim.NewAddress{Country: "AU", Subdivision: "AU-NSW", City: "Sydney", PostalCode: "2000", AddressLine: "88 George Street"}},
		{"Lucia", "Marino", "+13125550187", wixsim.NewAddress{Country: "US", Subdivision: "US-IL", City: "Chicago", PostalCode: "60601", AddressLine: "120 North LaSalle Street"}},
		{"Wei", "Chen", "+4915198765432", wixsim.NewAddress{Country: "DE", Subdivision: "DE-BY", City: "München", PostalCode: "80331", AddressLine: "Marienplatz 8"}},
		{"Amara", "Okafor", "+447700900123", wixsim.NewAddress{Country: "GB", Subdivision: "GB-BIR", City: "Birmingham", PostalCode: "B1 1BB", AddressLine: "3 Victoria Square"}},
	}
)

// story is an order and what becomes of it.
type story struct {
	payment string // paid when empty
	days    int    // ago
	who     *buyer // anybody when nil
	good    string // anything when empty
	lines   int    // 1 when 0
	then    []step
	bought  string // by hand, as long ago: paid, or shipped
}

// step takes a story one step on.
type step func(ctx context.Context, s *sampleShop, t *tale) error

// tale is a story that is being told.
type tale struct {
	story
	store  string // the order's id in the store
	byHand string // the number of what was bought by hand
}

// stories are told one after the other before the shop opens: one for every tab and one for every trouble.
var stories = []story{
	{payment: "authorized", days: 6},
	{payment: "offline", lines: 2},
	{payment: "pending", who: &silva},
	{who: &bobby},
	{who: &formula, days: 1},
	{good: unmapped, days: 2},
	{who: &silva, days: 1, then: []step{planned, flagged("place_failed")}},
	{good: soldOut, then: []step{change(soldOut, aliexpresssim.ProductChange{Stock: new(int)}), planned, flagged("place_failed")}},
	{good: gone, days: 1, then: []step{change(gone, aliexpresssim.ProductChange{Status: ptr("offline")}), planned, flagged("place_failed")}},
	{good: dearer, then: []step{change(dearer, aliexpresssim.ProductChange{Price: ptr("39.90")}), planned, flagged("place_failed")}},
	{days: 1, then: []step{loseAnswer, planned, flagged("place_unknown"), hearAgain}},
	{days: 2, then: []step{placed, timeOut, flagged("payment_timeout")}},
	{days: 3, then: []step{placed, paid, cancelled, flagged("supplier_cancelled")}},
	{days: 4, then: []step{placed, paid, shipped, amendInStore, flagged("mismatch")}},
	{days: 9, good: "20011", bought: "paid", then: []step{linkByHand, flagged("seller_late")}},
	{days: 14, good: "20331", bought: "shipped", then: []step{linkByHand, flagged("tracking_silent")}},
	{days: 1, then: []step{placed}},
	{lines: 2, then: []step{placed}},
	{days: 2, then: []step{placed, paid}},
	{days: 3, lines: 3, then: []step{placed, paid, shipPart}},
	{days: 5, then: []step{placed, paid, shipped}},
	{days: 6, lines: 2, then: []step{placed, paid, shipped, delivered}},
	{days: 1, then: []step{cancelInStore}},
}

// history grows while the shop is open already.
var history = slices.Concat(
	slices.Repeat([]story{{then: []step{placed, paid, shipped, delivered}}, {then: []step{placed, paid, shipped}}, {then: []step{placed, paid}}}, 7),
	slices.Repeat([]story{{}, {then: []step{placed}}, {payment: "offline"}, {lines: 2, then: []step{placed, paid, shipped}}}, 4),
)

func ptr[T any](v T) *T { return &v }

// open connects and fills the shop.
func (s *sampleShop) open(ctx context.Context) error {
	tales := make([]*tale, len(stories))
	for i, st := range stories {
		tales[i] = &tale{story: st}
		if err := s.buyByHand(tales[i]); err != nil {
			return err
		}
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := s.stock(ctx); err != nil {
		return err
	}
	for _, t := range tales {
		if err := s.tell(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// buyByHand plays what a tale needs to have happened at AliExpress, while nobody else looks at its clock.
func (s *sampleShop) buyByHand(t *tale) (err error) {
	if t.bought == "" {
		return nil
	}
	s.past.goBack(t.days - 1)
	defer s.past.goBack(0)
	g := s.goodsOf(t.good)[0]
	if t.byHand, err = s.sims.aliexpress.BuyByHand(aliexpresssim.Purchase{Items: []aliexpresssim.Item{{ProductID: g.from.ProductID, SKUID: g.from.SKUID, Quantity: 1}}}); err != nil {
		return err
	}
	s.idle.Store(t.byHand, true)
	if err = s.sims.aliexpress.Pay(t.byHand, aliexpresssim.PayOptions{}); err == nil && t.bought == "shipped" {
		_, err = s.sims.aliexpress.Ship(t.byHand, aliexpresssim.ShipOptions{})
	}
	return err
}

// tell plays one tale.
func (s *sampleShop) tell(ctx context.Context, t *tale) (err error) {
	if t.store, err = s.buy(t.story); err != nil {
		return err
	}
	for i, next := range t.then {
		if err := next(ctx, s, t); err != nil {
			return fmt.Errorf("step %d of a story: %w", i+1, err)
		}
	}
	return nil
}

// connect connects the simulated site and the simulated buyer account, as a merchant would.
func (s *sampleShop) connect(ctx context.Context) error {
	signed, err := s.sims.wix.SignedInstance(s.sims.wix.Info().InstanceID)
	if err != nil {
		return err
	}
	var store struct{ ID string }
	if err := s.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "wix", "instance": signed}, &store); err != nil {
		return err
	}
	s.storeID = store.ID
	var begun struct{ State string }
	if err := s.call(ctx, http.MethodPost, "/connections/authorizations", map[string]any{"platform": "aliexpress"}, &begun); err != nil {
		return err
	}
	code := s.sims.aliexpress.Info().AuthCode // what the person would bring back from the page of consent
	return s.call(ctx, http.MethodPost, "/connections", map[string]any{"platform": "aliexpress", "code": code, "state": begun.State}, nil)
}

// shelf is every product that AliExpress has, at twice its price.
func (s *sampleShop) shelf() []good {
	var goods []good
	for i, p := range s.sims.aliexpress.Products() {
		price, err := models.ParseMoney(p.Price, p.Currency)
		if err != nil {
			continue
		}
		price.Minor *= 2
		line := wixsim.NewLine{
			CatalogItemID: fmt.Sprintf("5376f9ec-b92e-efa9-e4a1-%012d", i+1), VariantID: fmt.Sprintf("00000000-0000-0020-0005-%012d", i+1),
			SKU: "WB-" + p.SKUID[len(p.SKUID)-5:], Name: p.Title, Quantity: 1, Price: json.Number(strings.Fields(price.String())[0]), Options: map[string]string{},
		}
		for _, property := range p.Properties {
			line.Options[property.Name] = property.Value
		}
		goods = append(goods, good{line, p})
	}
	return goods
}

// goodsOf are the goods whose SKU begins so after WB-; those that buyers take by chance when it is empty.
func (s *sampleShop) goodsOf(sku string) []good {
	return slices.DeleteFunc(s.shelf(), func(g good) bool {
		own := strings.TrimPrefix(g.line.SKU, "WB-")
		if sku == "" {
			return slices.ContainsFunc([]string{unmapped, dearer, soldOut, gone, shirts}, func(special string) bool { return strings.HasPrefix(own, special) })
		}
		return !strings.HasPrefix(own, sku)
	})
}

// stock maps everything but one, with a cap on the price of one, and lets what buyers take by chance last.
func (s *sampleShop) stock(ctx context.Context) error {
	for _, g := range s.shelf() {
		if g.line.SKU == "WB-"+unmapped {
			continue
		}
		mapping := map[string]any{
			"store_id": s.storeID, "variant_key": g.line.CatalogItemID + "/" + g.line.VariantID, "role": "dropship", "title": g.from.Title,
			"supplier_product_id": g.from.ProductID, "supplier_sku_id": g.from.SKUID, "supplier_sku_attr": g.from.SKUAttr,
			"supplier_store_id": g.from.StoreID, "supplier_store_name": g.from.StoreName,
		}
		if g.line.SKU == "WB-"+dearer {
			mapping["price_cap"] = map[string]any{"minor": 2800, "currency": "USD"}
		}
		if err := s.call(ctx, http.MethodPost, "/product-mappings", mapping, nil); err != nil {
			return err
		}
	}
	for _, g := range s.goodsOf("") {
		if err := s.sims.aliexpress.ChangeProduct(g.from.ProductID, aliexpresssim.ProductChange{SKUID: g.from.SKUID, Stock: ptr(100_000)}); err != nil {
			return err
		}
	}
	return nil
}

// buy is a buyer's order in the store. The webhooks follow by themselves.
func (s *sampleShop) buy(st story) (string, error) {
	n := int(s.buyers.Add(1)) - 1
	who := shoppers[n%len(shoppers)]
	if st.who != nil {
		who = *st.who
	}
	at := time.Now().Add(-time.Duration(st.days)*24*time.Hour - time.Duration(rand.IntN(180))*time.Minute)
	order := wixsim.NewOrder{
		Payment: st.payment, Currency: "USD", PlacedAt: &at, Address: &who.NewAddress,
		Buyer: wixsim.NewBuyer{FirstName: who.first, LastName: who.last, Phone: who.phone, Email: fmt.Sprintf("buyer%d@example.com", n+1)},
	}
	goods := s.goodsOf(st.good)
	for i := range max(st.lines, 1) {
		line := goods[(n+i*3)%len(goods)].line
		line.Quantity = 1
		order.Lines = append(order.Lines, line)
	}
	made, err := s.sims.wix.CreateOrder(order)
	return made.ID, err
}

func planned(ctx context.Context, s *sampleShop, t *tale) error {
	o, err := s.inTab(ctx, t, "awaiting_order")
	if err != nil {
		return err
	}
	return s.call(ctx, http.MethodPost, "/orders/"+o.ID+"/supplier-orders", map[string]any{"reason": "the sample shop buys it"}, nil)
}

func placed(ctx context.Context, s *sampleShop, t *tale) error {
	if err := planned(ctx, s, t); err != nil {
		return err
	}
	_, err := s.inTab(ctx, t, "awaiting_payment")
	return err
}

func linkByHand(ctx context.Context, s *sampleShop, t *tale) error {
	o, err := s.inTab(ctx, t, "awaiting_order")
	if err != nil {
		return err
	}
	return s.call(ctx, http.MethodPost, "/orders/"+o.ID+"/supplier-orders/link", map[string]any{"number": t.byHand, "reason": "bought before Waybill was there"}, nil)
}

// eachNumber does something at AliExpress to all that was bought for an order.
func (s *sampleShop) eachNumber(ctx context.Context, t *tale, do func(number string) error) error {
	o, err := s.await(ctx, t, func(o demoOrder) bool { return len(o.SupplierOrders) > 0 })
	for _, so := range o.SupplierOrders {
		if so.Number != "" && err == nil {
			err = do(so.Number)
		}
	}
	return err
}

func paid(ctx context.Context, s *sampleShop, t *tale) error {
	if err := s.eachNumber(ctx, t, func(n string) error { return s.sims.aliexpress.Pay(n, aliexpresssim.PayOptions{}) }); err != nil {
		return err
	}
	_, err := s.inTab(ctx, t, "awaiting_shipment")
	return err
}

func shipped(ctx context.Context, s *sampleShop, t *tale) error {
	err := s.eachNumber(ctx, t, func(n string) error {
		_, err := s.sims.aliexpress.Ship(n, aliexpresssim.ShipOptions{})
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.inTab(ctx, t, "fulfilled")
	return err
}

// shipPart ships one line of one supplier order.
func shipPart(ctx context.Context, s *sampleShop, t *tale) error {
	done := false
	return s.eachNumber(ctx, t, func(n string) error {
		o, err := s.sims.aliexpress.Order(n)
		if err != nil || done {
			return err
		}
		done = true
		_, err = s.sims.aliexpress.Ship(n, aliexpresssim.ShipOptions{Items: []aliexpresssim.Item{{SKUID: o.Items[0].SKUID, Quantity: 1}}})
		return err
	})
}

func delivered(ctx context.Context, s *sampleShop, t *tale) error {
	return s.eachNumber(ctx, t, s.sims.aliexpress.Deliver)
}

func timeOut(ctx context.Context, s *sampleShop, t *tale) error {
	return s.eachNumber(ctx, t, s.sims.aliexpress.Timeout)
}

func cancelled(ctx context.Context, s *sampleShop, t *tale) error {
	return s.eachNumber(ctx, t, func(n string) error { return s.sims.aliexpress.Cancel(n, aliexpresssim.CancelOptions{}) })
}

func cancelInStore(_ context.Context, s *sampleShop, t *tale) error {
	_, err := s.sims.wix.CancelOrder(t.store)
	return err
}

// amendInStore is somebody who types another number into what Waybill told the store, once the store has it.
func amendInStore(ctx context.Context, s *sampleShop, t *tale) error {
	if _, err := s.await(ctx, t, func(o demoOrder) bool { return len(o.Pushes) > 0 && o.Pushes[0].State == "confirmed" }); err != nil {
		return err
	}
	_, made, err := s.sims.wix.Order(t.store)
	if err != nil || len(made) == 0 {
		return err
	}
	_, err = s.sims.wix.AmendByHand(t.store, made[0].ID, wixsim.TrackingInfo{TrackingNumber: "1Z999AA10123456784", ShippingProvider: "ups"})
	return err
}

// loseAnswer lets AliExpress take the next order and the network lose every word of it.
func loseAnswer(_ context.Context, s *sampleShop, _ *tale) error {
	if err := s.sims.aliexpress.SetPushSwitches(aliexpresssim.PushSwitches{Drop: true}); err != nil {
		return err
	}
	return s.sims.aliexpress.Fail(aliexpresssim.Fault{Method: "aliexpress.ds.order.create", How: aliexpresssim.ResetAfter})
}

func hearAgain(_ context.Context, s *sampleShop, _ *tale) error {
	return s.sims.aliexpress.SetPushSwitches(aliexpresssim.PushSwitches{})
}

// change changes a product at AliExpress.
func change(sku string, c aliexpresssim.ProductChange) step {
	return func(_ context.Context, s *sampleShop, _ *tale) error {
		from := s.goodsOf(sku)[0].from
		c.SKUID = from.SKUID
		return s.sims.aliexpress.ChangeProduct(from.ProductID, c)
	}
}

// flagged waits until Waybill says that the order needs a person.
func flagged(code string) step {
	return func(ctx context.Context, s *sampleShop, t *tale) error {
		_, err := s.await(ctx, t, func(o demoOrder) bool {
			return slices.ContainsFunc(o.Flags, func(f struct{ Code string }) bool { return f.Code == code })
		})
		return err
	}
}

// demoOrder is what the shop looks at of an order.
type demoOrder struct {
	ID, Tab        string
	SupplierOrders []struct{ Number string } `json:"supplier_orders"`
	Pushes         []struct{ State string }
	Flags          []struct{ Code string }
}

func (s *sampleShop) inTab(ctx context.Context, t *tale, tab string) (demoOrder, error) {
	return s.await(ctx, t, func(o demoOrder) bool { return o.Tab == tab })
}

// await waits until Waybill shows a tale's order as wanted.
func (s *sampleShop) await(ctx context.Context, t *tale, wanted func(demoOrder) bool) (o demoOrder, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var page struct{ Orders []demoOrder }
		if err := s.call(ctx, http.MethodGet, "/orders?q="+t.store, nil, &page); err != nil {
			return o, err
		}
		if len(page.Orders) == 1 {
			if err := s.call(ctx, http.MethodGet, "/orders/"+page.Orders[0].ID, nil, &o); err != nil || wanted(o) {
				return o, err
			}
		}
		select {
		case <-ctx.Done():
			return o, fmt.Errorf("order %s did not get where it should, it is %+v: %w", t.store, o, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// How often a new buyer comes, and a seller ships.
const (
	newBuyer   = 25 * time.Second
	sellerShip = 15 * time.Second
)

func (s *sampleShop) every(d time.Duration) time.Duration { return time.Duration(float64(d) / s.speed) }

// live lets the history grow, three orders at a time, and then keeps the shop alive: a new buyer every half minute or so, a merchant who buys and
// pays some of what waits, sellers who ship what is paid.
func (s *sampleShop) live(ctx context.Context) {
	var growing sync.WaitGroup
	for worker := range 3 {
		growing.Go(func() {
			for i := worker; i < len(history) && ctx.Err() == nil; i += 3 {
				st := history[i]
				st.days = i % 11
				s.stumbled(ctx, s.tell(ctx, &tale{story: st}))
			}
		})
	}
	growing.Wait()
	buyers, sellers := time.Tick(s.every(newBuyer)), time.Tick(s.every(sellerShip))
	for {
		select {
		case <-ctx.Done():
			return
		case <-buyers:
			s.stumbled(ctx, s.tell(ctx, &tale{story: []story{{}, {lines: 2}, {payment: "authorized"}, {then: []step{placed, paid}}}[rand.IntN(4)]}))
		case <-sellers:
			s.stumbled(ctx, s.shipOne())
		}
	}
}

func (s *sampleShop) stumbled(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the sample shop stumbled", "error", err)
	}
}

// shipOne sends what one paid order still waits for, sometimes in two parcels.
func (s *sampleShop) shipOne() error {
	for _, o := range s.sims.aliexpress.Orders() {
		if _, idle := s.idle.Load(o.OrderID); idle || o.OrderStatus != "WAIT_SELLER_SEND_GOODS" && o.OrderStatus != "SELLER_PART_SEND_GOODS" {
			continue
		}
		how := aliexpresssim.ShipOptions{}
		if o.OrderStatus == "WAIT_SELLER_SEND_GOODS" && len(o.Items) > 1 && rand.IntN(2) == 0 {
			how.Items = []aliexpresssim.Item{{SKUID: o.Items[0].SKUID, Quantity: o.Items[0].Quantity}}
		}
		_, err := s.sims.aliexpress.Ship(o.OrderID, how)
		return err
	}
	return nil
}

func (s *sampleShop) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.api+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}
