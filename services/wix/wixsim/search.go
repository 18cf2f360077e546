package wixsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"
)

const (
	maxPage   = 100
	maxSorts  = 4
	maxCursor = 16000
)

type fieldKind int

const (
	kindWord   fieldKind = iota // a word: equality only
	kindText                    // a text: all comparisons
	kindTime                    // a time: all comparisons
	kindNumber                  // a decimal in a string: all comparisons, by value
	kindBool
	kindList // members of a list: $hasAll, $hasSome
)

type searchField struct {
	kind     fieldKind
	sortable bool
}

// searchFields is the table of wix.md 2.2.
var searchFields = map[string]searchField{
	"status": {kindWord, true}, "paymentStatus": {kindWord, true}, "fulfillmentStatus": {kindWord, true},
	"channelInfo.type": {kindWord, true}, "shippingInfo.title": {kindWord, true}, "shippingInfo.region.name": {kindWord, true},

	"createdDate": {kindTime, true}, "updatedDate": {kindTime, true}, "purchasedDate": {kindTime, true},
	"number": {kindNumber, true}, "priceSummary.total.amount": {kindNumber, true},
	"balanceSummary.authorized.amount": {kindNumber, true}, "balanceSummary.pending.amount": {kindNumber, true},
	"balanceSummary.pendingRefund.amount": {kindNumber, true}, "taxInfo.totalTax.amount": {kindNumber, true},
	"buyerInfo.email": {kindText, true}, "billingInfo.contactDetails.firstName": {kindText, true},
	"billingInfo.contactDetails.lastName": {kindText, true},
	"businessLocation.id":                 {kindText, true}, "businessLocation.name": {kindText, true},
	"shippingInfo.logistics.deliveryTime":          {kindText, true},
	"shippingInfo.logistics.deliveryTimeSlot.from": {kindTime, true}, "shippingInfo.logistics.deliveryTimeSlot.to": {kindTime, true},

	"archived": {kindBool, false}, "imported": {kindBool, false}, "seenByAHuman": {kindBool, false},

	"id": {kindWord, false}, "checkoutId": {kindWord, false}, "buyerInfo.contactId": {kindWord, false},
	"buyerInfo.memberId": {kindWord, false}, "channelInfo.externalOrderId": {kindWord, false}, "createdBy.userId": {kindWord, false},

	"lineItems.catalogReference.appId": {kindList, false}, "lineItems.catalogReference.catalogItemId": {kindList, false},
	"lineItems.locations.id": {kindList, false}, "lineItems.productName.original": {kindList, false},
	"appliedDiscounts.coupon.id": {kindList, false},
}

var (
	wordOps  = []string{"$eq", "$ne", "$in", "$nin", "$exists", "$isEmpty"}
	rangeOps = append([]string{"$gt", "$gte", "$lt", "$lte", "$startsWith"}, wordOps...)
	listOps  = []string{"$hasAll", "$hasSome", "$exists", "$isEmpty"}
)

func (k fieldKind) allows(op string) bool {
	switch k {
	case kindWord:
		return slices.Contains(wordOps, op)
	case kindList:
		return slices.Contains(listOps, op)
	}
	return slices.Contains(rangeOps, op)
}

type sortBy struct {
	FieldName string `json:"fieldName"`
	Order     string `json:"order"`
}

type searchRequest struct {
	Filter       map[string]any `json:"filter"`
	Sort         []sortBy       `json:"sort"`
	CursorPaging *struct {
		Limit  *int   `json:"limit"`
		Cursor string `json:"cursor"`
	} `json:"cursorPaging"`
}

// cursor is a place in a result: it holds filter and sort, so that a later page needs nothing else, wix.md 2.2.
type cursor struct {
	Site   string         `json:"i"`
	Filter map[string]any `json:"f,omitempty"`
	Sort   []sortBy       `json:"s,omitempty"`
	Keys   []any          `json:"k"`           // the sort values of the row at the edge of the page
	ID     string         `json:"d"`           // and its id
	Back   bool           `json:"b,omitempty"` // the page before that row, not the one after it
}

type searchMetadata struct {
	Count   int           `json:"count"`
	Cursors searchCursors `json:"cursors"`
	HasNext bool          `json:"hasNext"`
}

type searchCursors struct {
	Next string `json:"next,omitempty"`
	Prev string `json:"prev,omitempty"`
}

type searchAnswer struct {
	Orders   []json.RawMessage `json:"orders"`
	Metadata searchMetadata    `json:"metadata"`
}

// row is an order as search sees it now, with its sort values.
type row struct {
	raw  json.RawMessage
	id   string
	keys []value
}

// searchOrders is wix.md 2.2. A cursor together with a filter or a sort is refused: the cursor holds both.
func (s *Server) searchOrders(c *call) (any, error) {
	var req struct {
		Search searchRequest `json:"search"`
	}
	if len(c.body) > 0 {
		if err := decodeNumbers(c.body, &req); err != nil {
			return nil, err
		}
	}
	at, limit, err := s.position(c.site.id, req.Search)
	if err != nil {
		return nil, err
	}
	matches, err := compileFilter(at.Filter, "search.filter")
	if err != nil {
		return nil, err
	}
	order, err := compileSort(at.Sort)
	if err != nil {
		return nil, err
	}
	rows := s.visibleRows(c.site.id, matches, order)
	return s.page(rows, order, at, limit)
}

func decodeNumbers(raw []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return invalid("body", "the body is not the JSON that is expected here: "+err.Error())
	}
	return nil
}

// position says where a page starts and how long it is.
func (s *Server) position(site string, req searchRequest) (cursor, int, error) {
	limit, text := maxPage, ""
	if p := req.CursorPaging; p != nil {
		text = p.Cursor
		if p.Limit != nil && *p.Limit != 0 {
			limit = *p.Limit
		}
	}
	if limit < 1 || limit > maxPage {
		return cursor{}, 0, validationError(fieldViolation{
			"search.cursorPaging.limit", "must be less than or equal to 100", "MAX", map[string]any{"threshold": maxPage},
		})
	}
	if text == "" {
		return cursor{Site: site, Filter: req.Filter, Sort: req.Sort}, limit, nil
	}
	if len(req.Filter) > 0 || len(req.Sort) > 0 {
		return cursor{}, 0, invalid("search.cursorPaging.cursor", "filter and sort are held by the cursor and must not be sent with it")
	}
	at, err := s.readCursor(text)
	if err != nil || at.Site != site {
		return cursor{}, 0, invalid("search.cursorPaging.cursor", "is not a cursor of this search")
	}
	return at, limit, nil
}

// writeCursor makes a text that only this server can have made.
func (s *Server) writeCursor(c cursor) string {
	data := encode(c)
	return base64.RawURLEncoding.EncodeToString(append(s.cursorMark(data), data...))
}

func (s *Server) readCursor(text string) (cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > maxCursor || len(raw) < 8 || !hmac.Equal(raw[:8], s.cursorMark(raw[8:])) {
		return cursor{}, fmt.Errorf("not a cursor")
	}
	var c cursor
	return c, decodeNumbers(raw[8:], &c)
}

func (s *Server) cursorMark(data []byte) []byte {
	mac := hmac.New(sha256.New, []byte(s.appSecret))
	mac.Write([]byte("cursor"))
	mac.Write(data)
	return mac.Sum(nil)[:8]
}

// visibleRows are the site's orders that match, as far as the index knows them, in order.
func (s *Server) visibleRows(site string, matches predicate, order []sortKey) []row {
	now := s.now()
	var rows []row
	for _, id := range s.orderIDs {
		rec := s.orders[id]
		v, ok := rec.visibleAt(now)
		if rec.site != site || !ok || v.doc["status"] == statusInitialized || !matches(v.doc) {
			continue
		}
		r := row{raw: v.raw, id: id}
		for _, key := range order {
			r.keys = append(r.keys, first(lookup(v.doc, key.path), key.kind))
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int { return compareRows(order, a, b) })
	return rows
}

// visibleAt is the newest version that the index has taken in.
func (rec *record) visibleAt(now time.Time) (version, bool) {
	for i := len(rec.versions) - 1; i >= 0; i-- {
		if !rec.versions[i].visible.After(now) {
			return rec.versions[i], true
		}
	}
	return version{}, false
}

// SetIndexLag makes search see changes only d later; what it should have seen by then is seen at once when d shrinks.
func (s *Server) SetIndexLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexLag = d
	latest := s.now().Add(d)
	for _, rec := range s.orders {
		for i := range rec.versions {
			if rec.versions[i].visible.After(latest) {
				rec.versions[i].visible = latest
			}
		}
	}
}

func (s *Server) page(rows []row, order []sortKey, at cursor, limit int) (any, error) {
	from, to, err := bounds(rows, order, at, limit)
	if err != nil {
		return nil, err
	}
	answer := searchAnswer{Orders: []json.RawMessage{}}
	for _, r := range rows[from:to] {
		answer.Orders = append(answer.Orders, r.raw)
	}
	answer.Metadata.Count = to - from
	answer.Metadata.HasNext = to < len(rows)
	edge := func(r row, back bool) string {
		place := cursor{Site: at.Site, Filter: at.Filter, Sort: at.Sort, ID: r.id, Back: back, Keys: []any{}}
		for _, k := range r.keys {
			place.Keys = append(place.Keys, k.plain())
		}
		return s.writeCursor(place)
	}
	if to < len(rows) && to > from {
		answer.Metadata.Cursors.Next = edge(rows[to-1], false)
	}
	if from > 0 && to > from {
		answer.Metadata.Cursors.Prev = edge(rows[from], true)
	}
	return answer, nil
}

// bounds finds the page's rows. The place is a key, not a number of rows: rows that moved do not shift the others.
func bounds(rows []row, order []sortKey, at cursor, limit int) (from, to int, err error) {
	if at.ID == "" {
		return 0, min(limit, len(rows)), nil
	}
	edge, err := edgeRow(order, at)
	if err != nil {
		return 0, 0, err
	}
	if at.Back {
		to = sort.Search(len(rows), func(i int) bool { return compareRows(order, rows[i], edge) >= 0 })
		return max(0, to-limit), to, nil
	}
	from = sort.Search(len(rows), func(i int) bool { return compareRows(order, rows[i], edge) > 0 })
	return from, min(from+limit, len(rows)), nil
}

func edgeRow(order []sortKey, at cursor) (row, error) {
	edge := row{id: at.ID}
	if len(at.Keys) != len(order) {
		return edge, invalid("search.cursorPaging.cursor", "is not a cursor of this search")
	}
	for i, key := range order {
		v, err := literal(at.Keys[i], key.kind)
		if err != nil {
			return edge, invalid("search.cursorPaging.cursor", "is not a cursor of this search")
		}
		edge.keys = append(edge.keys, v)
	}
	return edge, nil
}

type sortKey struct {
	path []string
	kind fieldKind
	desc bool
}

func compileSort(by []sortBy) ([]sortKey, error) {
	if len(by) == 0 {
		by = []sortBy{{"createdDate", "DESC"}}
	}
	if len(by) > maxSorts {
		return nil, invalid("search.sort", "must have at most 4 entries")
	}
	var keys []sortKey
	for i, b := range by {
		field, ok := searchFields[b.FieldName]
		if !ok || !field.sortable {
			return nil, invalid(fmt.Sprintf("search.sort[%d].fieldName", i), fmt.Sprintf("sorting by %q is not supported", b.FieldName))
		}
		if b.Order != "" && b.Order != "ASC" && b.Order != "DESC" {
			return nil, invalid(fmt.Sprintf("search.sort[%d].order", i), "must be ASC or DESC")
		}
		keys = append(keys, sortKey{strings.Split(b.FieldName, "."), field.kind, b.Order == "DESC"})
	}
	return keys, nil
}

func compareRows(order []sortKey, a, b row) int {
	for i, key := range order {
		n := compareValues(a.keys[i], b.keys[i])
		if n == 0 {
			continue
		}
		if key.desc {
			return -n
		}
		return n
	}
	return strings.Compare(a.id, b.id)
}

// value is a member's value that can be compared; a missing one comes before all others.
type value struct {
	kind fieldKind
	null bool
	text string // as written
	time time.Time
	rat  *big.Rat
	flag bool
}

func (v value) plain() any {
	switch {
	case v.null:
		return nil
	case v.kind == kindBool:
		return v.flag
	}
	return v.text
}

// literal reads a value of a filter, a cursor or an order. Numbers may be written as numbers or as texts.
func literal(raw any, kind fieldKind) (value, error) {
	if raw == nil {
		return value{kind: kind, null: true}, nil
	}
	if kind == kindBool {
		flag, ok := raw.(bool)
		if !ok {
			return value{}, fmt.Errorf("must be a boolean")
		}
		return value{kind: kind, flag: flag}, nil
	}
	if wrapped, ok := raw.(map[string]any); ok && kind == kindTime && len(wrapped) == 1 {
		raw = wrapped["$date"] // the form in which some clients write a time
	}
	if number, ok := raw.(json.Number); ok && kind == kindNumber {
		raw = number.String()
	}
	text, ok := raw.(string)
	if !ok {
		return value{}, fmt.Errorf("must be a string")
	}
	v := value{kind: kind, text: text}
	switch kind {
	case kindTime:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return value{}, fmt.Errorf("must be an RFC 3339 time")
		}
		v.time = t
	case kindNumber:
		if !amountForm.MatchString(strings.TrimPrefix(text, "-")) {
			return value{}, fmt.Errorf("must be a decimal number")
		}
		v.rat, _ = new(big.Rat).SetString(text)
	}
	return v, nil
}

func compareValues(a, b value) int {
	switch {
	case a.null && b.null:
		return 0
	case a.null:
		return -1
	case b.null:
		return 1
	}
	switch a.kind {
	case kindTime:
		return a.time.Compare(b.time)
	case kindNumber:
		return a.rat.Cmp(b.rat)
	case kindBool:
		return boolRank(a.flag) - boolRank(b.flag)
	}
	return strings.Compare(a.text, b.text)
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lookup finds the values at a path; lists are entered.
func lookup(v any, path []string) []any {
	if list, ok := v.([]any); ok {
		var all []any
		for _, item := range list {
			all = append(all, lookup(item, path)...)
		}
		return all
	}
	if len(path) == 0 {
		return []any{v}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	inner, ok := object[path[0]]
	if !ok || inner == nil {
		return nil
	}
	return lookup(inner, path[1:])
}

// first is the value of a member that is no list. What cannot be read as its kind counts as missing.
func first(found []any, kind fieldKind) value {
	if len(found) == 0 {
		return value{kind: kind, null: true}
	}
	v, err := literal(found[0], kind)
	if err != nil {
		return value{kind: kind, null: true}
	}
	return v
}

// predicate decides whether an order matches.
type predicate func(doc map[string]any) bool

// compileFilter reads the Wix query language: members of one object are all demanded, wix.md 2.2.
func compileFilter(filter map[string]any, at string) (predicate, error) {
	var all []predicate
	for name, raw := range filter {
		p, err := compileMember(name, raw, at+"."+name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return conjunction(all), nil
}

func conjunction(all []predicate) predicate {
	return func(doc map[string]any) bool {
		for _, p := range all {
			if !p(doc) {
				return false
			}
		}
		return true
	}
}

func compileMember(name string, raw any, at string) (predicate, error) {
	switch name {
	case "$and":
		all, err := compileList(raw, at)
		return conjunction(all), err
	case "$or":
		all, err := compileList(raw, at)
		return func(doc map[string]any) bool {
			return slices.ContainsFunc(all, func(p predicate) bool { return p(doc) })
		}, err
	case "$not":
		if _, isList := raw.([]any); !isList {
			raw = []any{raw}
		}
		all, err := compileList(raw, at)
		return func(doc map[string]any) bool {
			return !slices.ContainsFunc(all, func(p predicate) bool { return p(doc) })
		}, err
	}
	field, ok := searchFields[name]
	if !ok {
		return nil, invalid(at, fmt.Sprintf("filtering by %q is not supported", name))
	}
	return compileField(field, strings.Split(name, "."), raw, at)
}

func compileList(raw any, at string) ([]predicate, error) {
	list, ok := raw.([]any)
	if !ok || len(list) == 0 {
		return nil, invalid(at, "must be a list of filters")
	}
	var all []predicate
	for i, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, invalid(fmt.Sprintf("%s[%d]", at, i), "must be a filter")
		}
		p, err := compileFilter(object, fmt.Sprintf("%s[%d]", at, i))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// compileField reads {"$op": value, ...} or a bare value, which means $eq.
func compileField(field searchField, path []string, raw any, at string) (predicate, error) {
	ops, isObject := raw.(map[string]any)
	if !isObject {
		ops = map[string]any{"$eq": raw}
	}
	if len(ops) == 0 {
		return nil, invalid(at, "must have an operator")
	}
	var all []predicate
	for op, operand := range ops {
		p, err := compileOp(field.kind, path, op, operand)
		if err != nil {
			return nil, applicationError(http.StatusBadRequest, "INVALID_FILTER", "INVALID_ARGUMENT", at+": "+err.Error(), nil)
		}
		all = append(all, p)
	}
	return conjunction(all), nil
}

func compileOp(kind fieldKind, path []string, op string, operand any) (predicate, error) {
	if op == "$not" {
		inner, ok := operand.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("$not must hold operators")
		}
		p, err := compileField(searchField{kind: kind}, path, inner, "$not")
		return func(doc map[string]any) bool { return !p(doc) }, err
	}
	if !kind.allows(op) {
		return nil, fmt.Errorf("operator %q is not supported here", op)
	}
	switch op {
	case "$exists":
		return compilePresence(path, operand, true)
	case "$isEmpty":
		return compilePresence(path, operand, false)
	case "$in", "$nin", "$hasAll", "$hasSome":
		return compileSet(kind, path, op, operand)
	}
	return compileComparison(kind, path, op, operand)
}

func compilePresence(path []string, operand any, wantsIt bool) (predicate, error) {
	flag, ok := operand.(bool)
	if !ok {
		return nil, fmt.Errorf("must be a boolean")
	}
	return func(doc map[string]any) bool {
		found := lookup(doc, path)
		there := len(found) > 0 && found[0] != ""
		return there == (flag == wantsIt)
	}, nil
}

func compileSet(kind fieldKind, path []string, op string, operand any) (predicate, error) {
	list, ok := operand.([]any)
	if !ok {
		return nil, fmt.Errorf("%s needs a list", op)
	}
	var wanted []value
	for _, raw := range list {
		v, err := literal(raw, kind)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, v)
	}
	has := func(doc map[string]any, v value) bool {
		return slices.ContainsFunc(lookup(doc, path), func(raw any) bool {
			return compareValues(first([]any{raw}, kind), v) == 0
		})
	}
	among := func(doc map[string]any) bool {
		present := first(lookup(doc, path), kind)
		return slices.ContainsFunc(wanted, func(v value) bool { return compareValues(present, v) == 0 })
	}
	switch op {
	case "$in":
		return among, nil
	case "$nin":
		return func(doc map[string]any) bool { return !among(doc) }, nil
	case "$hasAll":
		return func(doc map[string]any) bool {
			return !slices.ContainsFunc(wanted, func(v value) bool { return !has(doc, v) })
		}, nil
	}
	return func(doc map[string]any) bool {
		return slices.ContainsFunc(wanted, func(v value) bool { return has(doc, v) })
	}, nil
}

func compileComparison(kind fieldKind, path []string, op string, operand any) (predicate, error) {
	wanted, err := literal(operand, kind)
	if err != nil {
		return nil, err
	}
	if op == "$startsWith" {
		if wanted.null {
			return nil, fmt.Errorf("$startsWith needs a text")
		}
		return func(doc map[string]any) bool {
			v := first(lookup(doc, path), kind)
			return !v.null && strings.HasPrefix(v.text, wanted.text)
		}, nil
	}
	holds := map[string]func(int) bool{
		"$eq": func(n int) bool { return n == 0 }, "$ne": func(n int) bool { return n != 0 },
		"$gt": func(n int) bool { return n > 0 }, "$gte": func(n int) bool { return n >= 0 },
		"$lt": func(n int) bool { return n < 0 }, "$lte": func(n int) bool { return n <= 0 },
	}[op]
	ordered := op != "$eq" && op != "$ne"
	return func(doc map[string]any) bool {
		v := first(lookup(doc, path), kind)
		if ordered && (v.null || wanted.null) {
			return false
		}
		return holds(compareValues(v, wanted))
	}, nil
}
