package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"waybill/models"
	"waybill/services/mail"
)

// box is a real SMTP server that keeps what it is given.
type box struct {
	address string
	roots   *x509.CertPool
	refuse  error // answered to every recipient

	mu   sync.Mutex
	mail []letter
}

type letter struct {
	user, from, to string
	tls            bool
	raw            []byte
}

func (b *box) letters() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mail
}

type visit struct {
	box  *box
	conn *smtp.Conn
	letter
}

func (v *visit) Reset()                   {}
func (v *visit) Logout() error            { return nil }
func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "waybill" || password != "canary-password" {
			return errors.New("wrong password canary-password")
		}
		v.user = user
		return nil
	}), nil
}

func (v *visit) Mail(from string, _ *smtp.MailOptions) error { v.from = from; return nil }

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error { v.to = to; return v.box.refuse }

func (v *visit) Data(r io.Reader) (err error) {
	if v.raw, err = io.ReadAll(r); err != nil {
		return err
	}
	_, v.tls = v.conn.TLSConnectionState()
	v.box.mu.Lock()
	defer v.box.mu.Unlock()
	v.box.mail = append(v.box.mail, v.letter)
	return nil
}

// newBox starts a server: with TLS from the first byte, with STARTTLS, or with neither.
func newBox(t *testing.T, protection string, refuse error) *box {
	t.Helper()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	t.Cleanup(certificate.Close)
	b := &box{refuse: refuse, roots: x509.NewCertPool()}
	b.roots.AddCert(certificate.Certificate())
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &visit{box: b, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth = "localhost", protection == "none"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = l.Addr().String()
	switch protection {
	case "tls":
		config := certificate.TLS.Clone()
		config.NextProtos = nil
		l = tls.NewListener(l, config)
	case "starttls":
		server.TLSConfig = certificate.TLS.Clone()
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return b
}

func sender(t *testing.T, b *box, url string) *mail.Sender {
	t.Helper()
	s, err := mail.New(mail.Options{URL: models.Secret(url + b.address), From: "Waybill <waybill@example.com>", Roots: b.roots})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAMessageArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	for protection, url := range map[string]string{
		"none": "smtp://waybill:canary-password@", "starttls": "smtp://waybill:canary-password@", "tls": "smtps://waybill:canary-password@",
	} {
		t.Run(protection, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, protection, nil)
			text := "Grüße,\n.\nBestellung 10042 braucht Sie: https://waybill.example.com/orders?attention=1\n"
			if err := sender(t, b, url).Send(t.Context(), mail.Message{To: "shop@example.com", Subject: "2 Bestellungen – für Sie", Text: text}); err != nil {
				t.Fatal(err)
			}
			got := b.letters()
			if len(got) != 1 || got[0].user != "waybill" || got[0].from != "waybill@example.com" || got[0].to != "shop@example.com" || got[0].tls != (protection != "none") {
				t.Fatalf("%+v", got)
			}
			m, err := netmail.ReadMessage(bytes.NewReader(got[0].raw))
			if err != nil {
				t.Fatal(err)
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			body, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
			if subject != "2 Bestellungen – für Sie" || strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")) != strings.TrimSpace(text) {
				t.Errorf("subject %q, body %q", subject, body)
			}
			if m.Header.Get("From") != `"Waybill" <waybill@example.com>` || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Message-Id") == "" || m.Header.Get("Date") == "" {
				t.Errorf("headers: %v", m.Header)
			}
		})
	}
}

func TestNobodyAddsHeadersOrRecipients(t *testing.T) {
	t.Parallel()
	b := newBox(t, "none", nil)
	s := sender(t, b, "smtp://")
	for _, m := range []mail.Message{
		{To: "shop@example.com\r\nBcc: other@example.com", Subject: "s", Text: "t"},
		{To: "shop@example.com, other@example.com", Subject: "s", Text: "t"},
		{To: "Shop <shop@example.com>", Subject: "s", Text: "t"},
		{To: "shop@example.com>\r\nRCPT TO:<other@example.com", Subject: "s", Text: "t"},
		{To: "", Subject: "s", Text: "t"},
		{To: strings.Repeat("a", 250) + "@example.com", Subject: "s", Text: "t"},
		{To: "shop@example.com", Subject: "s\r\nBcc: other@example.com", Text: "t"},
		{To: "shop@example.com", Subject: "s\nX: y", Text: "t"},
		{To: "shop@example.com", Subject: "", Text: "t"},
	} {
		if err := s.Send(t.Context(), m); !errors.Is(err, models.Invalid) {
			t.Errorf("%q: %v", m.To+" "+m.Subject, err)
		}
	}
	if got := b.letters(); len(got) != 0 {
		t.Errorf("sent: %+v", got)
	}
}

func TestWhatCannotBeSentHasAKindAndShowsNothing(t *testing.T) {
	t.Parallel()
	refusing := func(code int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no canary-address@example.com here"}
	}
	plain, permanent, temporary, untrusted := newBox(t, "none", nil), newBox(t, "none", refusing(550)), newBox(t, "none", refusing(451)), newBox(t, "tls", nil)
	untrusted.roots = x509.NewCertPool()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, c := range map[string]struct {
		sender *mail.Sender
		want   models.Kind
	}{
		"never":                   {sender(t, permanent, "smtp://"), models.Rejected},
		"later":                   {sender(t, temporary, "smtp://"), models.Unavailable},
		"wrong password":          {sender(t, plain, "smtp://waybill:canary-wrong@"), models.Unavailable},
		"nobody listens":          {sender(t, &box{address: closed.Addr().String()}, "smtp://u:canary@"), models.Unavailable},
		"an unknown authority":    {sender(t, untrusted, "smtps://u:canary@"), models.Unavailable},
		"TLS where there is none": {sender(t, plain, "smtps://u:canary@"), models.Unavailable},
	} {
		err := c.sender.Send(t.Context(), mail.Message{To: "canary-address@example.com", Subject: "canary", Text: "canary"})
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(plain.letters()) + len(permanent.letters()) + len(temporary.letters()) + len(untrusted.letters()); n != 0 {
		t.Errorf("%d were sent", n)
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	left := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, c) // until the other side closes
		close(left)
	}()
	s, err := mail.New(mail.Options{URL: models.Secret("smtp://" + l.Addr().String()), From: "waybill@example.com", Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), mail.Message{To: "shop@example.com", Subject: "s", Text: "t"}); !errors.Is(err, models.Unavailable) {
		t.Errorf("%v", err)
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestSettingsAreCheckedAndNotShown(t *testing.T) {
	t.Parallel()
	off, err := mail.New(mail.Options{})
	if err != nil || off.On() {
		t.Fatalf("without settings: on %v, %v", off.On(), err)
	}
	if err := off.Send(t.Context(), mail.Message{To: "shop@example.com", Subject: "s", Text: "t"}); models.AsError(err).Code != "mail_not_set_up" {
		t.Errorf("a sender that is off: %v", err)
	}
	for _, o := range []mail.Options{
		{URL: "http://u:canary@mail.example.com", From: "a@example.com"},
		{URL: "smtp://", From: "a@example.com"},
		{URL: "smtp://u:canary@mail.example.com:0", From: "a@example.com"},
		{URL: "smtp://u:canary@mail.example.com:99999", From: "a@example.com"},
		{URL: "smtp://u:canary@mail.example.com/path", From: "a@example.com"},
		{URL: "smtp://u:canary%zz@mail.example.com", From: "a@example.com"},
		{URL: "smtp://u:canary@mail.example.com", From: ""},
		{URL: "smtp://u:canary@mail.example.com", From: "nobody"},
	} {
		if _, err := mail.New(o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q from %q: %v", o.URL.Reveal(), o.From, err)
		}
	}
	far, err := mail.New(mail.Options{URL: "smtp://mail.invalid", From: "a@example.com"})
	if err != nil || !far.On() {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := far.Send(gone, mail.Message{To: "shop@example.com", Subject: "s", Text: "t"}); !errors.Is(err, models.Unavailable) {
		t.Errorf("%v", err)
	}
}
