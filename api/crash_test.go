package main

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
	"waybill/services/database/localpg"
	"waybill/services/wix/wixsim"
)

// The operations in which something outside is changed that cannot be taken back, and the five points of each at which the
// program may be struck. The program has no failpoints: simulators hold calls, the test holds rows.
const (
	place   = "place"
	resolve = "update placement after resolve"
	fulfil  = "fulfil"
	refresh = "token refresh"
)

var crashPoints = []struct {
	op     string
	points [5]string
}{
	{place, [5]string{
		"before the claim is committed", "after the claim, before AliExpress did anything", "after AliExpress committed, before its answer",
		"after the answer, before our write", "after our write, before the job's end",
	}},
	{resolve, [5]string{
		"before AliExpress is asked", "after AliExpress answered, before the number is written", "after the number is written, before the order is read",
		"after the order is read, before that is written", "after all is written, its answer lost",
	}},
	{fulfil, [5]string{
		"before the claim is committed", "after the claim, before Wix did anything", "after Wix committed, before its answer",
		"after the answer, before our write", "after our write, before the job's end",
	}},
	{refresh, [5]string{
		"before the lease is committed", "after the lease, before AliExpress did anything", "after AliExpress committed, before its answer",
		"after the answer, before our write", "after our write, before the job's end",
	}},
}

// crashFault strikes everything at once.
type crashFault struct {
	name   string
	strike func(*crash)
	// The points (1-5) after which nothing but a person can tell what became of a purchase, and those after which the account has to
	// be connected again, because AliExpress gave the new tokens to nobody. Everywhere else nobody is asked.
	asked, reconnected []int
}

var crashFaults = []crashFault{
	{name: "SIGSTOP longer than every lease", strike: (*crash).strikeStop, asked: []int{3}, reconnected: []int{2, 3, 4}},
	{name: "SIGKILL", strike: (*crash).strikeKill, asked: []int{2, 3}, reconnected: []int{3, 4}},
	{name: "PostgreSQL stopped at once", strike: (*crash).strikePostgres},
	{name: "connections cut", strike: (*crash).strikeConnections, asked: []int{2, 3}, reconnected: []int{3}},
}

// Whatever strikes and wherever: AliExpress makes one order of a purchase, Wix one fulfillment of a parcel, no account is lost
// without a word, and within three minutes everything is where it belongs or with a person.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	var struck []*crash
	for _, fault := range crashFaults { // the first waits for its leases while the next is brought to its points
		c := newCrash(t, fault)
		c.bring()
		c.strike()
		struck = append(struck, c)
	}
	slices.Reverse(struck)
	for _, c := range struck {
		t.Run(c.fault.name, func(t *testing.T) {
			for _, x := range c.cells {
				t.Run(x.op+"/"+x.name(), func(t *testing.T) { c.on(t).checkRecovered(x) })
			}
			c.on(t).wakeStopped()
			for _, x := range c.cells {
				t.Run(x.op+"/"+x.name()+", in the end", func(t *testing.T) { c.on(t).checkOnce(x) })
			}
			c.on(t).end()
		})
	}
}

// cell is one operation at one point: an order of its own and, where AliExpress has to tell it apart, a buyer account.
type cell struct {
	op       string
	point    int    // 1-5
	user     string // at AliExpress
	account  string // its connection
	external string // the order's id in the store
	order    string // and in Waybill
	number   string // of the AliExpress order, once known
	mailNo   string // of its parcel
}

func (x *cell) name() string {
	for _, p := range crashPoints {
		if p.op == x.op {
			return p.points[x.point-1]
		}
	}
	return ""
}

// crash is a world in which every cell is at its point when the fault strikes.
type crash struct {
	*world
	fault    crashFault
	postgres *localpg.Server
	where    localpg.Options
	database string
	goods    []wixsim.NewLine
	cells    []*cell
	held     []*hold
	presses  *sync.WaitGroup // requests of people that are under way
	struckAt time.Time
	stopped  *world // the program that has been stopped, if one has
}

func newCrash(t *testing.T, fault crashFault) *crash {
	t.Helper()
	c := &crash{fault: fault, presses: &sync.WaitGroup{}}
	if strings.HasPrefix(fault.name, "PostgreSQL") { // one that may die: the others share a server
		dir := reachable(t)
		c.where = localpg.Options{Dir: filepath.Join(dir, "data"), SocketDir: filepath.Join(dir, "socket"), Scratch: true}
		c.postgres = startPostgres(t, c.where)
		if err := c.postgres.CreateDatabase(t.Context(), "waybill", false); err != nil {
			t.Fatal(err)
		}
		c.database = c.postgres.URL("waybill")
	} else {
		c.database = databasetest.URL(t)
	}
	// Rows are held for longer than the program would wait for them, until all cells are at their points; calls for less than
	// their time-out.
	c.world = newWorld(t, c.database+" lock_timeout=60s statement_timeout=60s", "WAYBILL_SECRET_KEY=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		"WAYBILL_PLACE_TIMEOUT=15s", "WAYBILL_PLACE_LEASE=20s", "WAYBILL_WORKERS=64", "WAYBILL_DATABASE_CONNS=60")
	t.Cleanup(c.letGo)
	t.Cleanup(c.presses.Wait)
	return c
}

// on has what follows told to t.
func (c *crash) on(t *testing.T) *crash {
	again, w := *c, *c.world
	w.t, again.world = t, &w
	if c.stopped != nil {
		stopped := *c.stopped
		stopped.t, again.stopped = t, &stopped
	}
	return &again
}

func (c *crash) strike() {
	c.t.Helper()
	c.struckAt = time.Now()
	c.fault.strike(c)
}

func (c *crash) strikeKill() {
	c.kill()
	c.cutDatabase() // or its last statements would still be done
	c.letGo()
	c.clear()
	c.await("the killed program's calls have ended", func() bool { return len(c.ali.Barriers())+len(c.wix.Barriers()) == 0 })
	c.run()
}

// The answers come while there is no database.
func (c *crash) strikePostgres() {
	crashPostgres(c.t, c.postgres, c.where.Dir)
	c.letGo()
	c.clear()
	c.release()
	c.await("the calls have been answered", func() bool { return len(c.ali.Barriers())+len(c.wix.Barriers()) == 0 })
	c.postgres = startPostgres(c.t, c.where)
	c.await("the program is ready again", func() bool { return c.root("/readyz").status == http.StatusOK })
}

func (c *crash) strikeConnections() {
	c.cutDatabase()
	c.clear()
	c.ali.CutBarriers()
	c.wix.CutBarriers()
	c.letGo()
}

// A moved machine: everything around the stopped program goes on, and another replica does its work.
func (c *crash) strikeStop() {
	if err := c.process.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	c.stopped = c.world
	c.world = c.replica()
	c.wix.SetWebhookURL(c.url + "/api/v1/webhooks/wix") // as a load balancer would
	c.ali.SetPushURL(c.url + "/api/v1/webhooks/aliexpress")
	c.clear()
	c.letGo()
	c.release()
	c.run()
}

// wakeStopped lets a stopped program go on with what it was doing when all of it has been done by another.
func (c *crash) wakeStopped() {
	if c.stopped == nil {
		return
	}
	if err := c.stopped.process.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
	c.await("the stopped program is awake", func() bool { return c.stopped.root("/readyz").status == http.StatusOK })
	c.await("what it was doing has ended", func() bool {
		return c.count("SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_at < $1", c.struckAt) == 0
	})
}

func (c *crash) end() {
	c.presses.Wait()
	c.terminate()
	if c.stopped != nil {
		c.stopped.terminate()
	}
}

func (c *crash) clear() {
	c.ali.ClearFaults()
	c.wix.ClearFaults()
}

func (c *crash) release() {
	c.ali.ReleaseBarriers()
	c.wix.ReleaseBarriers()
}

// cutDatabase ends every connection that the program has to its database.
func (c *crash) cutDatabase() {
	c.t.Helper()
	c.count("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'waybill'")
}

// count asks the database for a number.
func (c *crash) count(sql string, args ...any) (n int) {
	c.t.Helper()
	conn, err := pgx.Connect(context.Background(), c.database)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// within waits for a fact of the recovery, which may take three minutes in all. What follows an answer that a person gives only now,
// because the cells before took so long, gets time of its own.
func (c *crash) within(what string, fact func() bool) {
	c.t.Helper()
	end := c.struckAt.Add(3 * time.Minute)
	if late := time.Now().Add(20 * time.Second); late.After(end) {
		end = late
	}
	awaitUntil(c.t, end, what, fact)
}

// recovered waits until a cell's order is as wanted.
func (c *crash) recovered(x *cell, what string, wanted func(orderView) bool) (o orderView) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			c.t.Logf("the order last seen: %+v", o)
		}
	}()
	c.within(what, func() bool {
		var now orderView
		if !c.read("/orders/"+x.order, &now) {
			return false
		}
		o = now
		return wanted(o)
	})
	return o
}

// read reports whether the API could answer: connections that were cut are found out one by one.
func (c *crash) read(path string, out any) bool {
	c.t.Helper()
	a := c.call(http.MethodGet, path, nil)
	switch a.status {
	case http.StatusOK:
		a.into(c.t, out)
		return true
	case http.StatusServiceUnavailable:
		return false
	}
	c.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	return false
}

func (c *crash) checkRecovered(x *cell) {
	c.t.Helper()
	switch x.op {
	case place:
		c.checkPlaced(x)
	case resolve:
		c.within("the person's answer is taken, or has been", func() bool { return c.pressAgain(x) })
	case refresh:
		c.checkRefreshed(x)
	}
	c.checkOnce(x)
}

// checkPlaced waits until a purchase is known, with a person's help where nothing else can tell.
func (c *crash) checkPlaced(x *cell) {
	c.t.Helper()
	if slices.Contains(c.fault.asked, x.point) {
		o := c.recovered(x, "a person is asked", func(o orderView) bool { return o.flagged("place_unknown") })
		if o.Tab != "awaiting_order" {
			c.t.Errorf("a purchase that may exist shows as %s", o.Tab)
		}
		c.answerTruly(x, o.SupplierOrders[0])
	}
	c.recovered(x, "the purchase is known", inTab("awaiting_payment"))
}

// answerTruly says of an unknown purchase what AliExpress has.
func (c *crash) answerTruly(x *cell, so supplierView) {
	c.t.Helper()
	says := map[string]any{"outcome": "absent", "reason": "looked on the site"}
	if made := c.boughtBy(x.user); len(made) > 0 {
		says = map[string]any{"outcome": "found", "number": made[0].OrderID}
	}
	c.answer(so, says)
}

// pressAgain is a person who has heard nothing and asks again; asking again is safe.
func (c *crash) pressAgain(x *cell) bool {
	c.t.Helper()
	a := c.call(http.MethodPost, c.resolveURL(x), map[string]any{"outcome": "found", "number": x.number})
	var p struct{ Code string }
	a.into(c.t, &p)
	switch {
	case a.status == http.StatusOK, a.status == http.StatusConflict && p.Code == "placement_not_unknown":
		return true
	case a.status < 500:
		c.t.Fatalf("resolve: %d %s", a.status, a.body)
	}
	return false
}

// checkRefreshed waits until an account's orders go on, reconnecting it where its new tokens went to nobody.
func (c *crash) checkRefreshed(x *cell) {
	c.t.Helper()
	if slices.Contains(c.fault.reconnected, x.point) {
		c.within("a person is asked to connect the account again", func() bool { return c.connectionState(x) == "needs_reauth" })
		if n := c.openFlags(x); n != 1 {
			c.t.Errorf("%d flags ask for it", n)
		}
		if o := c.recovered(x, "its order waits", inTab("awaiting_payment")); o.NextCheckAt == nil {
			c.t.Error("its order is forgotten")
		}
		c.connectSupplier(x.user)
	}
	if err := c.ali.Pay(x.number, aliexpresssim.PayOptions{}); err != nil {
		c.t.Fatal(err)
	}
	c.recovered(x, "the payment is seen with the account's tokens", inTab("awaiting_shipment"))
}

// checkOnce compares what truly happened with what Waybill says: one of everything, and nothing left open.
func (c *crash) checkOnce(x *cell) {
	c.t.Helper()
	tab := map[string]string{place: "awaiting_payment", resolve: "awaiting_payment", fulfil: "fulfilled", refresh: "awaiting_shipment"}[x.op]
	o := c.recovered(x, "the order is where it belongs", func(o orderView) bool {
		return o.Tab == tab && o.OpenFlags == 0 && len(o.SupplierOrders) == 1 && o.SupplierOrders[0].Status != "" &&
			(x.op != fulfil || len(o.Pushes) == 1 && o.Pushes[0].State == "confirmed")
	})
	made := c.boughtBy(x.user)
	if x.op == fulfil { // they share an account
		made = slices.DeleteFunc(made, func(e aliexpresssim.Entry) bool { return e.OrderID != x.number })
	}
	if len(made) != 1 || o.SupplierOrders[0].Number != made[0].OrderID || o.SupplierOrders[0].State != "placed" {
		c.t.Errorf("AliExpress made %v, Waybill has %+v", made, o.SupplierOrders)
	}
	switch x.op {
	case place: // asking again buys nothing: it gives what is under way
		c.placeWith(x)
		if made := c.boughtBy(x.user); len(made) != 1 {
			c.t.Errorf("asking again bought again: %v", made)
		}
	case fulfil:
		c.checkShippedOnce(x, o)
	case refresh:
		if state, flags := c.connectionState(x), c.openFlags(x); state != "active" || flags != 0 {
			c.t.Errorf("the connection is %s, with %d flags", state, flags)
		}
		if issued, refused := c.refreshes(x); issued != 1 || refused > 1 {
			c.t.Errorf("%d pairs of tokens were issued, and %d refreshes refused", issued, refused)
		}
	}
}

func (c *crash) checkShippedOnce(x *cell, o orderView) {
	c.t.Helper()
	if o.Pushes[0].TrackingNumber != x.mailNo {
		c.t.Errorf("Waybill told Wix %s instead of %s", o.Pushes[0].TrackingNumber, x.mailNo)
	}
	_, told, err := c.wix.Order(x.external)
	if err != nil || len(told) != 1 || told[0].TrackingInfo == nil || told[0].TrackingInfo.TrackingNumber != x.mailNo {
		c.t.Errorf("Wix has %+v, %v", told, err)
	}
	var mails int // Wix writes to the buyer when a fulfillment is made
	for _, e := range c.wix.Journal() {
		if e.OrderID == x.external && (e.Kind == wixsim.KindFulfillmentCreated || e.Kind == wixsim.KindFulfillmentDeleted) {
			mails++
		}
	}
	if mails != 1 {
		c.t.Errorf("fulfillments were made or deleted %d times", mails)
	}
}

// boughtBy counts the orders that AliExpress truly made for a buyer account.
func (c *crash) boughtBy(user string) []aliexpresssim.Entry {
	return slices.DeleteFunc(c.bought(), func(e aliexpresssim.Entry) bool { return e.UserID != user })
}

// refreshes counts what AliExpress did with an account's refresh tokens.
func (c *crash) refreshes(x *cell) (issued, refused int) {
	for _, e := range c.ali.Journal() {
		switch {
		case e.UserID != x.user:
		case e.Kind == aliexpresssim.KindTokenIssued && e.Detail == "refresh":
			issued++
		case e.Kind == aliexpresssim.KindRefused && e.Method == refreshCall:
			refused++
		}
	}
	return issued, refused
}

func (c *crash) connectionState(x *cell) string {
	c.t.Helper()
	var connection struct{ State string }
	_ = c.read("/connections/"+x.account, &connection)
	return connection.State
}

func (c *crash) openFlags(x *cell) int {
	c.t.Helper()
	return c.count("SELECT count(*) FROM flags WHERE connection_id = $1 AND closed_at IS NULL", x.account)
}
