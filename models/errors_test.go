package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"waybill/models"
)

var kinds = []models.Kind{
	models.Invalid, models.Unauthenticated, models.Forbidden, models.NotFound, models.Conflict, models.Throttled, models.Disconnected,
	models.Rejected, models.Unavailable, models.Unknown, models.Internal,
}

func TestErrorIsItsKindAndNoOther(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		err := fmt.Errorf("poll order 7: %w", models.Errorf(kind, "code", "No %s.", "goods"))
		for _, other := range kinds {
			if errors.Is(err, other) != (kind == other) {
				t.Errorf("errors.Is(%s, %s) = %t", kind, other, kind != other)
			}
		}
		if models.KindOf(err) != kind {
			t.Errorf("%s has kind %s", kind, models.KindOf(err))
		}
		if !errors.Is(fmt.Errorf("x: %w", kind), kind) || kind.Error() != string(kind) {
			t.Errorf("%s is not itself", kind)
		}
	}
}

func TestErrorFindsItsCause(t *testing.T) {
	t.Parallel()
	err := models.Errorf(models.Unavailable, "supplier_down", "AliExpress is down.").Because(context.DeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, models.Unavailable) || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	nested := models.Errorf(models.Internal, "", "").Because(err)
	if !errors.Is(nested, models.Unavailable) || models.KindOf(nested) != models.Internal {
		t.Error("the outermost error decides the kind, the chain is still there")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("boom")
	for want, err := range map[string]*models.Error{
		"conflict":                             {Kind: models.Conflict},
		"conflict order_closed":                {Kind: models.Conflict, Code: "order_closed"},
		"conflict order_closed: 7 % closed":    models.Errorf(models.Conflict, "order_closed", "%d %% closed", 7),
		"conflict order_closed: Closed.: boom": models.Errorf(models.Conflict, "order_closed", "Closed.").Because(cause),
		"conflict: boom":                       {Kind: models.Conflict, Err: cause},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err.Error(), want)
		}
	}
}

func TestAsErrorFindsTheErrorInAChain(t *testing.T) {
	t.Parallel()
	e := models.Errorf(models.Throttled, "slow_down", "Wait.")
	for _, err := range []error{e, fmt.Errorf("a: %w", e), errors.Join(errors.New("b"), e)} {
		if models.AsError(err) != e {
			t.Errorf("%v", err)
		}
	}
}

func TestAsErrorShowsNothingOfForeignErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errors.New("pq: password is hunter2"), fmt.Errorf("dial hunter2: %w", context.DeadlineExceeded), models.Kind("hunter2")} {
		got := models.AsError(err)
		if got.Kind != models.Internal || got.Code != "internal" || got.Detail == "" || strings.Contains(got.Detail, "hunter2") || len(got.Fields) > 0 {
			t.Errorf("%+v", got)
		}
		if !errors.Is(got, err) {
			t.Errorf("the log loses %v", err)
		}
	}
}
