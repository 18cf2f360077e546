package aliexpresssim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A receiver must answer 200 within 500 ms; a failed push is tried again twelve times, half an hour apart
// (aliexpress.md 8.4).
const (
	pushDeadline      = 500 * time.Millisecond
	pushRetries       = 12
	pushRetryAfter    = 30 * time.Minute
	maxPushesUnderWay = 64
	orderStatusUpdate = 53
)

// PushSwitches make pushes misbehave. Setting them replaces the ones before; messages that are already under way keep
// theirs.
type PushSwitches struct {
	// Duplicate is how many more times each message is sent.
	Duplicate int `json:"duplicate"`
	// Drop loses messages, Hold keeps them until ReleasePushes.
	Drop           bool `json:"drop"`
	Hold           bool `json:"hold"`
	WrongSignature bool `json:"wrong_signature"`
}

// PushStats count messages: Sent are those handed to delivery, each of their copies once; Failed counts attempts.
type PushStats struct {
	Sent      int `json:"sent"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Dropped   int `json:"dropped"`
	Held      int `json:"held"`
}

// ReleaseOrder is the order in which held messages go out.
type ReleaseOrder string

// The orders in which held messages can go out.
const (
	ReleaseSent    ReleaseOrder = "sent"
	ReleaseReverse ReleaseOrder = "reverse"
)

// pushMessage is signed when it is made; the order and status are for the journal.
type pushMessage struct {
	entry         Entry
	body          []byte
	authorization string
	copies        int
}

type pushBody struct {
	Data        pushData `json:"data"`
	MessageType int      `json:"message_type"`
	SellerID    string   `json:"seller_id"`
	Site        string   `json:"site"`
	Timestamp   int64    `json:"timestamp"` // seconds, unlike everywhere else
}

type pushData struct {
	BuyerID     int64  `json:"buyerId"`
	OrderID     int64  `json:"orderId"`
	OrderStatus string `json:"orderStatus"`
}

// SetPushSwitches changes how messages made from now on are treated.
func (s *Server) SetPushSwitches(switches PushSwitches) error {
	if switches.Duplicate < 0 || switches.Duplicate > 100 {
		return fmt.Errorf("%w: duplicate %d", ErrInvalid, switches.Duplicate)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = switches
	return nil
}

// PushStats counts the messages so far.
func (s *Server) PushStats() PushStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.pushes
	stats.Held = len(s.held)
	return stats
}

// ReleasePushes sends the held messages one after the other, in the order asked for.
func (s *Server) ReleasePushes(order ReleaseOrder) error {
	if order != ReleaseSent && order != ReleaseReverse {
		return fmt.Errorf("%w: release order %q", ErrInvalid, order)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := s.held
	s.held = nil
	if order == ReleaseReverse {
		slices.Reverse(messages)
	}
	s.dispatch(messages...)
	return nil
}

// push tells the app that an order changed (aliexpress.md 8.2); locked.
func (s *Server) push(o *order, status string) {
	buyer, _ := strconv.ParseInt(o.userID, 10, 64)
	body := encode(pushBody{
		Data:        pushData{BuyerID: buyer, OrderID: o.id, OrderStatus: status},
		MessageType: orderStatusUpdate, SellerID: o.userID, Site: "ae_global", Timestamp: s.now().Unix(),
	})
	m := pushMessage{
		entry: Entry{UserID: o.userID, OrderID: o.number(), OutOrderID: o.outOrderID, Detail: status},
		body:  body, authorization: s.signPush(body), copies: 1 + s.switches.Duplicate,
	}
	switch {
	case s.switches.Drop:
		s.pushes.Dropped++
		s.recordPush(KindPushDropped, m, "")
	case s.switches.Hold:
		s.held = append(s.held, m)
		s.recordPush(KindPushHeld, m, "")
	default:
		s.dispatch(m)
	}
}

// signPush is the header of aliexpress.md 8.3; locked.
func (s *Server) signPush(body []byte) string {
	secret := s.opts.AppSecret
	if s.switches.WrongSignature {
		secret = "not " + secret
	}
	m := hmac.New(sha256.New, []byte(secret))
	io.WriteString(m, s.opts.AppKey)
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// recordPush is locked.
func (s *Server) recordPush(kind Kind, m pushMessage, remark string) {
	entry := m.entry
	entry.Kind = kind
	if remark != "" {
		entry.Detail += " " + remark
	}
	s.record(entry)
}

// dispatch starts the delivery of messages, the first attempts in this order; locked.
func (s *Server) dispatch(messages ...pushMessage) {
	for _, m := range messages {
		s.pushes.Sent += m.copies
		s.recordPush(KindPushSent, m, "")
	}
	if s.pushURL == "" || s.life.Err() != nil || len(messages) == 0 {
		return
	}
	url := s.pushURL
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		for _, m := range messages {
			for range m.copies {
				if !s.attempt(url, m, 1) {
					s.retryLater(url, m)
				}
			}
		}
	}()
}

// retryLater tries a failed message again until it arrives, the attempts are used up or the simulator closes.
func (s *Server) retryLater(url string, m pushMessage) {
	s.running.Add(1) // the caller is counted, so Close is still waiting
	go func() {
		defer s.running.Done()
		for try := 2; try <= 1+pushRetries; try++ {
			if !s.sleep(time.Duration(float64(pushRetryAfter) / s.opts.PushRetryScale)) {
				return
			}
			if s.attempt(url, m, try) {
				return
			}
		}
	}()
}

// sleep waits until the time has passed, by itself or by Advance, and reports false when the simulator closes.
func (s *Server) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	s.mu.Lock()
	due := s.now().Add(d)
	s.mu.Unlock()
	for {
		s.mu.Lock()
		moved, over := s.clockMoved, !s.now().Before(due)
		s.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-s.life.Done():
			return false
		case <-timer.C:
			return true
		case <-moved:
		}
	}
}

// attempt makes one delivery and journals it.
func (s *Server) attempt(url string, m pushMessage, try int) bool {
	select {
	case s.pushSlots <- struct{}{}:
		defer func() { <-s.pushSlots }()
	case <-s.life.Done():
		return true
	}
	err := s.deliver(url, m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.pushes.Failed++
		s.recordPush(KindPushFailed, m, fmt.Sprintf("attempt %d: %v", try, err))
		return false
	}
	s.pushes.Delivered++
	s.recordPush(KindPushDelivered, m, "")
	return true
}

// deliver posts a message and wants a 200 in time.
func (s *Server) deliver(url string, m pushMessage) error {
	ctx, cancel := context.WithTimeout(s.life, pushDeadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(m.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", m.authorization)
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

func newPushClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: maxPushesUnderWay, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
