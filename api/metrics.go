package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"waybill/services/database"
)

// metrics is what Prometheus can ask for. No label holds an id, a name or anything else that grows with the data.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	calls    *prometheus.HistogramVec
	jobs     *prometheus.HistogramVec
	events   *prometheus.CounterVec
	lags     *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "waybill_http_request_seconds", Help: "Requests answered, by route and status."},
			[]string{"method", "route", "status"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "waybill_platform_call_seconds", Help: "Calls to Wix and AliExpress, by operation and result."},
			[]string{"platform", "operation", "result"}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "waybill_job_seconds", Help: "Jobs worked, by kind and result."}, []string{"kind", "result"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_events_total", Help: "Webhooks and pushes received and purchases sent, by what became of them."},
			[]string{"what", "how"}),
		lags: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "waybill_hop_lag_seconds", Help: "How long a hop took, from the news to the fact.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"hop"}),
	}
	m.registry.MustRegister(m.requests, m.calls, m.jobs, m.events, m.lags, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) call(platform, operation, result string, took time.Duration) {
	m.calls.WithLabelValues(platform, operation, result).Observe(took.Seconds())
}

func (m *metrics) job(kind, result string, took time.Duration) {
	m.jobs.WithLabelValues(kind, result).Observe(took.Seconds())
}

func (m *metrics) count(what, how string) { m.events.WithLabelValues(what, how).Inc() }

func (m *metrics) lag(hop string, d time.Duration) { m.lags.WithLabelValues(hop).Observe(d.Seconds()) }

// handler serves the metrics. The queue's length is asked for when somebody looks.
func (m *metrics) handler(db *database.DB) http.Handler {
	ask := func(pick func(n int64, oldest time.Duration) float64) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			n, oldest, err := db.Waiting(ctx)
			if err != nil {
				return -1
			}
			return pick(n, oldest)
		}
	}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "waybill_jobs_waiting", Help: "Jobs ready to be worked; -1 when the database does not answer."},
			ask(func(n int64, _ time.Duration) float64 { return float64(n) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "waybill_jobs_oldest_seconds", Help: "How long the oldest of them has waited; -1 when the database does not answer."},
			ask(func(_ int64, oldest time.Duration) float64 { return oldest.Seconds() })))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
