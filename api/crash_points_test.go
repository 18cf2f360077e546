package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/wix/wixsim"
)

const (
	orderCall   = "aliexpress.trade.ds.order.get"
	refreshCall = "/auth/token/refresh"
	shipCall    = "create_fulfillment"
	ever        = 1_000_000 // times
)

// bring starts the program, makes what the cells need, and takes every cell to its point.
func (c *crash) bring() {
	c.t.Helper()
	c.run()
	c.connect()
	c.goods = c.world.goods()
	c.makeCells()
	c.drop(true) // what push messages would tell too early
	c.buyAll()
	c.beforeClaims()
	c.clear() // those wait for rows by now
	c.startCalls()
	c.passCalls()
}

func (c *crash) makeCells() {
	c.t.Helper()
	for _, p := range crashPoints {
		for i := range p.points {
			x := &cell{op: p.op, point: i + 1, user: c.ali.Info().UserID}
			if p.op != fulfil { // Wix tells orders apart
				x.user = c.ali.AddAccount().UserID
				c.connectSupplier(x.user)
			}
			x.external = c.buy("paid", c.goods[0])
			c.cells = append(c.cells, x)
		}
	}
	var page struct {
		Connections []struct {
			ID         string
			ExternalID string `json:"external_id"`
		}
	}
	c.do(http.MethodGet, "/connections", nil, http.StatusOK, &page)
	for _, x := range c.cells {
		for _, connection := range page.Connections {
			if connection.ExternalID == x.user {
				x.account = connection.ID
			}
		}
		x.order = c.awaitOrder(x.external, "the order is there to be bought", inTab("awaiting_order")).ID
	}
}

func (c *crash) at(op string, points ...int) (found []*cell) {
	for _, x := range c.cells {
		if x.op == op && (len(points) == 0 || slices.Contains(points, x.point)) {
			found = append(found, x)
		}
	}
	return found
}

// buyAll buys what is to be shipped, what shows that tokens work, and what a person will be asked about.
func (c *crash) buyAll() {
	c.t.Helper()
	for _, x := range c.at(resolve) {
		c.aliFault(x, create, aliexpresssim.ResetAfter, 1)
	}
	all := slices.Concat(c.at(resolve), c.at(fulfil), c.at(refresh))
	for _, x := range all {
		c.placeWith(x)
	}
	for _, x := range all {
		c.awaitOrder(x.external, "it is bought, or nobody knows", func(o orderView) bool {
			if x.op == resolve {
				return o.flagged("place_unknown")
			}
			if len(o.SupplierOrders) == 1 {
				x.number = o.SupplierOrders[0].Number
			}
			return o.Tab == "awaiting_payment"
		})
		if x.op == resolve {
			x.number = c.boughtBy(x.user)[0].OrderID
		}
	}
}

// beforeClaims takes the cells to the point at which their claim waits for a row.
func (c *crash) beforeClaims() {
	c.t.Helper()
	buys, ships, renews := c.at(place, 1)[0], c.at(fulfil, 1)[0], c.at(refresh, 1)[0]

	// A purchase that AliExpress turns away before it looks at it is claimed again and again; one time it meets a held row.
	c.aliFault(buys, create, aliexpresssim.ThrottleAPI, ever)
	c.placeWith(buys)
	c.holdBetween(buys, "SELECT count(*) FROM supplier_orders WHERE order_id = $1 AND state = 'approved'")

	// So is a parcel while the store gives no answer.
	c.wixFault(ships, "list_fulfillments", "status_503", ever)
	c.ship(ships)
	c.holdBetween(ships, "SELECT count(*) FROM pushes WHERE order_id = $1 AND (lease_until IS NULL OR lease_until < clock_timestamp())")

	c.holdConnection(renews)
	c.expire(renews)
	c.await("the lease of the renewal waits", func() bool {
		return c.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE connections SET refresh_lease%'`) > 0
	})
}

// holdBetween holds an order when its job is between two claims, and waits until the next one meets the held row.
func (c *crash) holdBetween(x *cell, unclaimed string) {
	c.t.Helper()
	var h *hold
	c.await("the claim waits", func() bool {
		if h == nil && c.count(unclaimed, x.order) == 1 {
			h = c.holdOrder(x)
		}
		if h != nil && c.count(unclaimed, x.order) == 0 { // it had been claimed: the result waits
			h.letGo()
			h = nil
		}
		return h != nil && c.waiting(h) > 0 && c.count("SELECT count(*) FROM river_job WHERE state = 'running' AND kind IN ('place', 'push', 'check') AND "+jobsOf, x.order) > 0
	})
}

// jobsOf are the jobs that work on an order.
const jobsOf = `(args->>'order_id' = $1::text
	OR args->>'supplier_order_id' IN (SELECT id::text FROM supplier_orders WHERE order_id::text = $1::text)
	OR args->>'push_id' IN (SELECT id::text FROM pushes WHERE order_id::text = $1::text))`

// startCalls has each of the other cells make its call, which its platform holds before or after doing what it asks for.
func (c *crash) startCalls() {
	c.t.Helper()
	how := func(x *cell) aliexpresssim.How {
		if x.point == 2 {
			return aliexpresssim.BarrierBefore
		}
		return aliexpresssim.BarrierAfter
	}
	for _, x := range c.at(refresh, 2, 3, 4, 5) {
		c.aliFault(x, refreshCall, how(x), 1)
		c.expire(x)
	}
	for _, x := range c.at(fulfil, 2, 3, 4, 5) {
		c.wixFault(x, shipCall, string(how(x)), 1)
		c.ship(x)
	}
	for _, x := range c.at(resolve, 1, 2, 3, 4) {
		first := aliexpresssim.BarrierAfter
		if x.point == 1 {
			first = aliexpresssim.BarrierBefore
		}
		c.aliFault(x, orderCall, first, 1)
		c.press(x)
	}
	for _, x := range c.at(place, 2, 3) {
		c.aliFault(x, create, how(x), 1)
		c.placeWith(x)
	}
	started := slices.Concat(c.at(refresh, 2, 3, 4, 5), c.at(fulfil, 2, 3, 4, 5), c.at(resolve, 1, 2, 3, 4), c.at(place, 2, 3))
	for _, x := range started {
		c.awaitHeld(x)
	}
	c.drop(false) // of the next purchases push messages tell
	for _, x := range c.at(place, 4, 5) {
		c.aliFault(x, create, how(x), 1)
		c.placeWith(x)
	}
	for _, x := range c.at(place, 4, 5) {
		c.awaitHeld(x)
		c.await("a push message tells of the purchase", func() bool {
			return slices.ContainsFunc(c.ali.Journal(), func(e aliexpresssim.Entry) bool {
				return e.Kind == aliexpresssim.KindPushDelivered && e.UserID == x.user
			})
		})
	}
}

// passCalls lets the calls of the later points be answered, with a row held that the answer is written to.
func (c *crash) passCalls() {
	c.t.Helper()
	for _, x := range c.at(resolve, 2) {
		c.meetRow(c.holdOrder(x), x)
	}
	for _, x := range c.at(resolve, 3, 4) {
		second := aliexpresssim.BarrierBefore
		if x.point == 4 {
			second = aliexpresssim.BarrierAfter
		}
		c.aliFault(x, orderCall, second, ever) // background checks are held as well
		c.letPass(x)
		c.await("the number is written", func() bool { return c.orderOf(x).Tab == "awaiting_payment" })
		c.awaitHeld(x)
	}
	for _, x := range c.at(resolve, 4) {
		c.meetRow(c.holdOrder(x), x)
	}
	for _, x := range c.at(resolve, 5) {
		c.press(x)
		c.await("all is written", func() bool {
			o := c.orderOf(x)
			return o.Tab == "awaiting_payment" && o.SupplierOrders[0].Status != ""
		})
	}
	for _, x := range slices.Concat(c.at(place, 4), c.at(fulfil, 4)) {
		c.meetRow(c.holdOrder(x), x)
	}
	for _, x := range c.at(refresh, 4) {
		c.meetRow(c.holdConnection(x), x)
	}
	// Last: from here on no job of the program can end.
	for _, x := range slices.Concat(c.at(place, 5), c.at(fulfil, 5), c.at(refresh, 5)) {
		c.hold("SELECT id FROM river_job WHERE state = 'running' AND "+jobsOf+" FOR UPDATE", x.order)
		expires := c.tokenExpires(x)
		c.letPass(x)
		c.await("it is written", func() bool {
			o := c.orderOf(x)
			switch x.op {
			case place:
				return o.Tab == "awaiting_payment"
			case fulfil:
				return o.Pushes[0].State == "confirmed"
			}
			return c.tokenExpires(x) != expires
		})
	}
}

// meetRow lets a held call be answered and waits until the program meets the held row with it.
func (c *crash) meetRow(h *hold, x *cell) {
	c.t.Helper()
	before := c.waiting(h) // a search of the store may want the row as well
	c.letPass(x)
	c.await("the write waits", func() bool { return c.waiting(h) > before })
}

func (c *crash) letPass(x *cell) {
	if x.op == fulfil {
		c.wix.ReleaseBarriersOf(x.external)
		return
	}
	c.ali.ReleaseBarriersOf(x.user)
}

// awaitHeld waits until a cell's call is held.
func (c *crash) awaitHeld(x *cell) {
	c.t.Helper()
	c.await(x.op+", "+x.name()+": the call has reached the platform", func() bool {
		if x.op == fulfil {
			return slices.ContainsFunc(c.wix.Barriers(), func(b wixsim.Barrier) bool { return b.OrderID == x.external })
		}
		return slices.ContainsFunc(c.ali.Barriers(), func(b aliexpresssim.Barrier) bool { return b.UserID == x.user })
	})
}

// hold is a row that somebody else's transaction does not let go of.
type hold struct{ conn *pgx.Conn }

func (h *hold) letGo() { _ = h.conn.Close(context.Background()) }

func (c *crash) hold(sql string, args ...any) *hold {
	c.t.Helper()
	conn, err := pgx.Connect(context.Background(), c.database)
	if err != nil {
		c.t.Fatal(err)
	}
	h := &hold{conn}
	c.held = append(c.held, h)
	tx, err := conn.Begin(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	tag, err := tx.Exec(context.Background(), sql, args...)
	if err != nil || tag.RowsAffected() == 0 {
		c.t.Fatalf("%s: %d rows, %v", sql, tag.RowsAffected(), err)
	}
	return h
}

func (c *crash) holdOrder(x *cell) *hold {
	c.t.Helper()
	return c.hold("SELECT id FROM orders WHERE id = $1 FOR UPDATE", x.order)
}

func (c *crash) holdConnection(x *cell) *hold {
	c.t.Helper()
	return c.hold("SELECT id FROM connections WHERE id = $1 FOR NO KEY UPDATE", x.account)
}

// letGo lets all held rows go.
func (c *crash) letGo() {
	for _, h := range c.held {
		h.letGo()
	}
	c.held = nil
}

// waiting counts the transactions that wait for a held row, or for one that does.
func (c *crash) waiting(h *hold) int {
	c.t.Helper()
	return c.count(`WITH RECURSIVE w(pid) AS (SELECT $1::int UNION SELECT a.pid FROM w, pg_stat_activity a WHERE w.pid = ANY(pg_blocking_pids(a.pid)))
		SELECT count(*) - 1 FROM w`, h.conn.PgConn().PID())
}

func (c *crash) orderOf(x *cell) (o orderView) {
	c.t.Helper()
	c.do(http.MethodGet, "/orders/"+x.order, nil, http.StatusOK, &o)
	return o
}

func (c *crash) tokenExpires(x *cell) string {
	c.t.Helper()
	var connection struct {
		TokenExpiresAt time.Time `json:"token_expires_at"`
	}
	c.do(http.MethodGet, "/connections/"+x.account, nil, http.StatusOK, &connection)
	return connection.TokenExpiresAt.String()
}

func (c *crash) placeWith(x *cell) {
	c.t.Helper()
	c.do(http.MethodPost, "/orders/"+x.order+"/supplier-orders", map[string]any{"account_id": x.account}, http.StatusAccepted, nil)
}

// ship has a cell's AliExpress order paid and sent.
func (c *crash) ship(x *cell) {
	c.t.Helper()
	if err := c.ali.Pay(x.number, aliexpresssim.PayOptions{}); err != nil {
		c.t.Fatal(err)
	}
	parcel, err := c.ali.Ship(x.number, aliexpresssim.ShipOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	x.mailNo = parcel.MailNo
}

// expire makes AliExpress refuse the access token of a cell's account: the next check of its order renews it.
func (c *crash) expire(x *cell) {
	c.t.Helper()
	if err := c.ali.ExpireTokens(x.user); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crash) resolveURL(x *cell) string {
	c.t.Helper()
	return "/supplier-orders/" + c.orderOf(x).SupplierOrders[0].ID + "/resolve"
}

// press is a person's answer, which is on its way for as long as it takes, and whose own answer nobody hears.
func (c *crash) press(x *cell) {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"outcome": "found", "number": x.number})
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, c.url+"/api/v1"+c.resolveURL(x), bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	c.presses.Go(func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	})
}

func (c *crash) drop(pushes bool) {
	c.t.Helper()
	if err := c.ali.SetPushSwitches(aliexpresssim.PushSwitches{Drop: pushes}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crash) aliFault(x *cell, method string, how aliexpresssim.How, times int) {
	c.t.Helper()
	if err := c.ali.Fail(aliexpresssim.Fault{Method: method, How: how, UserID: x.user, Times: times}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crash) wixFault(x *cell, op, how string, times int) {
	c.t.Helper()
	if err := c.wix.Fail(wixsim.Fault{Op: op, How: how, OrderID: x.external, Times: times}); err != nil {
		c.t.Fatal(err)
	}
}
