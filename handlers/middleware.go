package handlers

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"waybill/models"
	"waybill/services/accounts"
)

// request is what is known of a request beside what it says: its name, who makes it, and why it was refused.
type request struct {
	id     string
	caller accounts.Caller // once it is known
	code   string
	err    error
}

type requestKey struct{}

// named names each request. The id is ours: one from outside could be made to look like another.
func (s *server) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &request{id: rand.Text()}
		w.Header().Set("X-Request-Id", info.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, info)))
	})
}

func infoOf(r *http.Request) *request {
	if info, ok := r.Context().Value(requestKey{}).(*request); ok {
		return info
	}
	return &request{}
}

// accessLog writes one line for each request, its error included: the route, not the URL, which may hold what a person
// searched for.
func (s *server) accessLog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(ww, r)
		route, took, info := chi.RouteContext(r.Context()).RoutePattern(), time.Since(start), infoOf(r)
		status := ww.Status()
		if status == 0 {
			status = http.StatusOK
		}
		if s.Observe != nil {
			s.Observe(r.Method, route, status, took)
		}
		level := slog.LevelInfo
		attrs := []slog.Attr{
			slog.String("request_id", info.id), slog.String("method", r.Method), slog.String("route", route), slog.String("client", client(r)),
			slog.Int("status", status), slog.Int("bytes", ww.BytesWritten()), slog.Duration("took", took),
		}
		if who := callerID(info.caller); who != "" {
			attrs = append(attrs, slog.String("who", who), slog.String("merchant", string(info.caller.MerchantID)))
		}
		if info.err != nil {
			attrs = append(attrs, slog.String("code", info.code), slog.Any("error", info.err))
		}
		if status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.Log.LogAttrs(r.Context(), level, "request", attrs...)
	})
}

// callerID says who a caller is, without a name: the audit and the pages of people and keys know them.
func callerID(c accounts.Caller) string {
	switch {
	case c.Person != "":
		return "person:" + string(c.Person)
	case c.Key.ID != "":
		return "key:" + string(c.Key.ID)
	case c.Session != "": // from a store's own dashboard
		return "session:" + string(c.Session)
	}
	return ""
}

// recover turns a panic into a 500 that shows nothing.
func (s *server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				s.Log.Error("panic", "request_id", infoOf(r).id, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				s.problem(w, r, models.Errorf(models.Internal, "internal", "Something went wrong on our side. It has been logged."))
			}
		}()
		next.ServeHTTP(w, r)
	})
}
