package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"waybill/models"
	"waybill/services/mail"
	"waybill/services/mail/mailtest"
)

func sender(t *testing.T, b *mailtest.Server, url string) *mail.Sender {
	t.Helper()
	s, err := mail.New(mail.Options{URL: models.Secret(url + b.Address), From: "Waybill <waybill@example.com>", Roots: b.Roots})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAMessageArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	for protection, url := range map[mailtest.Protection]string{
		mailtest.Plain: "smtp://waybill:canary-password@", mailtest.StartTLS: "smtp://waybill:canary-password@", mailtest.TLS: "smtps://waybill:canary-password@",
	} {
		t.Run(string(protection), func(t *testing.T) {
			t.Parallel()
			b := mailtest.New(t, protection)
			text := "Grüße,\n.\nBestellung 10042 braucht Sie: https://waybill.example.com/orders?tab=attention\n"
			if err := sender(t, b, url).Send(t.Context(), mail.Message{To: "shop@example.com", Subject: "2 Bestellungen – für Sie", Text: text}); err != nil {
				t.Fatal(err)
			}
			got := b.Letters()
			if len(got) != 1 || got[0].User != mailtest.User || got[0].From != "waybill@example.com" || got[0].To != "shop@example.com" || got[0].TLS != (protection != mailtest.Plain) {
				t.Fatalf("%+v", got)
			}
			if l := got[0]; l.Header("Subject") != "2 Bestellungen – für Sie" || strings.TrimSpace(l.Text()) != strings.TrimSpace(text) {
				t.Errorf("subject %q, text %q", l.Header("Subject"), l.Text())
			}
			if l := got[0]; l.Header("From") != `"Waybill" <waybill@example.com>` || l.Header("Auto-Submitted") != "auto-generated" || l.Header("Message-Id") == "" || l.Header("Date") == "" {
				t.Errorf("headers: %s", l.Raw)
			}
		})
	}
}

func TestNobodyAddsHeadersOrRecipients(t *testing.T) {
	t.Parallel()
	b := mailtest.New(t, mailtest.Plain)
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
	if got := b.Letters(); len(got) != 0 {
		t.Errorf("sent: %+v", got)
	}
}

func TestWhatCannotBeSentHasAKindAndShowsNothing(t *testing.T) {
	t.Parallel()
	plain, permanent, temporary, untrusted := mailtest.New(t, mailtest.Plain), mailtest.New(t, mailtest.Plain), mailtest.New(t, mailtest.Plain), mailtest.New(t, mailtest.TLS)
	permanent.Refuse(550, "no canary-address@example.com here")
	temporary.Refuse(451, "canary-address@example.com is busy")
	untrusted.Roots = x509.NewCertPool()
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
		"nobody listens":          {sender(t, &mailtest.Server{Address: closed.Addr().String()}, "smtp://u:canary@"), models.Unavailable},
		"an unknown authority":    {sender(t, untrusted, "smtps://u:canary@"), models.Unavailable},
		"TLS where there is none": {sender(t, plain, "smtps://u:canary@"), models.Unavailable},
	} {
		err := c.sender.Send(t.Context(), mail.Message{To: "canary-address@example.com", Subject: "canary", Text: "canary"})
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(plain.Letters()) + len(permanent.Letters()) + len(temporary.Letters()) + len(untrusted.Letters()); n != 0 {
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
