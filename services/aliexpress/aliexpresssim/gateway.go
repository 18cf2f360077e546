package aliexpresssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody      = 4 << 20
	allowedDrift = 7200 * time.Second
)

// object is one JSON object of the wire.
type object = map[string]any

// list wraps a list the way the gateway does, in an object with one key (aliexpress.md 1.4).
func list[T any](wrapper string, items []T) object {
	if items == nil {
		items = []T{}
	}
	return object{wrapper: items}
}

// call is one request to a gateway, and what became of it for the journal.
type call struct {
	api       string // dotted name, or path on the system gateway
	rest      bool
	params    map[string]string
	userID    string
	requestID string
	fault     *Fault

	outcome    string // business failure code; empty when the call succeeded
	reason     string
	outOrderID string
	orderIDs   []string
}

// fail notes a business failure, which the platform reports inside a successful envelope.
func (c *call) fail(code, reason string) {
	c.outcome, c.reason = code, reason
}

// apiError is a refusal by the gateway or a failure behind it (aliexpress.md 9.2).
type apiError struct {
	kind, code, message string
	subCode, subMessage string
	flat                bool // the /rest form even on /sync
}

func isvError(code, message string) *apiError {
	return &apiError{kind: "ISV", code: code, message: message}
}

func missingParameter(name string) *apiError {
	return isvError("MissingParameter",
		fmt.Sprintf("The input parameter %q that is mandatory for processing this request is not supplied", name))
}

func invalidParameter(name string) *apiError {
	return isvError("InvalidParameter", fmt.Sprintf("The specified parameter %q is not valid", name))
}

// remoteError is code 15: the backend refused (isv.*) or failed (isp.*).
func remoteError(subCode, subMessage string) *apiError {
	return &apiError{
		kind: "ISP", code: "15", message: "Remote service error",
		subCode: subCode, subMessage: subMessage,
	}
}

func illegalToken() *apiError {
	return isvError("IllegalAccessToken", "The specified access token is invalid or expired")
}

func apiCallLimit() *apiError {
	return &apiError{
		kind: "SYSTEM", code: "ApiCallLimit",
		message: "Api access frequency exceeds the limit. this ban will last 1 seconds",
	}
}

func appAPICallLimit(seconds int) *apiError {
	return isvError("AppApiCallLimit", fmt.Sprintf(
		"The frequency of app access to the api exceeds the limit. This ban will last %d seconds", seconds))
}

// api is one method: what it does once the gateway has let the call through. It runs locked.
type api struct {
	run       func(*Server, *call) (object, *apiError)
	needToken bool
}

var businessAPIs = map[string]api{
	"aliexpress.ds.order.create":                   {(*Server).createOrder, true},
	"aliexpress.trade.buy.placeorder":              {(*Server).createOrder, true},
	"aliexpress.ds.order.afterpay":                 {(*Server).afterPay, true},
	"aliexpress.trade.ds.order.get":                {(*Server).getOrder, true},
	"aliexpress.ds.trade.order.get":                {(*Server).getOrderLegacy, true},
	"aliexpress.ds.order.tracking.get":             {(*Server).getTracking, true},
	"aliexpress.logistics.ds.trackinginfo.query":   {(*Server).getTrackingLegacy, true},
	"aliexpress.ds.product.get":                    {(*Server).getProduct, true},
	"aliexpress.ds.freight.query":                  {(*Server).queryFreight, true},
	"aliexpress.logistics.buyer.freight.calculate": {(*Server).calculateFreight, true},
	"aliexpress.ds.address.get":                    {(*Server).getAddressTree, true},
}

var systemAPIs = map[string]api{
	"/auth/token/create":           {(*Server).createToken, false},
	"/auth/token/refresh":          {(*Server).refreshToken, false},
	"/auth/token/security/create":  {(*Server).createToken, false},
	"/auth/token/security/refresh": {(*Server).refreshToken, false},
}

func (c *call) handler() (api, bool) {
	if c.rest {
		a, ok := systemAPIs[c.api]
		return a, ok
	}
	a, ok := businessAPIs[c.api]
	return a, ok
}

// serveGateway answers /sync and /rest, and everything else as an unknown path.
func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	c, err := readCall(r)
	s.mu.Lock()
	s.closeOverdue()
	s.requests++
	c.requestID = fmt.Sprintf("2141%d%08d", s.now().UnixMilli(), s.requests%1e8)
	if err == nil {
		err = s.admit(c)
	}
	if err != nil {
		s.recordCall(c, err)
		s.mu.Unlock()
		s.reply(w, c, nil, err)
		return
	}
	delay := s.takeFault(c, stageDelay)
	c.fault = s.takeFault(c, stageBusiness)
	s.mu.Unlock()

	if delay != nil {
		s.pause(r.Context(), time.Duration(delay.DelayMS)*time.Millisecond)
	}
	s.execute(w, r, c)
}

// execute does what the call asks for, with the fault that was scripted for it before, around or after it.
func (s *Server) execute(w http.ResponseWriter, r *http.Request, c *call) {
	if ended := s.faultBefore(w, r, c); ended {
		return
	}
	a, _ := c.handler()
	s.mu.Lock()
	body, err := a.run(s, c)
	s.recordCall(c, err)
	s.mu.Unlock()
	if ended := s.faultAfter(w, r, c, body); ended {
		return
	}
	s.reply(w, c, body, err)
}

// recordCall journals the result of a call; locked.
func (s *Server) recordCall(c *call, err *apiError) {
	code, reason := c.outcome, c.reason
	if err != nil {
		code, reason = err.code, err.message
		if err.subCode != "" {
			code, reason = err.code+" "+err.subCode, err.subMessage
		}
	}
	entry := Entry{
		Kind: KindCall, Method: c.api, UserID: c.userID, OutOrderID: c.outOrderID,
		OrderID: strings.Join(c.orderIDs, ","), Detail: "0",
	}
	if code != "" {
		entry.Detail = code
	}
	s.record(entry)
	if code != "" {
		entry.Kind, entry.Detail = KindRefused, code+": "+reason
		s.record(entry)
	}
}

// readCall merges query and form, as clients spread parameters over both (aliexpress.md 1.3).
func readCall(r *http.Request) (*call, *apiError) {
	c := &call{params: map[string]string{}}
	path := strings.TrimSuffix(r.URL.Path, "/")
	query, _ := url.ParseQuery(r.URL.RawQuery)
	c.merge(query)
	form, ok := readForm(r)
	c.merge(form)

	c.api = c.params["method"]
	switch {
	case path == "/sync":
	case path == "/rest":
		c.rest = true
	case strings.HasPrefix(path, "/rest/"):
		c.rest, c.api = true, strings.TrimPrefix(path, "/rest")
	default:
		c.rest, c.api = true, path
		return c, invalidAPIPath()
	}
	if !ok {
		return c, invalidParameter("body")
	}
	return c, nil
}

func (c *call) merge(values url.Values) {
	for name, v := range values {
		if len(v) > 0 {
			c.params[name] = v[0]
		}
	}
}

// readForm reads a form whatever its Content-Type says, as some clients send none. It reads the body to its end,
// without which the server would not notice that the client has left.
func readForm(r *http.Request) (url.Values, bool) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(raw) > maxBody {
		return nil, false
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return nil, false
		}
		return r.MultipartForm.Value, true
	}
	values, err := url.ParseQuery(string(raw))
	return values, err == nil
}

func invalidAPIPath() *apiError {
	return isvError("InvalidApiPath", "The specified API path is invalid")
}

// admit makes the gateway's checks in the order of aliexpress.md 12, point 2; locked.
func (s *Server) admit(c *call) *apiError {
	required := []string{"app_key", "timestamp", "sign_method", "sign"}
	if c.api == "" {
		required = append(required, "method")
	}
	for _, name := range required {
		if c.params[name] == "" {
			return missingParameter(name)
		}
	}
	if c.params["app_key"] != s.opts.AppKey {
		if c.rest {
			return isvError("InvalidAppkey", "The specified App Key is invalid")
		}
		return isvError("InvalidAppKey", "The specified App Key is invalid")
	}
	if !s.timely(c) {
		return isvError("IllegalTimestamp", "The specified timestamp is invalid or expired")
	}
	if !signed(s.opts.AppSecret, c) {
		return isvError("IncompleteSignature", "The request signature does not conform to platform standards")
	}
	if err := s.throttle(c); err != nil {
		return err
	}
	a, ok := c.handler()
	if !ok {
		return invalidAPIPath()
	}
	if !a.needToken {
		return nil
	}
	return s.authorize(c)
}

// timely accepts epoch milliseconds and, on /sync, "2006-01-02 15:04:05" in UTC. The legacy signatures came with
// Chinese time (aliexpress.md 1.2 and 2.5).
func (s *Server) timely(c *call) bool {
	text := c.params["timestamp"]
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return s.near(time.UnixMilli(ms))
	}
	at, err := time.Parse(time.DateTime, text)
	if err != nil || c.rest {
		return false
	}
	legacy := c.params["sign_method"] != "sha256"
	return s.near(at) || legacy && s.near(at.Add(-8*time.Hour))
}

func (s *Server) near(at time.Time) bool {
	return s.now().Sub(at).Abs() <= allowedDrift
}

// bucket holds the calls that one API may still take, and how long the app is banned from it.
type bucket struct {
	tokens float64
	filled time.Time
	banned time.Time
}

// throttle refuses for a scripted fault or because the API is called more than Options.QPS allows; locked.
func (s *Server) throttle(c *call) *apiError {
	if fault := s.takeFault(c, stageGateway); fault != nil {
		return fault.refusal()
	}
	if s.opts.QPS <= 0 {
		return nil
	}
	now, burst := s.now(), math.Max(1, s.opts.QPS)
	b := s.buckets[c.api]
	if b == nil {
		b = &bucket{tokens: burst, filled: now}
		s.buckets[c.api] = b
	}
	b.tokens = math.Min(burst, b.tokens+now.Sub(b.filled).Seconds()*s.opts.QPS)
	b.filled = now
	if now.Before(b.banned) {
		return appAPICallLimit(int(math.Ceil(b.banned.Sub(now).Seconds())))
	}
	if b.tokens < 1 {
		ban := int(math.Ceil(1 / math.Min(1, s.opts.QPS)))
		b.banned = now.Add(time.Duration(ban) * time.Second)
		return appAPICallLimit(ban)
	}
	b.tokens--
	return nil
}

// reply writes the answer in the shape that the variation asks for.
func (s *Server) reply(w http.ResponseWriter, c *call, body object, err *apiError) {
	s.mu.Lock()
	v := s.variation
	s.mu.Unlock()
	writeJSON(w, encode(v.shape(c, body, err)))
}

// encode writes JSON without escaping what only HTML needs escaped.
func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a wire type that is no JSON is a mistake in this package
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func writeJSON(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	w.Write(raw)
}
