package aliexpresssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The bodies of the control API that are not an option of an exported method.
type (
	empty       struct{}
	pushURLBody struct {
		URL string `json:"url"`
	}
	userBody struct { // an empty id: the seeded account, or every account
		UserID string `json:"user_id"`
	}
	codeBody struct {
		AuthCode string `json:"auth_code"`
	}
	mailBody struct {
		MailNo string `json:"mail_no"`
	}
	lineBody struct {
		SKUID string `json:"sku_id"`
	}
	secondsBody struct {
		Seconds float64 `json:"seconds"`
	}
	releaseBody struct {
		Order ReleaseOrder `json:"order"`
	}
	createdBody struct {
		OrderID string `json:"order_id"`
	}
	ordersBody struct {
		Orders []Order `json:"orders"`
	}
	productsBody struct {
		Products []Product `json:"products"`
	}
	waitingBody struct {
		Waiting []Barrier `json:"waiting"`
	}
	journalBody struct {
		Entries []Entry `json:"entries"`
	}
)

// controlRoutes puts the exported methods behind /_sim/.
func (s *Server) controlRoutes() {
	s.mux.HandleFunc("/_sim/", func(w http.ResponseWriter, r *http.Request) {
		respond(w, nil, fmt.Errorf("%w: %s %s", ErrNotFound, r.Method, r.URL.Path))
	})
	s.accountRoutes()
	s.catalogRoutes()
	s.orderRoutes()
	s.faultRoutes()
	s.pushRoutes()
}

func (s *Server) accountRoutes() {
	get(s, "/_sim/info", func(*http.Request) (any, error) { return s.Info(), nil })
	post(s, "/_sim/accounts", func(_ *http.Request, _ empty) (any, error) { return s.AddAccount(), nil })
	post(s, "/_sim/auth-codes", func(_ *http.Request, in userBody) (any, error) {
		code, err := s.NewAuthCode(in.UserID)
		return codeBody{code}, err
	})
	post(s, "/_sim/tokens/expire", func(_ *http.Request, in userBody) (any, error) {
		return empty{}, s.ExpireTokens(in.UserID)
	})
	post(s, "/_sim/tokens/revoke", func(_ *http.Request, in userBody) (any, error) {
		return empty{}, s.RevokeTokens(in.UserID)
	})
	post(s, "/_sim/clock/advance", func(_ *http.Request, in secondsBody) (any, error) {
		if in.Seconds < 0 {
			return nil, fmt.Errorf("%w: the clock cannot go back", ErrInvalid)
		}
		s.Advance(seconds(in.Seconds))
		return empty{}, nil
	})
	get(s, "/_sim/journal", func(r *http.Request) (any, error) {
		return journalBody{s.journalOf(Kind(r.URL.Query().Get("kind")))}, nil
	})
}

func (s *Server) catalogRoutes() {
	get(s, "/_sim/products", func(*http.Request) (any, error) { return productsBody{s.Products()}, nil })
	post(s, "/_sim/products/{id}", func(r *http.Request, in ProductChange) (any, error) {
		return empty{}, s.ChangeProduct(r.PathValue("id"), in)
	})
}

func (s *Server) orderRoutes() {
	get(s, "/_sim/orders", func(*http.Request) (any, error) { return ordersBody{s.Orders()}, nil })
	get(s, "/_sim/orders/{id}", func(r *http.Request) (any, error) { return s.Order(r.PathValue("id")) })
	post(s, "/_sim/orders", func(_ *http.Request, in Purchase) (any, error) {
		id, err := s.BuyByHand(in)
		return createdBody{id}, err
	})
	act(s, "pay", s.Pay)
	act(s, "clear-risk", func(id string, _ empty) error { return s.ClearRisk(id) })
	act(s, "ship", func(id string, in ShipOptions) error {
		_, err := s.Ship(id, in)
		return err
	})
	act(s, "renumber", s.Renumber)
	act(s, "hand", s.Hand)
	act(s, "vanish", func(id string, in mailBody) error { return s.Vanish(id, in.MailNo) })
	act(s, "event", s.AddEvent)
	act(s, "deliver", func(id string, _ empty) error { return s.Deliver(id) })
	act(s, "cancel", s.Cancel)
	act(s, "cancel-line", func(id string, in lineBody) error { return s.CancelLine(id, in.SKUID) })
	act(s, "timeout", func(id string, _ empty) error { return s.Timeout(id) })
	act(s, "status", s.SetStatus)
	post(s, "/_sim/pay-timeout", func(_ *http.Request, in secondsBody) (any, error) {
		if in.Seconds <= 0 {
			return nil, fmt.Errorf("%w: seconds must be positive", ErrInvalid)
		}
		s.SetPayTimeout(seconds(in.Seconds))
		return empty{}, nil
	})
	post(s, "/_sim/api-pay", func(_ *http.Request, in APIPay) (any, error) {
		s.SetAPIPay(in)
		return empty{}, nil
	})
	post(s, "/_sim/dedupe", func(_ *http.Request, in Dedupe) (any, error) { return empty{}, s.SetDedupe(in) })
}

func (s *Server) faultRoutes() {
	post(s, "/_sim/faults", func(_ *http.Request, in Fault) (any, error) { return empty{}, s.Fail(in) })
	post(s, "/_sim/faults/clear", func(_ *http.Request, _ empty) (any, error) {
		s.ClearFaults()
		return empty{}, nil
	})
	get(s, "/_sim/barriers", func(*http.Request) (any, error) { return waitingBody{s.Barriers()}, nil })
	post(s, "/_sim/barriers/release", func(_ *http.Request, in userBody) (any, error) {
		s.ReleaseBarriersOf(in.UserID)
		return empty{}, nil
	})
	post(s, "/_sim/barriers/cut", func(_ *http.Request, _ empty) (any, error) {
		s.CutBarriers()
		return empty{}, nil
	})
	post(s, "/_sim/variation", func(_ *http.Request, in Variation) (any, error) {
		s.SetVariation(in)
		return empty{}, nil
	})
}

func (s *Server) pushRoutes() {
	post(s, "/_sim/push-url", func(_ *http.Request, in pushURLBody) (any, error) {
		s.SetPushURL(in.URL)
		return empty{}, nil
	})
	get(s, "/_sim/pushes", func(*http.Request) (any, error) { return s.PushStats(), nil })
	post(s, "/_sim/pushes", func(_ *http.Request, in PushSwitches) (any, error) {
		return empty{}, s.SetPushSwitches(in)
	})
	post(s, "/_sim/pushes/release", func(_ *http.Request, in releaseBody) (any, error) {
		if in.Order == "" {
			in.Order = ReleaseSent
		}
		return empty{}, s.ReleasePushes(in.Order)
	})
}

func get(s *Server, path string, answer func(*http.Request) (any, error)) {
	s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		out, err := answer(r)
		respond(w, out, err)
	})
}

func post[In any](s *Server, path string, action func(*http.Request, In) (any, error)) {
	s.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := readControl(r.Body, &in); err != nil {
			respond(w, nil, err)
			return
		}
		out, err := action(r, in)
		respond(w, out, err)
	})
}

// act is an action on one order; it answers the order as it then is.
func act[In any](s *Server, name string, action func(id string, in In) error) {
	post(s, "/_sim/orders/{id}/"+name, func(r *http.Request, in In) (any, error) {
		id := r.PathValue("id")
		if err := action(id, in); err != nil {
			return nil, err
		}
		return s.Order(id)
	})
}

// readControl decodes a body strictly. No body means {}; ids and prices may be numbers.
func readControl(body io.Reader, into any) error {
	raw, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if dec.More() {
		return fmt.Errorf("%w: more than one JSON value", ErrInvalid)
	}
	dec = json.NewDecoder(bytes.NewReader(encode(quoteIDs(tree))))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// quoteIDs turns the numbers of members named price, …_id and …mail_no into texts.
func quoteIDs(value any) any {
	switch value := value.(type) {
	case object:
		for name, member := range value {
			n, isNumber := member.(json.Number)
			if isNumber && (name == "price" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "mail_no")) {
				value[name] = n.String()
				continue
			}
			value[name] = quoteIDs(member)
		}
	case []any:
		for i := range value {
			value[i] = quoteIDs(value[i])
		}
	}
	return value
}

func respond(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		w.Write(encode(out))
		return
	}
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrConflict):
		status = http.StatusConflict
	}
	w.WriteHeader(status)
	w.Write(encode(object{"error": err.Error()}))
}
