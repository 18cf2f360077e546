package ordersync

import (
	"context"
	"sync"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
)

// BulkLimit is how many orders one request places at most.
const BulkLimit = 200

// bulkAtOnce is how many of them are planned at the same time: planning makes no call, it only locks and writes.
const bulkAtOnce = 4

// BulkRequest says which orders to place: those named, or those of a list, newest first.
type BulkRequest struct {
	IDs    []models.ID
	Filter *orders.Filter // when no ids are given
	Plan   PlanRequest    // without lines: everything that is owed
}

// BulkRow is what became of one order.
type BulkRow struct {
	OrderID  models.ID
	Outcome  models.BulkOutcome
	Supplier []models.SupplierOrder
	Err      *models.Error // with refused
}

// BulkResult is what became of all. Left is how many more the list holds, and Next where they begin.
type BulkResult struct {
	Rows []BulkRow
	Next string
	Left int
}

// PlanMany places many orders, each for itself: what refuses one does not keep the others back. Repeating it gives the same
// placements. An error is about the request as a whole.
func (s *Service) PlanMany(ctx context.Context, m models.MerchantID, r BulkRequest, by orders.By) (BulkResult, error) {
	var out BulkResult
	ids := r.IDs
	if r.Filter != nil {
		f := *r.Filter
		f.Limit = BulkLimit
		page, err := s.orders.List(ctx, m, f)
		if err != nil {
			return out, err
		}
		for _, o := range page.Orders {
			ids = append(ids, o.ID)
		}
		if out.Next = page.Next; out.Next != "" {
			f.Cursor = page.Next
			if out.Left, err = s.orders.CountBeyond(ctx, m, f); err != nil {
				return out, err
			}
		}
	}
	out.Rows = make([]BulkRow, len(ids))
	slots := make(chan struct{}, bulkAtOnce)
	var all sync.WaitGroup
	for i, id := range ids {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			out.Rows[i] = s.planOne(ctx, m, id, r.Plan, by)
		})
	}
	all.Wait()
	return out, ctx.Err()
}

func (s *Service) planOne(ctx context.Context, m models.MerchantID, id models.ID, r PlanRequest, by orders.By) BulkRow {
	row := BulkRow{OrderID: id, Outcome: models.BulkPlanned}
	if !database.ValidID(string(id)) {
		row.Outcome, row.Err = models.BulkRefused, models.Errorf(models.NotFound, "order_not_found", "There is no such order.")
		return row
	}
	planned, fresh, err := s.plan(ctx, m, id, r, by)
	switch {
	case err != nil:
		row.Outcome, row.Err = models.BulkRefused, models.AsError(err)
		if row.Err.Kind == models.Internal {
			s.log.Error("place an order of many", "order_id", id, "error", err)
		}
	case !fresh:
		row.Outcome = models.BulkUnderWay
	}
	row.Supplier = planned
	return row
}
