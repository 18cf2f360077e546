package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"waybill/services/database/databasetest"
)

// Lists come from a replica and say by how much it was behind; when it stands still they come from the primary, and whoever has changed
// something sees it.
func TestListsComeFromAReplicaThatHasCaughtUp(t *testing.T) {
	t.Parallel()
	servers := databasetest.NewReplicated(t)
	metrics := freeAddress(t)
	w := newWorld(t, servers.Primary, "WAYBILL_REPLICA_DATABASE_URL="+servers.Replica, "WAYBILL_METRICS_LISTEN="+metrics)
	w.run()
	w.connect()
	goods := w.goods()
	first := w.awaitOrder(w.buy("paid", goods[0]), "the order is here", inTab("awaiting_order"))
	// list says whether an order is in a list, and whether a replica gave it.
	list := func(id, query string) (found, fromReplica bool) {
		a := w.call(http.MethodGet, "/orders?limit=50"+query, nil)
		var page struct{ Orders []orderView }
		a.into(t, &page)
		return slices.ContainsFunc(page.Orders, func(o orderView) bool { return o.ID == id }), a.header.Get("Waybill-Replica-Lag") != ""
	}
	w.await("the replica answers", func() bool {
		found, fromReplica := list(first.ID, "")
		return found && fromReplica
	})
	if got := scrape(t, metrics); !strings.Contains(got, "\nwaybill_replica_lag_seconds 0") {
		t.Error("the lag is not measured")
	}

	servers.Pause()
	second := w.awaitOrder(w.buy("paid", goods...), "a list shows what a replica that stands still does not know", inTab("awaiting_order"))
	for _, query := range []string{"", "&tab=awaiting_order", "&sort=oldest"} {
		if found, fromReplica := list(second.ID, query); !found || fromReplica {
			t.Errorf("%q finds the order: %t, from a replica that stands still: %t", query, found, fromReplica)
		}
	}
	w.await("it is measured", func() bool {
		got := scrape(t, metrics)
		return strings.Contains(got, "waybill_replica_lag_seconds") && !strings.Contains(got, "\nwaybill_replica_lag_seconds 0")
	})
	servers.Resume()
	w.await("it answers again", func() bool {
		found, fromReplica := list(second.ID, "")
		return found && fromReplica
	})
	w.terminate()
}
