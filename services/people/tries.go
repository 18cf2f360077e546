package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"waybill/models"
	"waybill/services/database"
)

// Tries is something that may be tried so many times in a while. It is counted in the database, so that the limit holds across all
// processes.
type Tries struct {
	kind  string
	limit int
	in    time.Duration
}

// What is counted.
var (
	// TriesOfPerson are wrong passwords and codes of one person.
	TriesOfPerson = Tries{"person", 5, 15 * time.Minute}
	// TriesOfAddress are refused sign-ins from one network address.
	TriesOfAddress = Tries{"address", 50, 15 * time.Minute}
	// TriesOfAll are refused sign-ins from anywhere: many addresses that try many people.
	TriesOfAll = Tries{"all", 2000, 15 * time.Minute}
	// TriesOfKeys are API keys that are not known, from one network address.
	TriesOfKeys = Tries{"keys", 100, 15 * time.Minute}
	// TriesOfMails are links that one network address had sent.
	TriesOfMails = Tries{"mails", 10, time.Hour}
	// TriesOfMailTo are links that were sent to one e-mail address.
	TriesOfMailTo = Tries{"mail_to", 3, time.Hour}
)

// Limit is how many tries there are.
func (t Tries) Limit() int { return t.limit }

// Try counts a try before it is made, so that many at once count as many; it answers Throttled when there were too many. A try that
// went well is taken back with Forgive.
func (s *Service) Try(ctx context.Context, what Tries, subject string) error {
	var n int
	var left float64
	err := s.DB.Read(ctx).Raw(`INSERT INTO tries AS t (kind, subject, n, expires_at) VALUES (?, ?, 1, clock_timestamp() + make_interval(secs => ?))
		ON CONFLICT (kind, subject) DO UPDATE SET n = CASE WHEN t.expires_at <= clock_timestamp() THEN 1 ELSE least(t.n, 1000000) + 1 END,
			expires_at = CASE WHEN t.expires_at <= clock_timestamp() THEN excluded.expires_at ELSE t.expires_at END
		RETURNING n, extract(epoch FROM expires_at - clock_timestamp())`, what.kind, subjectOf(subject), what.in.Seconds()).Row().Scan(&n, &left)
	if err != nil {
		return database.Err(err)
	}
	if n <= what.limit {
		return nil
	}
	e := models.Errorf(models.Throttled, "too_many_tries", "There were too many tries. Wait %d minutes and try again.", int(left/60)+1)
	e.RetryAfter = time.Duration(left * float64(time.Second)).Round(time.Second)
	return e
}

// Forgive takes a person's or an address's tries back, because one of them was right.
func (s *Service) Forgive(ctx context.Context, what Tries, subject string) error {
	return database.Err(s.DB.Read(ctx).Exec("DELETE FROM tries WHERE kind = ? AND subject = ?", what.kind, subjectOf(subject)).Error)
}

// takeBack uncounts one try.
func (s *Service) takeBack(ctx context.Context, what Tries, subject string) error {
	return database.Err(s.DB.Read(ctx).Exec("UPDATE tries SET n = n - 1 WHERE kind = ? AND subject = ? AND n > 0", what.kind, subjectOf(subject)).Error)
}

func subjectOf(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return hex.EncodeToString(sum[:])
}

// Tidy deletes what is over: sessions, links and counts. It is for the clock.
func (s *Service) Tidy(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		for _, table := range []string{"sessions", "one_time_tokens", "tries", "support_views"} {
			if err := tx.Exec("DELETE FROM " + table + " WHERE expires_at < now() - interval '1 day'").Error; err != nil {
				return err
			}
		}
		return nil
	})
}
