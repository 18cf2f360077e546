package ordersync

import (
	"fmt"
	"testing"

	"waybill/models"
)

func TestDueRowsAreDealtOutInTurn(t *testing.T) {
	t.Parallel()
	due := func(counts ...int) (rows []dueRow) {
		for m, n := range counts {
			for i := range n {
				rows = append(rows, dueRow{models.MerchantID(fmt.Sprint(m)), models.ID(fmt.Sprint(i))})
			}
		}
		return rows
	}
	for name, c := range map[string]struct {
		rows []dueRow
		room int
		want map[models.MerchantID]int
	}{
		"nothing":                {nil, 10, map[models.MerchantID]int{}},
		"room for all":           {due(3, 2), 10, map[models.MerchantID]int{"0": 3, "1": 2}},
		"one takes what is left": {due(100, 2, 3), 20, map[models.MerchantID]int{"0": 15, "1": 2, "2": 3}},
		"equal shares":           {due(100, 100), 10, map[models.MerchantID]int{"0": 5, "1": 5}},
		"one merchant":           {due(100), 7, map[models.MerchantID]int{"0": 7}},
	} {
		got, last := map[models.MerchantID]int{}, 0
		var order []models.MerchantID
		for _, r := range deal(c.rows, c.room) {
			if got[r.MerchantID] == 0 {
				order = append(order, r.MerchantID)
			}
			if r.ID != models.ID(fmt.Sprint(got[r.MerchantID])) {
				t.Errorf("%s: not the longest due first", name)
			}
			got[r.MerchantID]++
		}
		for m, n := range c.want {
			if got[m] != n {
				t.Errorf("%s: merchant %s got %d, want %d", name, m, got[m], n)
			}
		}
		for _, m := range order {
			if got[m] < last {
				t.Errorf("%s: a merchant with fewer comes after one with more", name)
			}
			last = got[m]
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	// Less room than merchants: everybody is served in time, whoever comes first this second.
	if got := deal(due(5, 5, 5, 5), 2); len(got) != 2 || got[0].MerchantID == got[1].MerchantID {
		t.Errorf("%v", got)
	}
}
