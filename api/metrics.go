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
	"waybill/services/ordersync"
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

// handler serves the metrics. What stands in the database is asked for when somebody looks.
func (m *metrics) handler(db *database.DB, sync *ordersync.Service) http.Handler {
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
	m.registry.MustRegister(&gauges{sync}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "waybill_replica_lag_seconds", Help: "How far the replica is behind; -1 when it does not answer, 0 when there is none.",
	}, func() float64 {
		if lag := db.ReplicaLag(); lag >= 0 {
			return lag.Seconds()
		}
		return -1
	}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

// gauges reads how syncing goes when somebody looks. Nothing is told when the database does not answer.
type gauges struct{ sync *ordersync.Service }

var gaugeDescs = []struct {
	desc *prometheus.Desc
	pick func(ordersync.Gauges) float64
}{
	{gauge("waybill_due_oldest_seconds", "How long the order that is due longest has been due."), func(g ordersync.Gauges) float64 { return g.OldestDueSeconds }},
	{gauge("waybill_messages_unread", "Webhooks and pushes that are stored and not yet worked."), func(g ordersync.Gauges) float64 { return float64(g.UnreadMessages) }},
	{gauge("waybill_pushes_owed", "Parcels that their store has not confirmed."), func(g ordersync.Gauges) float64 { return float64(g.OwedPushes) }},
	{gauge("waybill_placements_unknown", "Purchases that may exist."), func(g ordersync.Gauges) float64 { return float64(g.Unknown) }},
	{gauge("waybill_dead_letters", "Jobs that were given up."), func(g ordersync.Gauges) float64 { return float64(g.DeadLetters) }},
	{gauge("waybill_flags_open", "Flags that merchants have to see to, but for those that they have put off."), func(g ordersync.Gauges) float64 { return float64(g.OpenFlags) }},
	{gauge("waybill_flags_overdue", "Flags past their deadline."), func(g ordersync.Gauges) float64 { return float64(g.OverdueFlags) }},
	{gauge("waybill_budget_calls", "Calls to the platforms in this hour, by the budgets that all processes share."), func(g ordersync.Gauges) float64 { return float64(g.BudgetCalls) }},
	{gauge("waybill_budget_refused", "Calls that were told in this hour to come back later."), func(g ordersync.Gauges) float64 { return float64(g.BudgetRefused) }},
	{gauge("waybill_budgets_banned", "Budgets of a platform under a ban."), func(g ordersync.Gauges) float64 { return float64(g.Banned) }},
	{gauge("waybill_check_stretch", "By how much the call limit makes checks slower than wished; 1 is as wished."), func(g ordersync.Gauges) float64 { return g.Stretch }},
}

func gauge(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// Describe implements prometheus.Collector.
func (*gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range gaugeDescs {
		ch <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (c *gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	read, err := c.sync.Gauges(ctx)
	if err != nil {
		return
	}
	for _, g := range gaugeDescs {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.pick(read))
	}
}
