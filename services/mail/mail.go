// Package mail sends plain text to people by SMTP, one message to one address at a time. Without settings it is off.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"waybill/models"
)

// Options say through which server mail is sent, and in whose name.
type Options struct {
	// URL is smtps://user:password@host:465 for TLS from the first byte, or smtp://user:password@host:587, which demands STARTTLS
	// unless the host is this machine. Empty: no mail is sent.
	URL     models.Secret
	From    string         // Waybill <waybill@example.com>, or the address alone
	Roots   *x509.CertPool // who may vouch for the server; nil: whom the system trusts
	Timeout time.Duration  // for the whole of one message; 0: 30 s
}

// Sender sends mail. The zero value is one that is off.
type Sender struct {
	host    string
	from    *mail.Address
	timeout time.Duration
	options []gomail.Option
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// New makes a sender. It connects to nobody; it fails on settings that can never work, without showing them.
func New(o Options) (*Sender, error) {
	if o.URL == "" {
		return &Sender{}, nil
	}
	u, err := url.Parse(o.URL.Reveal())
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("the mail server must be smtps://user:password@host:465 or smtp://user:password@host:587") // url.Parse would show the password
	}
	from, err := mail.ParseAddress(o.From)
	if err != nil {
		return nil, errors.New("the sender of mail must be an address such as Waybill <waybill@example.com>")
	}
	s := &Sender{host: u.Hostname(), from: from, timeout: o.Timeout}
	if s.timeout == 0 {
		s.timeout = 30 * time.Second
	}
	config := &tls.Config{ServerName: s.host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	port, policy := 587, gomail.TLSMandatory
	s.dial = (&net.Dialer{}).DialContext
	switch {
	case u.Scheme == "smtps":
		port, policy = 465, gomail.NoTLS
		s.dial = (&tls.Dialer{Config: config}).DialContext
	case isThisMachine(s.host):
		policy = gomail.TLSOpportunistic
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return nil, errors.New("the mail server's port must be a number from 1 to 65535")
		}
	}
	s.options = []gomail.Option{gomail.WithPort(port), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(config), gomail.WithTimeout(s.timeout)}
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithUsername(u.User.Username()), gomail.WithPassword(password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	if _, err := gomail.NewClient(s.host, s.options...); err != nil {
		return nil, errors.New("the mail server's settings cannot be used")
	}
	return s, nil
}

func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// On reports whether mail can be sent at all. A nil sender is off.
func (s *Sender) On() bool { return s != nil && s.from != nil }

// Message is what one person gets.
type Message struct {
	To      string // an address alone
	Subject string
	Text    string
}

// Send hands one message to the server. It answers Invalid for what is no message, Rejected when the server will never take it,
// and Unavailable for everything that another time may mend; after that the message may still have been sent. No error holds the
// address, the text or the password.
func (s *Sender) Send(ctx context.Context, m Message) error {
	if !s.On() {
		return models.Errorf(models.Unavailable, "mail_not_set_up", "This Waybill sends no mail: its operator has not set up a mail server.")
	}
	if !ValidAddress(m.To) {
		return models.Errorf(models.Invalid, "mail_address_invalid", "The mail address cannot be used.")
	}
	if m.Subject == "" || strings.ContainsFunc(m.Subject, unicode.IsControl) {
		return models.Errorf(models.Invalid, "mail_subject_invalid", "The subject of a mail is one line of text.")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.send(ctx, m); err != nil {
		return sorted(err)
	}
	return nil
}

// ValidAddress reports whether text is one mail address and nothing else.
func ValidAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text && len(text) <= 254 && !strings.ContainsFunc(text, unicode.IsControl)
}

func (s *Sender) send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(s.from.Name, s.from.Address); err != nil {
		return err
	}
	if err := msg.To(m.To); err != nil {
		return err
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageID()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office answers (RFC 3834)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)

	// The library leaves the connection open when it gives up early, and does not look at ctx once it has one.
	release := func() {}
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(dialing, network, address)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			release = func() { stop(); _ = conn.Close() }
		}
		return conn, err
	}
	client, err := gomail.NewClient(s.host, append(s.options[:len(s.options):len(s.options)], gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return err
	}
	defer func() { release() }()
	smtp, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if err := client.SendWithSMTPClient(smtp, msg); err != nil {
		return err
	}
	_ = client.CloseWithSMTPClient(smtp) // it has the message: how it says good-bye changes nothing
	return nil
}

// sorted gives a failure its kind. Of what the server said only the number is kept: servers repeat addresses.
func sorted(err error) error {
	var refused *gomail.SendError
	var said *textproto.Error
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() >= 500:
		return models.Errorf(models.Rejected, "mail_refused", "The mail server did not take the message.").
			Because(fmt.Errorf("%s: %d %s", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode()))
	case errors.As(err, &refused):
		err = fmt.Errorf("%s: %d", refused.Reason, refused.ErrorCode())
	case errors.As(err, &said):
		err = fmt.Errorf("the server answered %d before the message", said.Code) // a wrong password, most often
	}
	return models.Errorf(models.Unavailable, "mail_unavailable", "The mail server could not be reached.").Because(err)
}
