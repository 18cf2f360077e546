package outgoing

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/riverqueue/river"
	"gorm.io/gorm"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/mail"
	"waybill/services/outbox"
)

const (
	// mailLease is after what time a mail whose process died is due again.
	mailLease = 2 * time.Minute
	// mailPatience is for how long a mail is tried.
	mailPatience = 24 * time.Hour
	// mailListed is how many flags a mail names; of more it says how many.
	mailListed = 20
)

// notification is one mail to one address.
type notification struct {
	MerchantID models.MerchantID `gorm:"primaryKey"`
	ID         models.ID         `gorm:"primaryKey"`
	Address    string
	FlagIDs    []models.ID `gorm:"column:flag_ids;serializer:json"`
	EndpointID *models.ID  // of a webhook that was disabled
	State      string
	Attempts   int
	NextTryAt  *time.Time
	ErrorCode  string
	CreatedAt  time.Time `gorm:"autoCreateTime:false;autoUpdateTime:false"`
	SentAt     *time.Time
}

// TableName names the table.
func (notification) TableName() string { return "notification_mails" }

// notify makes one mail for each address of everything that is to be told: what is due takes along what is not yet. Which flags
// are taken is decided by the update, so that of two processes one tells them.
func (s *Service) notify(ctx context.Context, m models.MerchantID) error {
	return s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		wishes, zone, err := outbox.Wishes(tx, m)
		if err != nil {
			return err
		}
		if at := wishes.AfterQuiet(zone, tx.Now); wishes.On() && at.After(tx.Now) { // the quiet hours were changed meanwhile
			return tx.Exec("UPDATE notifications SET due_at = ? WHERE merchant_id = ? AND told_at IS NULL AND due_at < ?", at, m, at).Error
		}
		var flags []models.ID
		err = tx.Raw(`UPDATE notifications SET told_at = ? WHERE merchant_id = ? AND told_at IS NULL
			AND EXISTS (SELECT 1 FROM notifications n WHERE n.merchant_id = ? AND n.told_at IS NULL AND n.due_at <= ?) RETURNING flag_id`, tx.Now, m, m, tx.Now).Scan(&flags).Error
		if err != nil || len(flags) == 0 || !wishes.On() {
			return err
		}
		open, err := openFlags(tx.DB, m, flags)
		if err != nil || len(open) == 0 {
			return err
		}
		ids := make([]models.ID, len(open))
		for i, f := range open {
			ids[i] = f.ID
		}
		return addMail(tx, m, wishes.Addresses, tx.Now, notification{FlagIDs: ids})
	})
}

// addMail adds a mail to each address, to be sent at a time.
func addMail(tx database.Tx, m models.MerchantID, addresses []string, at time.Time, of notification) error {
	mails, jobs := make([]notification, len(addresses)), make([]river.JobArgs, len(addresses))
	for i, address := range addresses {
		of.MerchantID, of.ID, of.Address, of.State, of.NextTryAt, of.CreatedAt = m, database.NewID(), address, "waiting", &at, tx.Now
		mails[i], jobs[i] = of, MailArgs{m, of.ID}
	}
	if err := tx.Create(&mails).Error; err != nil {
		return fmt.Errorf("add a mail: %w", err)
	}
	if at.After(tx.Now) {
		return nil // the sweeper wakes it
	}
	return tx.EnqueueMany(jobs)
}

// tellDisabled has the merchant told that one of his endpoints was disabled.
func (s *Service) tellDisabled(tx database.Tx, e models.WebhookEndpoint) error {
	wishes, zone, err := outbox.Wishes(tx, e.MerchantID)
	if err != nil || !wishes.On() {
		return err
	}
	return addMail(tx, e.MerchantID, wishes.Addresses, wishes.AfterQuiet(zone, tx.Now), notification{FlagIDs: []models.ID{}, EndpointID: &e.ID})
}

// openFlag is a flag as a mail tells of it.
type openFlag struct {
	ID             models.ID
	OrderID        *models.ID
	Number         string
	ConnectionID   *models.ID
	ConnectionName string
	Code           models.FlagCode
	NextAction     string
	Deadline       *time.Time
}

func openFlags(q *gorm.DB, m models.MerchantID, ids []models.ID) (flags []openFlag, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = q.Raw(`SELECT f.id, f.order_id, coalesce(o.number, '') AS number, f.connection_id, coalesce(c.name, '') AS connection_name, f.code, f.next_action, f.deadline
		FROM flags f LEFT JOIN orders o ON o.merchant_id = f.merchant_id AND o.id = f.order_id LEFT JOIN connections c ON c.merchant_id = f.merchant_id AND c.id = f.connection_id
		WHERE f.merchant_id = ? AND f.id IN ? AND f.closed_at IS NULL AND f.snoozed_until IS NULL ORDER BY f.deadline NULLS LAST, f.opened_at, f.id`, m, ids).Scan(&flags).Error
	if err != nil {
		return nil, fmt.Errorf("read the flags of a mail: %w", err)
	}
	return flags, nil
}

// sendMail sends a mail that is due. What has been settled since it was made is left out; where nothing is left, it is not sent.
func (s *Service) sendMail(ctx context.Context, m models.MerchantID, id models.ID) error {
	var n notification
	var message mail.Message
	err := s.db.Of(m).InTx(ctx, func(tx database.Tx) error {
		var claimed []notification
		err := tx.Raw(`UPDATE notification_mails SET attempts = attempts + 1, next_try_at = clock_timestamp() + make_interval(secs => ?)
			WHERE merchant_id = ? AND id = ? AND state = 'waiting' AND next_try_at <= clock_timestamp() RETURNING *`, mailLease.Seconds(), m, id).Scan(&claimed).Error
		if err != nil || len(claimed) == 0 {
			return err
		}
		n = claimed[0]
		if message, err = s.write(tx, n); err != nil || message.Subject != "" {
			return err
		}
		return tx.Exec("UPDATE notification_mails SET state = 'dropped', next_try_at = NULL WHERE merchant_id = ? AND id = ?", m, id).Error
	})
	if err != nil || message.Subject == "" {
		return err
	}
	sent := s.mail.Send(ctx, message)
	if ctx.Err() != nil && sent != nil {
		return ctx.Err() // it is we who stop: it is due again when its lease ends
	}
	s.count("mail", orOK(codeOf(sent)))
	return s.db.Of(m).InTx(context.WithoutCancel(ctx), func(tx database.Tx) error {
		mark := func(state, code string, next, at *time.Time) error {
			return tx.Exec("UPDATE notification_mails SET state = ?, error_code = ?, next_try_at = ?, sent_at = ? WHERE merchant_id = ? AND id = ? AND state = 'waiting' AND attempts = ?",
				state, code, next, at, m, id, n.Attempts).Error
		}
		switch {
		case sent == nil:
			return mark("sent", "", nil, &tx.Now)
		case models.KindOf(sent) == models.Unavailable && tx.Now.Sub(n.CreatedAt) < mailPatience:
			s.log.Warn("a mail could not be sent", "merchant_id", m, "mail_id", id, "error", sent)
			again := tx.Now.Add(s.every(min(time.Minute<<min(n.Attempts-1, 6), time.Hour)))
			return mark("waiting", codeOf(sent), &again, nil)
		}
		s.log.Warn("a mail is given up", "merchant_id", m, "mail_id", id, "error", sent)
		return mark("failed", codeOf(sent), nil, nil)
	})
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return models.AsError(err).Code
}

// write writes a mail: numbers, what is wrong, what to do and where. It has nothing of a buyer. Without anything to tell the
// message is empty.
func (s *Service) write(tx database.Tx, n notification) (mail.Message, error) {
	if n.EndpointID != nil {
		return s.writeDisabled(tx, n)
	}
	flags, err := openFlags(tx.DB, n.MerchantID, n.FlagIDs)
	if err != nil || len(flags) == 0 {
		return mail.Message{}, err
	}
	_, zone, err := outbox.Wishes(tx, n.MerchantID)
	if err != nil {
		return mail.Message{}, err
	}
	subject := fmt.Sprintf("Waybill: %d things need you", len(flags))
	if len(flags) == 1 {
		subject = fmt.Sprintf("Waybill: %s: %s", flags[0].subject(), flags[0].Code.Title())
	}
	var text strings.Builder
	for _, f := range flags[:min(len(flags), mailListed)] {
		fmt.Fprintf(&text, "%s: %s\n", f.subject(), f.Code.Title())
		if f.NextAction != "" {
			fmt.Fprintf(&text, "  %s\n", f.NextAction)
		}
		if f.Deadline != nil {
			fmt.Fprintf(&text, "  Until %s\n", f.Deadline.In(zone).Format("2006-01-02 15:04 MST"))
		}
		fmt.Fprintf(&text, "  %s\n\n", s.publicURL+f.path())
	}
	if more := len(flags) - mailListed; more > 0 {
		fmt.Fprintf(&text, "And %d more: %s/orders?tab=attention\n\n", more, s.publicURL)
	}
	text.WriteString(s.footer())
	return mail.Message{To: n.Address, Subject: subject, Text: text.String()}, nil
}

func (s *Service) writeDisabled(tx database.Tx, n notification) (mail.Message, error) {
	var e models.WebhookEndpoint
	if err := endpoint(tx.DB, n.MerchantID, *n.EndpointID, &e); err != nil || e.State == models.WebhookActive {
		if models.KindOf(err) == models.NotFound {
			err = nil // deleted meanwhile
		}
		return mail.Message{}, err
	}
	why := "It has answered with nothing but failures for five days."
	if e.DisabledWhy == models.WebhookDisabledGone {
		why = "It answered that it is gone (410)."
	}
	text := fmt.Sprintf("The webhook endpoint %s gets no more messages. %s\n\nEnable it again when it works, and have what failed sent anew:\n%s/settings#webhooks\n\n%s", line(e.URL), why, s.publicURL, s.footer())
	return mail.Message{To: n.Address, Subject: "Waybill: a webhook endpoint was disabled", Text: text}, nil
}

func (s *Service) footer() string {
	return "Which mail you get, and when, is set here:\n" + s.publicURL + "/settings#notifications\n"
}

func (f openFlag) subject() string {
	if f.OrderID != nil {
		return "Order " + line(f.Number)
	}
	return "Connection " + line(f.ConnectionName)
}

func (f openFlag) path() string {
	if f.OrderID != nil {
		return "/orders/" + string(*f.OrderID)
	}
	return "/connections"
}

// line is text from elsewhere that must not begin a line of its own.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
