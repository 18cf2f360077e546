package handlers

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// traced begins a trace with each request. Like its id the trace is ours: one from outside is not gone on with. It says the route, not the
// address.
func (s *server) traced(next http.Handler) http.Handler {
	if s.Tracer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := s.Tracer.Start(r.Context(), r.Method, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(ww, r.WithContext(ctx))
		route, status, info := chi.RouteContext(r.Context()).RoutePattern(), ww.Status(), infoOf(r)
		if status == 0 {
			status = http.StatusOK
		}
		span.SetName(r.Method + " " + route)
		span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status),
			attribute.String("waybill.request_id", info.id))
		if info.code != "" {
			span.SetAttributes(attribute.String("error.type", info.code))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, info.code)
		}
	})
}
