// Package mailtest gives tests a mail server: a real one, that keeps what it is given.
package mailtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"waybill/models"
)

// User and Password are what the server lets in; it takes mail without them, too.
const User, Password = "waybill", "canary-password"

// Protection is how a server's connections are protected.
type Protection string

// The protections.
const (
	Plain    Protection = "plain"
	StartTLS Protection = "starttls"
	TLS      Protection = "tls" // from the first byte
)

// Server is a mail server that ends with its test.
type Server struct {
	Address string
	Roots   *x509.CertPool // who vouches for it

	mu     sync.Mutex
	refuse error
	mail   []Letter
}

// New starts a server.
func New(t testing.TB, p Protection) *Server {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	t.Cleanup(web.Close)
	config := &tls.Config{Certificates: web.TLS.Certificates}
	s := &Server{Roots: x509.NewCertPool()}
	s.Roots.AddCert(web.Certificate())
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth = "localhost", p == Plain
	switch p {
	case TLS:
		l = tls.NewListener(l, config)
	case StartTLS:
		server.TLSConfig = config
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// URL is where the server takes mail without asking who brings it.
func (s *Server) URL() models.Secret { return models.Secret("smtp://" + s.Address) }

// Refuse makes the server answer every recipient with a code from now on; 0 for none.
func (s *Server) Refuse(code int, says string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse = nil; code != 0 {
		s.refuse = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: says}
	}
}

// Letters are what the server was given, oldest first.
func (s *Server) Letters() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Letter{}, s.mail...)
}

// Letter is one message that was taken.
type Letter struct {
	User, From, To string
	TLS            bool
	Raw            []byte
}

// Header gives a header of the letter, decoded.
func (l Letter) Header(name string) string {
	m, err := mail.ReadMessage(bytes.NewReader(l.Raw))
	if err != nil {
		return ""
	}
	text, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
	return text
}

// Text gives what the letter says.
func (l Letter) Text() string {
	m, err := mail.ReadMessage(bytes.NewReader(l.Raw))
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// session is one connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	Letter
}

func (v *session) Reset()                                      {}
func (v *session) Logout() error                               { return nil }
func (v *session) AuthMechanisms() []string                    { return []string{sasl.Plain} }
func (v *session) Mail(from string, _ *smtp.MailOptions) error { v.From = from; return nil }

func (v *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return errors.New("wrong password")
		}
		v.User = user
		return nil
	}), nil
}

func (v *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	v.To = to
	return v.server.refuse
}

func (v *session) Data(r io.Reader) (err error) {
	if v.Raw, err = io.ReadAll(r); err != nil {
		return err
	}
	_, v.TLS = v.conn.TLSConnectionState()
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	v.server.mail = append(v.server.mail, v.Letter)
	return nil
}
