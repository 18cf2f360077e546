package main

import (
	"strings"
	"syscall"
	"testing"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/database/databasetest"
)

// The program is told to stop while a purchase is on its way: it waits for the answer, writes it down, and ends well.
func TestStoppedWhilePlacing(t *testing.T) {
	t.Parallel()
	for _, how := range []aliexpresssim.How{aliexpresssim.BarrierBefore, aliexpresssim.BarrierAfter} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			database := databasetest.URL(t)
			w := newWorld(t, database, "WAYBILL_PLACE_TIMEOUT=20s", "WAYBILL_PLACE_LEASE=40s")
			w.silencePushes() // only the answer tells
			w.run()
			w.connect()
			id := w.buy("paid", w.goods()...)
			o := w.awaitOrder(id, "the order is there to be bought", inTab("awaiting_order"))
			w.fault(create, string(how))
			w.place(o.ID)
			w.awaitBarrier()
			if err := w.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			w.await("the program is stopping", func() bool { return strings.Contains(w.process.lines(), `"msg":"stopping`) })
			w.ali.ReleaseBarriers()
			if code := w.process.ended(t); code != 0 {
				t.Errorf("the program stopped with status %d", code)
			}
			if n := countOf(t, database, "SELECT count(*) FROM supplier_orders WHERE state = 'placed' AND external_id = $1", w.bought()[0].OrderID); n != 1 {
				t.Errorf("before it ended the program wrote the number down %d times", n)
			}
			w.run()
			w.checkBoughtOnce(id)
			w.terminate()
		})
	}
}
