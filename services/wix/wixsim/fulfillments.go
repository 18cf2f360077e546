package wixsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"unicode/utf8"
)

const (
	maxTrackingText = 100
	maxTrackingLink = 2048
)

// fulfillmentStatuses is the closed set of wix.md 4.1.
var fulfillmentStatuses = []string{"Pending", "Accepted", "Ready", "In_Delivery", "Fulfilled"}

// trackingLinks are the providers for which Wix builds the link, wix.md 4.2.
var trackingLinks = map[string]string{
	"fedex": "https://www.fedex.com/apps/fedextrack/?action=track&trackingnumber=",
	"ups":   "https://wwwapps.ups.com/WebTracking/track?track=yes&trackNums=",
	"usps":  "https://tools.usps.com/go/TrackConfirmAction.action?tLabels=",
	"dhl":   "https://www.logistics.dhl/global-en/home/tracking.html?tracking-id=",
}

func builtLink(provider, number string) string {
	template, ok := trackingLinks[provider]
	if !ok || number == "" {
		return ""
	}
	return template + url.QueryEscape(number)
}

// newFulfillment is F of wix.md 4.1 as a request carries it.
type newFulfillment struct {
	LineItems []struct {
		ID       string `json:"id"`
		Quantity *int   `json:"quantity"`
	} `json:"lineItems"`
	TrackingInfo *TrackingInfo   `json:"trackingInfo"`
	CustomInfo   json.RawMessage `json:"customInfo"`
	Status       *string         `json:"status"`
	Completed    *bool           `json:"completed"`
}

func (rec *record) withFulfillments() OrderFulfillments {
	return OrderFulfillments{rec.id(), orEmpty(slices.Clone(rec.fulfillments))}
}

// remaining is what no fulfillment holds yet, per line. Refunded units still count: Wix lets the merchant ship them.
func (rec *record) remaining() map[string]int {
	left := map[string]int{}
	for _, line := range rec.order.LineItems {
		left[line.ID] = line.Quantity
	}
	for _, f := range rec.fulfillments {
		for _, line := range f.LineItems {
			left[line.ID] -= line.Quantity
		}
	}
	return left
}

// deriveFulfillment computes the order's fulfillmentStatus, wix.md 4.3. Lines without shipping need no parcel; an order
// of nothing else is fulfilled as soon as it is approved, wix.md 2.5.
func (rec *record) deriveFulfillment() string {
	left := rec.remaining()
	physical, open, started := false, false, false
	for _, line := range rec.order.LineItems {
		started = started || left[line.ID] < line.Quantity
		if line.ItemType.Preset != "PHYSICAL" && line.ItemType.Preset != "" {
			continue
		}
		physical = true
		open = open || left[line.ID] > 0
	}
	switch {
	case physical && !open:
		return fulfilled
	case !physical && rec.order.Status == statusApproved:
		return fulfilled
	case started:
		return partiallyFulfilled
	}
	return notFulfilled
}

// createFulfillment is wix.md 4.1.
func (s *Server) createFulfillment(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	var req struct {
		Fulfillment *newFulfillment `json:"fulfillment"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if req.Fulfillment == nil {
		return nil, invalid("fulfillment", "must not be empty")
	}
	made, err := s.ship(rec, []newFulfillment{*req.Fulfillment}, "app")
	if err != nil {
		return nil, err
	}
	return map[string]any{"orderWithFulfillments": rec.withFulfillments(), "fulfillmentId": made[0].ID}, nil
}

// ship adds fulfillments to an order: all of them or, when one is refused, none.
func (s *Server) ship(rec *record, wanted []newFulfillment, by string) ([]Fulfillment, error) {
	if rec.order.Status != statusApproved {
		return nil, precondition("ORDER_NOT_APPROVED", "only an approved order can be fulfilled")
	}
	before, kept := rec.order.FulfillmentStatus, rec.fulfillments
	rec.fulfillments = slices.Clone(kept)
	var made []Fulfillment
	for _, n := range wanted {
		f, err := s.prepare(rec, n)
		if err != nil {
			rec.fulfillments = kept
			return nil, err
		}
		rec.fulfillments = append(rec.fulfillments, f)
		made = append(made, f)
	}
	for _, f := range made {
		if f.TrackingInfo != nil {
			rec.act(s.now(), "TRACKING_NUMBER_ADDED")
		}
		s.noteFulfillment(rec, KindFulfillmentCreated, f, by)
		s.note(Entry{Kind: KindMail, InstanceID: rec.site, OrderID: rec.id(), Detail: map[string]any{"fulfillment_id": f.ID}})
	}
	s.fulfillmentsChanged(rec, before)
	return made, nil
}

func (s *Server) noteFulfillment(rec *record, kind string, f Fulfillment, by string) {
	detail := map[string]any{"fulfillment_id": f.ID, "lines": f.LineItems, "by": by}
	if f.TrackingInfo != nil {
		detail["tracking_number"] = f.TrackingInfo.TrackingNumber
		detail["shipping_provider"] = f.TrackingInfo.ShippingProvider
		detail["tracking_link"] = f.TrackingInfo.TrackingLink
	}
	s.note(Entry{Kind: kind, InstanceID: rec.site, OrderID: rec.id(), Detail: detail})
}

// fulfillmentsChanged commits the order and sends the events of wix.md 4.3.
func (s *Server) fulfillmentsChanged(rec *record, before string) {
	after := rec.deriveFulfillment()
	if after != before {
		rec.actFulfillment(s, after)
	}
	s.commit(rec, KindOrderChanged, map[string]any{"change": "fulfillments", "fulfillment_status": after})
	s.emitFulfillments(rec)
	s.emitUpdated(rec)
	if after == fulfilled && before != fulfilled {
		s.emitAction(rec, "fulfilled", map[string]any{"previousFulfillmentStatus": before, "newFulfillmentStatus": after})
	}
}

func (rec *record) actFulfillment(s *Server, status string) {
	switch status {
	case fulfilled:
		rec.act(s.now(), "ORDER_FULFILLED")
	case notFulfilled:
		rec.act(s.now(), "ORDER_NOT_FULFILLED")
	}
}

// prepare checks one new fulfillment against the order and completes it.
func (s *Server) prepare(rec *record, n newFulfillment) (Fulfillment, error) {
	if violations := n.violations(); len(violations) > 0 {
		return Fulfillment{}, validationError(violations...)
	}
	lines, err := rec.allot(n)
	if err != nil {
		return Fulfillment{}, err
	}
	f := Fulfillment{
		ID: newGUID(), CreatedDate: stamp(s.now()), LineItems: lines, CustomInfo: presentInfo(n.CustomInfo), Completed: n.Completed,
	}
	if n.Status != nil {
		f.Status = *n.Status
	}
	if t := n.TrackingInfo; t != nil && *t != (TrackingInfo{}) {
		tracking := *t
		if tracking.TrackingLink == "" {
			tracking.TrackingLink = builtLink(tracking.ShippingProvider, tracking.TrackingNumber)
		}
		f.TrackingInfo = &tracking
	}
	return f, s.refuseKnownNumber(rec, f)
}

// refuseKnownNumber keeps tracking numbers unique within an order or, where SetNumbersUniquePerSite says so, within its site:
// which of the two Wix does is unknown, wix.md 4.4.
func (s *Server) refuseKnownNumber(rec *record, f Fulfillment) error {
	if f.TrackingInfo == nil || f.TrackingInfo.TrackingNumber == "" {
		return nil
	}
	known := slices.Clone(rec.fulfillments)
	if s.numbersPerSite {
		for _, id := range s.orderIDs {
			if other := s.orders[id]; other != rec && other.site == rec.site {
				known = append(known, other.fulfillments...)
			}
		}
	}
	for _, other := range known {
		if other.ID != f.ID && other.TrackingInfo != nil && other.TrackingInfo.TrackingNumber == f.TrackingInfo.TrackingNumber {
			return applicationError(http.StatusConflict, "TRACKING_NUMBER_ALREADY_EXISTS",
				"tracking number already exists", "Tracking number already exists", nil)
		}
	}
	return nil
}

// allot turns wanted lines into quantities that are really left; a quantity left out takes the rest, wix.md 4.1.
func (rec *record) allot(n newFulfillment) ([]FulfillmentLine, error) {
	left := rec.remaining()
	lines := []FulfillmentLine{}
	for _, want := range n.LineItems {
		rest, ok := left[want.ID]
		if !ok {
			return nil, lineRefusal("LINE_ITEM_NOT_FOUND", "the order has no such line item", want.ID, 0)
		}
		if rest <= 0 {
			return nil, lineRefusal("LINE_ITEM_ALREADY_FULFILLED", "the line item is already fulfilled", want.ID, rest)
		}
		quantity := rest
		if want.Quantity != nil {
			quantity = *want.Quantity
		}
		if quantity > rest {
			return nil, lineRefusal("QUANTITY_NOT_AVAILABLE", "the line item has less left to fulfill", want.ID, rest)
		}
		left[want.ID] = rest - quantity
		lines = append(lines, FulfillmentLine{want.ID, quantity})
	}
	return lines, nil
}

func lineRefusal(code, description, line string, left int) *failure {
	return applicationError(http.StatusBadRequest, code, description, description, map[string]any{"lineItemId": line, "remaining": left})
}

func (n newFulfillment) violations() []fieldViolation {
	var list []fieldViolation
	if len(n.LineItems) < 1 || len(n.LineItems) > maxLines {
		list = append(list, fieldViolation{"fulfillment.lineItems", "must have 1 to 300 entries", "OTHER", nil})
	}
	for i, line := range n.LineItems {
		field := fmt.Sprintf("fulfillment.lineItems[%d].quantity", i)
		if line.Quantity != nil && *line.Quantity < 1 {
			list = append(list, fieldViolation{field, "must be greater than or equal to 1", "MIN", map[string]any{"threshold": 1}})
		}
		if line.Quantity != nil && *line.Quantity > maxQuantity {
			list = append(list, fieldViolation{field, "must be less than or equal to 100000", "MAX", map[string]any{"threshold": maxQuantity}})
		}
	}
	status := ""
	if n.Status != nil {
		status = *n.Status
		if status == "" {
			list = append(list, fieldViolation{"fulfillment.status", "must not be empty", "MIN_LENGTH", map[string]any{"threshold": 1}})
		}
	}
	return append(list, infoViolations(n.TrackingInfo, presentInfo(n.CustomInfo), status)...)
}

// presentInfo is nothing for a member that was null or left out.
func presentInfo(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

func infoViolations(t *TrackingInfo, custom json.RawMessage, status string) []fieldViolation {
	var list []fieldViolation
	if t != nil && custom != nil {
		list = append(list, fieldViolation{"fulfillment", "has trackingInfo or customInfo, not both", "OTHER", nil})
	}
	if status != "" && !slices.Contains(fulfillmentStatuses, status) {
		list = append(list, fieldViolation{"fulfillment.status", "is none of the supported values", "OTHER", nil})
	}
	if t == nil {
		return list
	}
	tooLong := func(field, text string, limit int) {
		if utf8.RuneCountInString(text) > limit {
			list = append(list, fieldViolation{
				"fulfillment.trackingInfo." + field, fmt.Sprintf("must have at most %d characters", limit), "MAX_LENGTH",
				map[string]any{"threshold": limit},
			})
		}
	}
	tooLong("trackingNumber", t.TrackingNumber, maxTrackingText)
	tooLong("shippingProvider", t.ShippingProvider, maxTrackingText)
	tooLong("trackingLink", t.TrackingLink, maxTrackingLink)
	if t.TrackingLink != "" && !isWebURL(t.TrackingLink) {
		list = append(list, fieldViolation{"fulfillment.trackingInfo.trackingLink", "must be a web URL", "FORMAT", map[string]any{"type": "WEB_URL"}})
	}
	return list
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// fulfillmentOf finds the fulfillment that a PATCH or DELETE names.
func (s *Server) fulfillmentOf(c *call) (*record, int, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, 0, err
	}
	id := c.r.PathValue("fulfillment")
	i := slices.IndexFunc(rec.fulfillments, func(f Fulfillment) bool { return f.ID == id })
	if i < 0 {
		return nil, 0, applicationError(http.StatusNotFound, "FULFILLMENT_NOT_FOUND", "fulfillment not found",
			"Fulfillment with the given id was not found", map[string]any{"fulfillmentId": id})
	}
	return rec, i, nil
}

// updateFulfillment merges trackingInfo, customInfo, status and completed; null clears, lines stay, wix.md 4.1.
func (s *Server) updateFulfillment(c *call) (any, error) {
	rec, i, err := s.fulfillmentOf(c)
	if err != nil {
		return nil, err
	}
	var req struct {
		Fulfillment map[string]any `json:"fulfillment"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if req.Fulfillment == nil {
		return nil, invalid("fulfillment", "must not be empty")
	}
	f, err := patchedFulfillment(rec.fulfillments[i], req.Fulfillment)
	if err != nil {
		return nil, err
	}
	if err := s.refuseKnownNumber(rec, f); err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(rec.fulfillments[i].TrackingInfo, f.TrackingInfo) {
		rec.act(s.now(), "TRACKING_NUMBER_EDITED")
	}
	rec.fulfillments = slices.Clone(rec.fulfillments)
	rec.fulfillments[i] = f
	s.noteFulfillment(rec, KindFulfillmentUpdated, f, "app")
	s.fulfillmentsChanged(rec, rec.order.FulfillmentStatus)
	return map[string]any{"orderWithFulfillments": rec.withFulfillments()}, nil
}

func patchedFulfillment(old Fulfillment, patch map[string]any) (Fulfillment, error) {
	tree, err := decodeTree(encode(old))
	if err != nil {
		return old, err
	}
	base := tree.(map[string]any)
	if err := refuseNewLines(old, patch); err != nil {
		return old, err
	}
	patch = onlyMembers(patch, "trackingInfo", "customInfo", "status", "completed")
	if patch["customInfo"] != nil && patch["trackingInfo"] == nil {
		delete(base, "trackingInfo") // one replaces the other
	}
	if patch["trackingInfo"] != nil && patch["customInfo"] == nil {
		delete(base, "customInfo")
	}
	var f Fulfillment
	if err := json.Unmarshal(encode(merged(base, patch)), &f); err != nil {
		return old, invalid("fulfillment", err.Error())
	}
	relink(old.TrackingInfo, f.TrackingInfo)
	if f.TrackingInfo != nil && *f.TrackingInfo == (TrackingInfo{}) {
		f.TrackingInfo = nil
	}
	if violations := infoViolations(f.TrackingInfo, f.CustomInfo, f.Status); len(violations) > 0 {
		return old, validationError(violations...)
	}
	return f, nil
}

// refuseNewLines lets a PATCH repeat the lines that are there and nothing else.
func refuseNewLines(old Fulfillment, patch map[string]any) error {
	given, ok := patch["lineItems"]
	if !ok || given == nil {
		return nil
	}
	var lines []FulfillmentLine
	if err := json.Unmarshal(encode(given), &lines); err != nil {
		return invalid("fulfillment.lineItems", err.Error())
	}
	if len(lines) > 0 && !slices.Equal(lines, old.LineItems) {
		return invalid("fulfillment.lineItems", "line items cannot be updated")
	}
	return nil
}

func onlyMembers(tree map[string]any, names ...string) map[string]any {
	kept := maps.Clone(tree)
	maps.DeleteFunc(kept, func(name string, _ any) bool { return !slices.Contains(names, name) })
	return kept
}

// relink keeps a link that Wix built in step with number and provider; a link that the caller gave stays.
func relink(old, now *TrackingInfo) {
	if now == nil {
		return
	}
	builtBefore := old != nil && old.TrackingLink != "" && old.TrackingLink == builtLink(old.ShippingProvider, old.TrackingNumber)
	if builtBefore && now.TrackingLink == old.TrackingLink {
		now.TrackingLink = ""
	}
	if now.TrackingLink == "" {
		now.TrackingLink = builtLink(now.ShippingProvider, now.TrackingNumber)
	}
}

// deleteFulfillment takes a shipment back, wix.md 4.1.
func (s *Server) deleteFulfillment(c *call) (any, error) {
	rec, i, err := s.fulfillmentOf(c)
	if err != nil {
		return nil, err
	}
	before, gone := rec.order.FulfillmentStatus, rec.fulfillments[i]
	rec.fulfillments = slices.Delete(slices.Clone(rec.fulfillments), i, i+1)
	s.noteFulfillment(rec, KindFulfillmentDeleted, gone, "app")
	s.fulfillmentsChanged(rec, before)
	return map[string]any{"orderWithFulfillments": rec.withFulfillments()}, nil
}

func (s *Server) listFulfillments(c *call) (any, error) {
	rec, err := s.orderOf(c, c.orderID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"orderWithFulfillments": rec.withFulfillments()}, nil
}

func (s *Server) listManyFulfillments(c *call) (any, error) {
	list, err := s.found(c)
	if err != nil {
		return nil, err
	}
	all := []OrderFulfillments{}
	for _, rec := range list {
		all = append(all, rec.withFulfillments())
	}
	return map[string]any{"ordersWithFulfillments": all}, nil
}

type itemMetadata struct {
	ID            string                `json:"id"`
	OriginalIndex int                   `json:"originalIndex"`
	Success       bool                  `json:"success"`
	Error         *applicationErrorBody `json:"error,omitempty"`
}

type bulkResult struct {
	ItemMetadata           itemMetadata       `json:"itemMetadata"`
	OrdersWithFulfillments *OrderFulfillments `json:"ordersWithFulfillments,omitempty"`
}

// bulkCreateFulfillments ships many orders; each succeeds or fails as a whole, wix.md 4.1.
func (s *Server) bulkCreateFulfillments(c *call) (any, error) {
	var req struct {
		Orders []struct {
			OrderID      string           `json:"orderId"`
			Fulfillments []newFulfillment `json:"fulfillments"`
		} `json:"ordersWithFulfillments"`
	}
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	if len(req.Orders) < 1 || len(req.Orders) > maxPage {
		return nil, invalid("ordersWithFulfillments", "must have 1 to 100 entries")
	}
	results := []bulkResult{}
	failures := 0
	for i, want := range req.Orders {
		result := bulkResult{ItemMetadata: itemMetadata{ID: want.OrderID, OriginalIndex: i, Success: true}}
		made, err := s.shipForBulk(c, want.OrderID, want.Fulfillments)
		if err != nil {
			failures++
			result.ItemMetadata.Success, result.ItemMetadata.Error = false, bulkError(err)
		} else {
			result.OrdersWithFulfillments = &made
		}
		results = append(results, result)
	}
	c.orderID = ""
	return map[string]any{
		"results":            results,
		"bulkActionMetadata": map[string]int{"totalSuccesses": len(results) - failures, "totalFailures": failures, "undetailedFailures": 0},
	}, nil
}

func (s *Server) shipForBulk(c *call, orderID string, wanted []newFulfillment) (OrderFulfillments, error) {
	rec, err := s.orderOf(c, orderID)
	if err != nil {
		return OrderFulfillments{}, applicationError(http.StatusNotFound, "NOT_FOUND", "order not found", "order not found", nil)
	}
	if len(wanted) == 0 {
		return OrderFulfillments{}, invalid("fulfillments", "must not be empty")
	}
	if _, err := s.ship(rec, wanted, "app"); err != nil {
		return OrderFulfillments{}, err
	}
	return rec.withFulfillments(), nil
}

func bulkError(err error) *applicationErrorBody {
	f := asFailure(err)
	body := &applicationErrorBody{Code: f.code, Description: f.code, Data: map[string]any{}}
	if b, ok := f.body.(errorBody); ok {
		body.Description = b.Message
	}
	return body
}
