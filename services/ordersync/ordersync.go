// Package ordersync is what moves: the four hops between a store, Waybill and AliExpress. It receives webhooks and pushes,
// sweeps for what they missed, places and resolves supplier orders, polls them, and tells stores about parcels, by itself
// and on request. What it learns enters through orders.Apply; what is then due becomes jobs on the same transaction.
package ordersync

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/budgets"
	"waybill/services/database"
	"waybill/services/health"
	"waybill/services/orders"
	"waybill/services/vault"
)

// Storefront is a store platform.
type Storefront interface {
	Order(ctx context.Context, a models.Access, orderID string) (models.StoreOrder, error)
	Search(ctx context.Context, a models.Access, q models.StoreQuery, cursor string) (models.StorePage, error)
	Fulfillments(ctx context.Context, a models.Access, orderID string) ([]models.Fulfillment, error)
	Fulfill(ctx context.Context, a models.Access, orderID string, f models.Fulfillment) (fulfillmentID string, err error)
	Amend(ctx context.Context, a models.Access, orderID string, f models.Fulfillment) error
	Unfulfill(ctx context.Context, a models.Access, orderID, fulfillmentID string) error
	ParseWebhook(body []byte) (models.StoreEvent, error)
}

// Supplier is a supplier platform.
type Supplier interface {
	Order(ctx context.Context, a models.Access, number string) (models.SupplierAnswer, error)
	Tracking(ctx context.Context, a models.Access, number string) ([]models.TrackedParcel, error)
	Product(ctx context.Context, a models.Access, productID, shipTo string) (models.SupplierProduct, error)
	Freight(ctx context.Context, a models.Access, q models.FreightQuery) ([]models.FreightOption, error)
	// CheckAddress lists what the platform is known not to accept; pointers are into the address.
	CheckAddress(a models.Address) []models.FieldError
	// CheckNote says why a note to the seller cannot be sent; nil when it can.
	CheckNote(note string) error
	Place(ctx context.Context, a models.Access, req models.PurchaseRequest, beforeSend func() bool) models.PlaceResult
	ParsePush(app models.App, authorization string, body []byte) (models.SupplierEvent, error)
	PushAccount(body []byte) string
	BudgetKey(appKey string) string
}

// Options are the parts and settings of the service.
type Options struct {
	DB       *database.DB
	Vault    *vault.Vault // seals what messages hold
	Orders   *orders.Service
	Accounts *accounts.Service
	Store    Storefront
	Supplier Supplier
	Pace     models.Pace
	Rates    Rates
	Budgets  *budgets.Service
	Health   *health.Recorder
	BackFill time.Duration // how far back a newly connected store is read
	// MessagesKept is how long a message that was worked is known again; 0: 90 days.
	MessagesKept time.Duration
	Log          *slog.Logger                      // of the sweeper, which answers to nobody
	Count        func(what, how string)            // metrics; may be nil
	Lag          func(hop string, d time.Duration) // metrics; may be nil
}

// Service moves orders.
type Service struct {
	db       *database.DB
	vault    *vault.Vault
	orders   *orders.Service
	accounts *accounts.Service
	store    Storefront
	supplier Supplier
	pace     models.Pace
	rates    Rates
	budgets  *budgets.Service
	health   *health.Recorder
	backFill time.Duration
	messages time.Duration // how long they are kept
	log      *slog.Logger
	count    func(what, how string)
	lagged   func(hop string, d time.Duration)
	packer   packer
	behind   sync.Map // of stores that are being read by page: *sync.Mutex by id
}

// New makes the service.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, vault: o.Vault, orders: o.Orders, accounts: o.Accounts, store: o.Store, supplier: o.Supplier, pace: o.Pace,
		rates: o.Rates, budgets: o.Budgets, health: o.Health, backFill: o.BackFill, messages: cmp.Or(o.MessagesKept, 90*24*time.Hour), log: o.Log, count: o.Count, lagged: o.Lag, packer: newPacker(),
	}
	if s.count == nil {
		s.count = func(string, string) {}
	}
	if s.lagged == nil {
		s.lagged = func(string, time.Duration) {}
	}
	return s
}

// lag counts how long a hop took over a connection.
func (s *Service) lag(m models.MerchantID, connection models.ID, hop models.Hop, d time.Duration) {
	s.lagged(string(hop), d)
	s.health.Lag(m, connection, hop, d)
}

// change lets facts into an order of a merchant in a transaction of its own, together with the jobs that they make necessary. The first statements
// go with what begins it.
func (s *Service) change(ctx context.Context, m models.MerchantID, first []database.Ask, let func(database.Tx) (orders.Changes, error)) (orders.Changes, error) {
	return s.changeIn(ctx, s.db.Of(m), m, first, let)
}

func (s *Service) changeIn(ctx context.Context, in database.Tenant, m models.MerchantID, first []database.Ask, let func(database.Tx) (orders.Changes, error)) (c orders.Changes, err error) {
	err = in.InTxAfter(ctx, first, func(tx database.Tx) error {
		if c, err = let(tx); err != nil {
			return err
		}
		if err := s.follow(tx, &c); err != nil {
			return err
		}
		var jobs []river.JobArgs
		for _, id := range c.Pushes {
			jobs = append(jobs, PushArgs{m, id})
		}
		for _, id := range c.Placements {
			jobs = append(jobs, PlaceArgs{m, id})
		}
		return tx.EnqueueMany(jobs)
	})
	return c, err
}

// apply lets facts into an order that is known.
func (s *Service) apply(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By, facts ...orders.Fact) (orders.Changes, error) {
	l, err := s.orders.Load(m, orderID)
	if err != nil {
		return orders.Changes{}, err
	}
	in := s.db.Of(m)
	if (by.Source == models.SourcePoll || by.Source == models.SourceSweep) && !slices.ContainsFunc(facts, orders.Once) {
		in = in.Soft() // nobody asked, and the next check learns it again
	}
	return s.changeIn(ctx, in, m, l.Asks(), func(tx database.Tx) (orders.Changes, error) { return l.Apply(tx, by, facts...) })
}

// take lets a store's snapshot in, of an order that may be new to us.
func (s *Service) take(ctx context.Context, m models.MerchantID, store models.ID, by orders.By, snapshot models.StoreOrder) (orders.Changes, error) {
	return s.change(ctx, m, nil, func(tx database.Tx) (orders.Changes, error) { return s.orders.Receive(tx, m, store, by, snapshot) })
}

// reach reports to the connection how a call that began at began went, and passes the call's error on.
func (s *Service) reach(ctx context.Context, m models.MerchantID, connection models.ID, began time.Time, err error) error {
	if err == nil {
		return s.accounts.Worked(ctx, m, connection)
	}
	s.health.Failed(m, connection, err)
	switch models.KindOf(err) {
	case models.Disconnected, models.Unavailable, models.Throttled, models.Forbidden:
		if noted := s.accounts.Failed(context.WithoutCancel(ctx), m, connection, began, err); noted != nil {
			s.log.Error("note a connection's error", "connection_id", connection, "error", noted)
		}
	}
	return err
}

// call makes one call to a platform for a connection. A token that is refused although its time was not up is renewed once.
func call[T any](ctx context.Context, s *Service, m models.MerchantID, account models.ID, why models.Purpose, do func(models.Access) (T, error)) (T, error) {
	var zero T
	access, err := s.accounts.Access(ctx, m, account)
	if err != nil {
		return zero, err
	}
	access.Purpose = why
	began := time.Now()
	out, err := do(access)
	if errors.Is(err, models.Disconnected) && access.Token != "" {
		if access, err = s.accounts.Renew(ctx, m, account, access.Token); err != nil {
			return zero, err
		}
		access.Purpose = why
		out, err = do(access)
	}
	if err == nil && began.Sub(access.WorkedAt) < time.Minute {
		return out, nil // noted, and nothing has failed since
	}
	return out, s.reach(ctx, m, account, began, err)
}
