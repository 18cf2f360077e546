package handlers

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/audit"
)

// auditEntry is something that somebody did.
type auditEntry struct {
	// 1, 2, 3, and so on, without a gap.
	Seq int64     `json:"seq" validate:"required" example:"17"`
	At  time.Time `json:"at" validate:"required"`
	// Who did it: a key by its name, the operator, or Waybill itself.
	Actor   string       `json:"actor" validate:"required" example:"api:Warehouse script"`
	Act     models.Act   `json:"act" validate:"required"`
	Subject auditSubject `json:"subject" validate:"required"`
	Reason  string       `json:"reason,omitempty" example:"The buyer asked for it."`
	// The X-Request-Id of the request.
	RequestID string `json:"request_id,omitempty" example:"4QJX7LRBMZ2P5KTSVHYDNCWEA3"`
	// The address that asked.
	Client string `json:"client,omitempty" example:"192.0.2.7"`
	// More about it: names and ids, settings before and after. Never a secret or what a buyer told.
	Detail json.RawMessage `json:"detail" validate:"required" swaggertype:"object"`
	// SHA-256 over the entry and the hash of the one before it, in hexadecimal.
	Hash string `json:"hash" validate:"required" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
} //	@name	AuditEntry

// auditSubject is what it was done to.
type auditSubject struct {
	Kind string `json:"kind" validate:"required" example:"order"`
	ID   string `json:"id,omitempty"`
} //	@name	AuditSubject

func toAuditEntry(e models.AuditEntry) auditEntry {
	return auditEntry{
		Seq: e.Seq, At: e.At.UTC(), Actor: string(e.Actor), Act: e.Act, Subject: auditSubject{e.Subject.Kind, string(e.Subject.ID)}, Reason: e.Reason,
		RequestID: e.Request.ID, Client: e.Request.Client, Detail: e.Detail, Hash: hex.EncodeToString(e.Hash),
	}
}

type auditPage struct {
	Entries    []auditEntry `json:"entries" validate:"required"`
	NextCursor string       `json:"next_cursor,omitempty"`
} //	@name	AuditPage

func auditFilter(q *query) audit.Filter {
	return audit.Filter{
		Actor: models.Actor(q.text("actor", 200)), Act: models.Act(q.text("act", 60)), Subject: models.ID(q.text("subject", 200)), From: q.time("from"), To: q.time("to"),
	}
}

// listAudit gives one page of what was done.
//
//	@Summary		List what was done
//	@Description	Every change that a person, a key or the operator made, newest first.
//	@Tags			audit
//	@ID				listAudit
//	@Produce		json
//	@Param			actor	query		string	false	"Only what this one did, such as api:first"
//	@Param			act		query		string	false	"Only this act"
//	@Param			subject	query		string	false	"Only what was done to this (its id)"
//	@Param			from	query		string	false	"At or after this time (RFC 3339)"
//	@Param			to		query		string	false	"Before this time (RFC 3339)"
//	@Param			cursor	query		string	false	"next_cursor of the page before, with the same filters"
//	@Param			limit	query		int		false	"Entries on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200		{object}	auditPage
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/audit [get]
func (s *server) listAudit(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f, cursor, limit := auditFilter(q), q.text("cursor", 20), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	entries, next, err := s.Audit.List(r.Context(), caller.MerchantID, f, cursor, limit)
	if err != nil {
		return err
	}
	out := auditPage{Entries: make([]auditEntry, len(entries)), NextCursor: next}
	for i, e := range entries {
		out.Entries[i] = toAuditEntry(e)
	}
	return respond(w, http.StatusOK, out)
}

// exportAudit gives everything that was done.
//
//	@Summary		Export what was done
//	@Description	All entries under the same filters, oldest first: one JSON object on each line, or CSV for spreadsheets, in which text that would be taken for a formula is preceded by an apostrophe. The format is the one that is asked for, or else the one that Accept prefers to NDJSON: text/csv. Without a filter the lines are a chain that can be checked elsewhere: hash is the SHA-256 over the hash of the line before (its bytes; none before the first), merchant id, seq, at (with six digits behind the second), actor, act, kind and id of the subject, reason, request_id, client and detail (as it stands in the line), each as a netstring: its length in bytes, a colon, the bytes, a comma. If it breaks off, the connection ends before the body does.
//	@Tags			audit
//	@ID				exportAudit
//	@Produce		application/x-ndjson,text/csv
//	@Param			actor	query		string	false	"Only what this one did, such as api:first"
//	@Param			act		query		string	false	"Only this act"
//	@Param			subject	query		string	false	"Only what was done to this (its id)"
//	@Param			from	query		string	false	"At or after this time (RFC 3339)"
//	@Param			to		query		string	false	"Before this time (RFC 3339)"
//	@Param			format	query		string	false	"How it is written"	Enums(ndjson, csv)
//	@Success		200		{string}	string	"The entries"
//	@Header			200		{string}	Content-Disposition	"Names the file after the day"
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/audit/export [get]
func (s *server) exportAudit(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	end, err := s.costly.begin(caller.MerchantID, "audit")
	if err != nil {
		return err
	}
	defer end()
	q := readQuery(r)
	f, format := auditFilter(q), q.oneOf("format", "ndjson", "csv")
	if err := q.done(); err != nil {
		return err
	}
	if err := s.enterExport(r, caller, models.SubjectAudit); err != nil {
		return err
	}
	write, media := WriteAudit, "application/x-ndjson"
	if format == "csv" || format == "" && strings.Contains(r.Header.Get("Accept"), "text/csv") {
		write, media, format = writeAuditTable, "text/csv; charset=utf-8", "csv"
	} else {
		format = "ndjson"
	}
	control, begun := http.NewResponseController(w), false
	_ = control.SetReadDeadline(time.Time{}) // it may take longer than a request is read
	err = s.Audit.Each(r.Context(), caller.MerchantID, f, func(entries []models.AuditEntry) error {
		_ = control.SetWriteDeadline(time.Now().Add(exportWrite))
		if !begun {
			begun = true
			w.Header().Set("Content-Type", media)
			w.Header().Set("Content-Disposition", `attachment; filename="waybill-audit-`+time.Now().UTC().Format(time.DateOnly)+"."+format+`"`)
			w.WriteHeader(http.StatusOK)
			if format == "csv" {
				_, _ = io.WriteString(w, byteOrder+strings.Join(auditColumns, ",")+"\r\n")
			}
		}
		if err := write(w, entries); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil && begun {
		s.Log.Warn("an export broke off", "request_id", infoOf(r).id, "error", err)
		panic(http.ErrAbortHandler) // half of it must not look like the whole
	}
	return err
}

// enterExport enters that something was taken away, and by which filters; not what they were set to, which may be a buyer's name.
func (s *server) enterExport(r *http.Request, caller accounts.Caller, what string) error {
	return s.Audit.Enter(r.Context(), caller.MerchantID, audit.Act{
		By: caller.Actor, What: models.ActExported, Subject: models.AuditSubject{Kind: what}, Detail: map[string]any{"filters": slices.Sorted(maps.Keys(r.URL.Query()))},
	})
}

// WriteAudit writes entries as the API's JSON, one on each line.
func WriteAudit(w io.Writer, entries []models.AuditEntry) error {
	out := json.NewEncoder(w)
	for _, e := range entries {
		if err := out.Encode(toAuditEntry(e)); err != nil {
			return err
		}
	}
	return nil
}

var auditColumns = []string{"Number", "At", "Actor", "Act", "Subject", "Subject id", "Reason", "Request", "Address", "Detail", "Hash"}

func writeAuditTable(w io.Writer, entries []models.AuditEntry) error {
	table := csv.NewWriter(w)
	table.UseCRLF = true
	for _, e := range entries {
		_ = table.Write([]string{
			strconv.FormatInt(e.Seq, 10), cellTime(&e.At), cell(string(e.Actor)), cell(string(e.Act)), cell(e.Subject.Kind), cell(string(e.Subject.ID)), cell(e.Reason),
			cell(e.Request.ID), cell(e.Request.Client), cell(string(e.Detail)), hex.EncodeToString(e.Hash),
		})
	}
	table.Flush()
	return table.Error()
}

// auditReport is what a look at the whole chain found.
type auditReport struct {
	// Nothing was changed, taken out or put in between.
	Whole bool `json:"whole" validate:"required"`
	// How many entries fit, from the first on.
	Entries int64 `json:"entries" validate:"required" example:"1204"`
	// The hash of the last that fits. Kept elsewhere, it shows later that the chain still leads there. Empty without entries.
	Head string `json:"head" validate:"required"`
	// The first entry that does not fit, or is missing.
	BrokenAt *int64 `json:"broken_at,omitempty"`
	Why      string `json:"why,omitempty" example:"The entry is missing."`
} //	@name	AuditReport

// auditWalk is how long a look at the whole chain may take.
const auditWalk = 5 * time.Minute

// verifyAudit walks the chain of what was done.
//
//	@Summary		Check that what was done is as it was entered
//	@Description	Walks the whole chain and computes every hash anew.
//	@Tags			audit
//	@ID				verifyAudit
//	@Produce		json
//	@Success		200		{object}	auditReport
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/audit/verify [get]
func (s *server) verifyAudit(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	end, err := s.costly.begin(caller.MerchantID, "audit")
	if err != nil {
		return err
	}
	defer end()
	if err := readQuery(r).done(); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(auditWalk))
	found, err := s.Audit.Verify(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := auditReport{Whole: found.Broken == nil, Entries: found.Entries, Head: hex.EncodeToString(found.Head)}
	if b := found.Broken; b != nil {
		out.BrokenAt, out.Why = &b.Seq, b.Why
	}
	return respond(w, http.StatusOK, out)
}
