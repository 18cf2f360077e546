package databasetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Statement is one that a program has sent, with the values that it sent first.
type Statement struct {
	SQL      string
	Merchant string // whose transaction it was; * everybody's, empty nobody's
	Formats  []int16
	Values   [][]byte
}

// Recorder stands between a program and its database, and writes down every statement that passes.
type Recorder struct {
	to   *pgconn.Config
	from net.Listener
	mu   sync.Mutex
	seen map[[2]string]*Statement // by text and by whether it was everybody's
}

// Record begins to record for a database; the program has to be started with the recorder's URL. It ends with the test.
func Record(t testing.TB, url string) *Recorder {
	t.Helper()
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatalf("read the database's URL: %v", err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{to: cfg, from: l, seen: map[[2]string]*Statement{}}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(c)
		}
	}()
	return r
}

// URL is the database's, through the recorder.
func (r *Recorder) URL() string {
	host, port, _ := strings.Cut(r.from.Addr().String(), ":")
	url := fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", host, port, r.to.User, r.to.Database)
	if r.to.Password != "" {
		url += " password=" + r.to.Password
	}
	return url
}

// Statements are those that were sent so far, each once.
func (r *Recorder) Statements() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Statement
	for _, s := range r.seen {
		all = append(all, *s)
	}
	return all
}

func (r *Recorder) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	network, address := pgconn.NetworkAddress(r.to.Host, r.to.Port)
	server, err := (&net.Dialer{}).DialContext(context.Background(), network, address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	s := &session{recorder: r, prepared: map[string]string{}}
	head := 4 // the first message has no type
	for {
		message := make([]byte, head)
		if _, err := io.ReadFull(client, message); err != nil {
			return
		}
		message = append(message, make([]byte, binary.BigEndian.Uint32(message[head-4:])-4)...)
		if _, err := io.ReadFull(client, message[head:]); err != nil {
			return
		}
		if head == 5 {
			s.heard(message[0], message[5:])
		}
		head = 5
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// session is one connection of the program.
type session struct {
	recorder *Recorder
	merchant string
	begun    bool // a transaction has, that goes on until it is ended
	prepared map[string]string
}

func (s *session) heard(kind byte, body []byte) {
	switch kind {
	case 'Q':
		var m pgproto3.Query
		if m.Decode(body) == nil {
			s.note(Statement{SQL: m.String})
		}
	case 'P':
		var m pgproto3.Parse
		if m.Decode(body) == nil {
			s.prepared[m.Name] = m.Query
		}
	case 'B':
		var m pgproto3.Bind
		if m.Decode(body) == nil {
			st := Statement{SQL: s.prepared[m.PreparedStatement], Formats: append([]int16{}, m.ParameterFormatCodes...)}
			for _, v := range m.Parameters { // the decoder may use the memory again
				if v != nil {
					v = append([]byte{}, v...)
				}
				st.Values = append(st.Values, v)
			}
			s.note(st)
		}
	case 'S': // what was sent up to here was a transaction, unless one has begun that goes on
		if !s.begun {
			s.merchant = ""
		}
	}
}

func (s *session) note(st Statement) {
	switch text := strings.ToLower(st.SQL); {
	case text == "commit" || text == "rollback":
		s.merchant, s.begun = "", false
		return
	case strings.HasPrefix(text, "begin"):
		s.begun = true
		return
	case strings.Contains(text, "'waybill.merchant', $1"):
		s.merchant = string(st.Values[0])
		return
	}
	st.Merchant = s.merchant
	kind := "a merchant's"
	if st.Merchant == "" || st.Merchant == "*" {
		kind = st.Merchant
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	if key := [2]string{st.SQL, kind}; s.recorder.seen[key] == nil {
		s.recorder.seen[key] = &st
	}
}
