// Package outgoing tells merchants' own systems and mailboxes what package outbox has written down: webhooks, signed and tried
// for a day, and mail about what needs a person.
package outgoing

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/mail"
	"waybill/services/outbox"
	"waybill/services/vault"
)

// Options are the parts and settings of the service.
type Options struct {
	DB        *database.DB
	Vault     *vault.Vault // seals the endpoints' secrets
	Mail      *mail.Sender
	PublicURL string // of the dashboard, for the links in mail
	// Networks are called although they are private, on any port and without TLS, too: a developer's own receiver. None by default.
	Networks []netip.Prefix
	Roots    *x509.CertPool         // who may vouch for receivers; nil: whom the system trusts
	Resolver *net.Resolver          // nil: the system's
	Workers  int                    // jobs of this process worked at once, all kinds together; half of them may tell. 0: 8
	Speed    float64                // how much faster than published time passes between attempts; 0: 1
	Log      *slog.Logger           // of the sweeper, which answers to nobody
	Count    func(what, how string) // metrics; may be nil
}

// Service tells.
type Service struct {
	db        *database.DB
	vault     *vault.Vault
	mail      *mail.Sender
	publicURL string
	developer bool
	http      *http.Client
	log       *slog.Logger
	count     func(what, how string)
	workers   int
	speed     float64
	guard     guard

	mu   sync.Mutex
	busy map[models.ID]int // attempts under way, by endpoint
}

// New makes the service.
func New(o Options) *Service {
	g := newGuard(o.Networks)
	s := &Service{
		db: o.DB, vault: o.Vault, mail: o.Mail, publicURL: o.PublicURL, developer: len(o.Networks) > 0, guard: g, http: newClient(g, o.Roots, o.Resolver),
		log: o.Log, count: o.Count, workers: max(4, o.Workers/2), speed: o.Speed, busy: map[models.ID]int{},
	}
	if s.count == nil {
		s.count = func(string, string) {}
	}
	if s.speed == 0 {
		s.speed = 1
	}
	return s
}

// every is a wait between attempts as this service lets it pass.
func (s *Service) every(d time.Duration) time.Duration { return time.Duration(float64(d) / s.speed) }

// NotifyArgs gathers what a merchant is to be told by mail.
type NotifyArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
}

// Kind names the job.
func (NotifyArgs) Kind() string { return "notify" }

// InsertOpts keeps it to one at a time.
func (NotifyArgs) InsertOpts() river.InsertOpts { return outbox.Once() }

// MailArgs sends one mail.
type MailArgs struct {
	MerchantID models.MerchantID `json:"merchant_id"`
	MailID     models.ID         `json:"mail_id"`
}

// Kind names the job.
func (MailArgs) Kind() string { return "mail" }

// InsertOpts keeps it to one at a time.
func (MailArgs) InsertOpts() river.InsertOpts { return outbox.Once() }

// AddWorkers registers the service's kinds of job.
func (s *Service) AddWorkers(w *river.Workers) {
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, j *river.Job[outbox.DeliverArgs]) error {
		return s.deliver(ctx, j.Args)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, j *river.Job[NotifyArgs]) error { return s.notify(ctx, j.Args.MerchantID) }))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, j *river.Job[MailArgs]) error {
		return s.sendMail(ctx, j.Args.MerchantID, j.Args.MailID)
	}))
}

// Queues says how many jobs are worked at once.
func (s *Service) Queues() map[string]int { return map[string]int{outbox.Queue: s.workers} }

const (
	tick      = 30 * time.Second // as far as time passes faster: a second at the most
	tidyEvery = 600              // ticks
	// kept is how long messages, deliveries and mail can be looked at and replayed.
	kept = 30 * 24 * time.Hour
	// Of what is due, so many of an endpoint and so many in all are in the queue at a time.
	duePerEndpoint, dueAtOnce = 20, 500
)

// Sweeper wakes what is due until ctx ends. Every working process runs one: attempts are claimed, so none is made twice. It reads
// across merchants and writes within one.
func (s *Service) Sweeper(ctx context.Context) {
	ticks := time.NewTicker(min(time.Second, max(50*time.Millisecond, s.every(tick))))
	defer ticks.Stop()
	healthy := true
	for n := 0; ; n++ {
		err := s.wake(ctx)
		if err == nil && n%tidyEvery == 0 {
			err = s.tidy(ctx)
		}
		if err != nil && ctx.Err() == nil && healthy {
			s.log.Error("wake what is to be told", "error", err)
		}
		healthy = err == nil
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// wake adds the jobs of what is due. Adding one that is under way does nothing.
func (s *Service) wake(ctx context.Context) error {
	var deliveries []outbox.DeliverArgs
	var mails []MailArgs // without an id: there is something to gather
	err := s.db.Across(ctx, func(q *gorm.DB) error {
		err := q.Raw(`SELECT d.merchant_id, d.endpoint_id, d.message_id FROM webhook_endpoints e CROSS JOIN LATERAL (
			SELECT merchant_id, endpoint_id, message_id FROM webhook_deliveries WHERE merchant_id = e.merchant_id AND endpoint_id = e.id AND state = 'waiting' AND next_try_at <= now()
			ORDER BY next_try_at LIMIT ?) d LIMIT ?`, duePerEndpoint, dueAtOnce).Scan(&deliveries).Error
		if err != nil || !s.mail.On() {
			return err
		}
		return q.Raw(`SELECT DISTINCT merchant_id, NULL::uuid AS mail_id FROM notifications WHERE told_at IS NULL AND due_at <= now()
			UNION ALL (SELECT merchant_id, id FROM notification_mails WHERE state = 'waiting' AND next_try_at <= now() ORDER BY next_try_at LIMIT ?)`, dueAtOnce).Scan(&mails).Error
	})
	if err != nil {
		return err
	}
	jobs := map[models.MerchantID][]river.JobArgs{}
	for _, d := range deliveries {
		jobs[d.MerchantID] = append(jobs[d.MerchantID], d)
	}
	for _, d := range mails {
		if d.MailID == "" {
			jobs[d.MerchantID] = append(jobs[d.MerchantID], NotifyArgs{d.MerchantID})
		} else {
			jobs[d.MerchantID] = append(jobs[d.MerchantID], d)
		}
	}
	for m, args := range jobs {
		if err := s.db.Of(m).InTx(ctx, func(tx database.Tx) error { return tx.EnqueueMany(args) }); err != nil {
			return err
		}
	}
	return nil
}

// tidy removes what is no longer kept, a bounded number at a time. Flags that were never told, because nothing can send mail, are
// not kept longer either.
func (s *Service) tidy(ctx context.Context) error {
	var merchants []models.MerchantID
	if err := s.db.Read(ctx).Raw("SELECT id FROM merchants ORDER BY id").Scan(&merchants).Error; err != nil {
		return database.Err(err)
	}
	for _, m := range merchants {
		err := s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
			before := database.IDBefore(tx.Now.Add(-kept))
			return errors.Join(
				tx.Exec(`DELETE FROM webhook_deliveries WHERE merchant_id = ? AND message_id IN (SELECT id FROM webhook_messages WHERE merchant_id = ? AND id < ? ORDER BY id LIMIT 5000)`, m, m, before).Error,
				tx.Exec(`DELETE FROM webhook_messages WHERE merchant_id = ? AND id IN (SELECT id FROM webhook_messages WHERE merchant_id = ? AND id < ? ORDER BY id LIMIT 5000)`, m, m, before).Error,
				tx.Exec(`DELETE FROM notification_mails WHERE merchant_id = ? AND id IN (SELECT id FROM notification_mails WHERE merchant_id = ? AND id < ? ORDER BY id LIMIT 5000)`, m, m, before).Error,
				tx.Exec(`DELETE FROM notifications WHERE merchant_id = ? AND flag_id IN (SELECT flag_id FROM notifications WHERE merchant_id = ? AND due_at < ? LIMIT 5000)`, m, m, tx.Now.Add(-kept)).Error,
			)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
