package database

import (
	"context"
	"encoding/json"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"waybill/models"
)

// A job goes on with the trace of what made it necessary: the trace's name travels in the job's metadata. Spans say kinds and ids, and
// nothing that a person or a platform has told.

// traced is a job's metadata, or what of it is ours.
type traced map[string]json.RawMessage

const traceParent = "traceparent"

// handOn puts the trace into jobs that are inserted. Without a trace that is kept it adds nothing.
type handOn struct{ river.MiddlewareDefaults }

// InsertMany implements rivertype.JobInsertMiddleware.
func (*handOn) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, inner func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	if trace.SpanContextFromContext(ctx).IsSampled() {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		for _, job := range jobs {
			data := traced{}
			if len(job.Metadata) > 0 && json.Unmarshal(job.Metadata, &data) != nil {
				continue
			}
			data[traceParent], _ = json.Marshal(carrier.Get(traceParent))
			job.Metadata, _ = json.Marshal(data)
		}
	}
	return inner(ctx)
}

// spans makes a span of each job that is worked.
type spans struct {
	river.MiddlewareDefaults
	tracer trace.Tracer
}

// Work implements rivertype.WorkerMiddleware.
func (s *spans) Work(ctx context.Context, job *rivertype.JobRow, inner func(context.Context) error) error {
	var data struct {
		TraceParent string `json:"traceparent"`
	}
	if json.Unmarshal(job.Metadata, &data) == nil && data.TraceParent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceParent: data.TraceParent})
	}
	ctx, span := s.tracer.Start(ctx, "job "+job.Kind, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("job.kind", job.Kind), attribute.Int64("job.id", job.ID), attribute.String("job.queue", job.Queue), attribute.Int("job.attempt", job.Attempt)))
	defer span.End()
	err := inner(ctx)
	if err != nil {
		kind := string(models.KindOf(err)) // the error itself may quote somebody
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, kind)
	}
	return err
}
