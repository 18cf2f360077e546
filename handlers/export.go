package handlers

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
)

const (
	exportPage  = 500
	exportWrite = 30 * time.Second // for one page
	byteOrder   = "\ufeff"         // so that spreadsheets take it for UTF-8
)

var exportColumns = []string{
	"Order number", "Placed at", "Store", "Buyer", "E-mail", "Country", "Tab", "Why", "Total", "Currency", "Cost", "Cost currency",
	"AliExpress numbers", "Tracking numbers", "Carriers", "Pay by", "Last checked", "Next check", "Open flags", "Store order id",
}

// exportOrders gives all orders of a list as a table.
//
//	@Summary		Export orders as CSV
//	@Description	All orders of the list under the same filters and sort, as UTF-8 CSV for spreadsheets: one row for each order, times in UTC. Text that a spreadsheet would take for a formula is preceded by an apostrophe. Where several things stand in one cell, semicolons are between them. If it breaks off, the connection ends before the body does.
//	@Tags			orders
//	@ID				exportOrders
//	@Produce		text/csv
//	@Param			tab			query		string	false	"Only this tab"	Enums(pending, awaiting_order, awaiting_payment, awaiting_shipment, fulfilled, closed)
//	@Param			view		query		string	false	"Only orders that need attention"	Enums(attention)
//	@Param			store_id	query		string	false	"Only this store"
//	@Param			flag		query		string	false	"Only orders with an open flag of this code"
//	@Param			country		query		string	false	"Only orders to this country (ISO 3166-1 alpha-2)"
//	@Param			supplier	query		string	false	"Only orders of which something is bought in this AliExpress store (its id)"
//	@Param			q			query		string	false	"A number, an e-mail, or how a name or a last name begins"
//	@Param			placed_from	query		string	false	"Placed at or after this time (RFC 3339)"
//	@Param			placed_to	query		string	false	"Placed before this time (RFC 3339)"
//	@Param			sort		query		string	false	"Newest first, oldest first, or soonest deadline first with those without one last"	Enums(newest, oldest, deadline)	default(newest)
//	@Success		200			{string}	string	"The table"
//	@Header			200			{string}	Content-Disposition	"Names the file after the tab and the day"
//	@Failure		401			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/orders/export [get]
func (s *server) exportOrders(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	end, err := s.costly.begin(caller.MerchantID, "export")
	if err != nil {
		return err
	}
	defer end()
	q := readQuery(r)
	f := listFilter(q)
	if err := q.done(); err != nil {
		return err
	}
	f.Limit = exportPage
	list, err := s.Accounts.Connections(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	stores := map[models.ID]string{}
	for _, c := range list {
		stores[c.ID] = c.Name
	}
	page, err := s.Orders.List(r.Context(), caller.MerchantID, f)
	if err != nil {
		return err
	}
	if err := s.enterExport(r, caller, models.SubjectOrders); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // it may take longer than a request is read
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+exportName(f, time.Now())+`"`)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(byteOrder))
	table := csv.NewWriter(w)
	table.UseCRLF = true
	_ = table.Write(exportColumns)
	for {
		_ = control.SetWriteDeadline(time.Now().Add(exportWrite))
		for _, o := range page.Orders {
			if caller.OfStaff() {
				o.BuyerEmail = maskEmail(o.BuyerEmail)
			}
			_ = table.Write(exportRow(o, stores[o.StoreID]))
		}
		table.Flush()
		if gone := table.Error() != nil || control.Flush() != nil; gone || page.Next == "" {
			return nil
		}
		f.Cursor = page.Next
		if page, err = s.Orders.List(r.Context(), caller.MerchantID, f); err != nil {
			s.Log.Error("an export broke off", "request_id", infoOf(r).id, "error", err)
			panic(http.ErrAbortHandler) // half a table must not look like a whole one
		}
	}
}

// exportName names the file after the tab and the day.
func exportName(f orders.Filter, now time.Time) string {
	what := "all"
	switch {
	case f.Tab != "":
		what = strings.ReplaceAll(string(f.Tab), "_", "-")
	case f.Attention:
		what = models.ViewAttention
	}
	return "waybill-orders-" + what + "-" + now.UTC().Format(time.DateOnly) + ".csv"
}

func exportRow(o models.Order, store string) []string {
	var d models.Digest
	if o.Digest != nil {
		d = *o.Digest
	}
	cost, costCurrency := "", ""
	if d.Cost != nil {
		cost, costCurrency = models.Money{Minor: d.Cost.Minor, Currency: d.Cost.Currency}.Decimal(), d.Cost.Currency
	}
	numbers, carriers, flags := make([]string, len(d.Tracking)), make([]string, len(d.Tracking)), make([]string, len(d.Flags))
	for i, p := range d.Tracking {
		numbers[i], carriers[i] = p.Number, p.Carrier
	}
	for i, code := range d.Flags {
		flags[i] = string(code)
	}
	return []string{
		cell(o.Number), cellTime(&o.PlacedAt), cell(store), cell(o.BuyerName), cell(o.BuyerEmail), cell(o.Country), o.Tab.Title(), cell(o.Why),
		models.Money{Minor: o.TotalMinor, Currency: o.Currency}.Decimal(), cell(o.Currency), cost, cell(costCurrency),
		cell(d.SupplierNumbers...), cell(numbers...), cell(carriers...), cellTime(d.PayBy), cellTime(o.LastCheckedAt), cellTime(o.NextCheckAt),
		cell(flags...), cell(o.ExternalID),
	}
}

// cell is text that a spreadsheet shows and does not run: what would begin a formula is preceded by an apostrophe, also behind
// what is not seen, which some take away.
func cell(texts ...string) string {
	text := strings.Join(texts, "; ")
	seen := strings.TrimLeftFunc(text, unseen)
	if strings.ContainsAny(text[:len(text)-len(seen)], "\t\r") || seen != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(seen)[0]) {
		return "'" + text
	}
	return text
}

// unseen are spaces, controls and marks such as the zero-width ones, and what is no text.
func unseen(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs) || r == utf8.RuneError
}

func cellTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
