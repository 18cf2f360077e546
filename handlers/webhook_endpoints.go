package handlers

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/outgoing"
)

// webhookEndpoint is where the merchant wants to be told of changes, without its secret.
type webhookEndpoint struct {
	ID          models.ID            `json:"id" validate:"required"`
	URL         string               `json:"url" validate:"required" example:"https://example.com/waybill"`
	Description string               `json:"description" validate:"required" example:"Warehouse"`
	Types       []models.WebhookType `json:"types" validate:"required"`
	State       string               `json:"state" validate:"required" enums:"active,disabled"`
	// Why it is disabled: by a person, because it answered 410, or because it answered with nothing but failures for five days.
	DisabledWhy string     `json:"disabled_why,omitempty" enums:"person,gone,failing"`
	DisabledAt  *time.Time `json:"disabled_at,omitempty"`
	// Absent: its newest attempt was a success.
	FailingSince *time.Time `json:"failing_since,omitempty"`
	// To the minute. Absent: nothing was ever delivered.
	LastSuccessAt *time.Time `json:"last_success_at,omitempty"`
	// Until then the secret before this one signs, too.
	OldSecretUntil *time.Time `json:"old_secret_until,omitempty"`
	CreatedAt      time.Time  `json:"created_at" validate:"required"`
	CreatedBy      string     `json:"created_by" validate:"required" example:"api:first"`
} //	@name	WebhookEndpoint

func toEndpoint(e models.WebhookEndpoint) webhookEndpoint {
	return webhookEndpoint{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, State: string(e.State), DisabledWhy: e.DisabledWhy, DisabledAt: utc(e.DisabledAt), FailingSince: utc(e.FailingSince),
		LastSuccessAt: utc(e.LastSuccessAt), OldSecretUntil: utc(e.OldSecretUntil), CreatedAt: e.CreatedAt.UTC(), CreatedBy: string(e.CreatedBy),
	}
}

type webhookEndpointList struct {
	WebhookEndpoints []webhookEndpoint `json:"webhook_endpoints" validate:"required"`
} //	@name	WebhookEndpointList

// listWebhookEndpoints gives all endpoints of the merchant.
//
//	@Summary	List webhook endpoints
//	@Tags		webhook endpoints
//	@ID			listWebhookEndpoints
//	@Produce	json
//	@Success	200		{object}	webhookEndpointList
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/webhook-endpoints [get]
func (s *server) listWebhookEndpoints(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.Outgoing.Endpoints(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := webhookEndpointList{WebhookEndpoints: make([]webhookEndpoint, len(list))}
	for i, e := range list {
		out.WebhookEndpoints[i] = toEndpoint(e)
	}
	return respond(w, http.StatusOK, out)
}

// getWebhookEndpoint gives one endpoint.
//
//	@Summary	Get a webhook endpoint
//	@Tags		webhook endpoints
//	@ID			getWebhookEndpoint
//	@Produce	json
//	@Param		id		path		string	true	"Endpoint id"
//	@Success	200		{object}	webhookEndpoint
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/webhook-endpoints/{id} [get]
func (s *server) getWebhookEndpoint(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	e, err := s.Outgoing.Endpoint(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toEndpoint(e))
}

type webhookEndpointRequest struct {
	// Must begin with https:// and lead to port 443 of a public address. Redirects are not followed.
	URL string `json:"url" validate:"required,max=500" example:"https://example.com/waybill"`
	// Spaces around it are left out.
	Description string               `json:"description" validate:"max=100" example:"Warehouse"`
	Types       []models.WebhookType `json:"types" validate:"required,min=1,max=20,unique,dive,oneof=order.created order.tab_changed order.shipped order.flag_opened order.flag_closed connection.needs_reauth sync_job.finished"`
	// Nothing is sent to it, and what happens meanwhile is not kept for it. An endpoint that is enabled again begins anew: what it has failed before no longer counts.
	Disabled bool `json:"disabled"`
} //	@name	WebhookEndpointRequest

func (s *server) readEndpoint(w http.ResponseWriter, r *http.Request) (outgoing.Wanted, error) {
	in, err := decode[webhookEndpointRequest](s, w, r, false)
	return outgoing.Wanted{URL: in.URL, Description: strings.TrimSpace(in.Description), Types: in.Types, Disabled: in.Disabled}, err
}

// newWebhookEndpoint is an endpoint, this once with its secret.
type newWebhookEndpoint struct {
	webhookEndpoint
	// With it each message is signed (Standard Webhooks 1.0, HMAC-SHA256). It is shown this once and cannot be read again.
	Secret string `json:"secret" validate:"required" example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD2gBX7Zo0oKk="`
} //	@name	NewWebhookEndpoint

// createWebhookEndpoint adds an endpoint.
//
//	@Summary		Add a webhook endpoint
//	@Description	The answer holds the secret, which is shown this once. Messages are POSTed as JSON with type, timestamp and data, which has ids, numbers and tabs and nothing of a buyer, and are signed as Standard Webhooks 1.0 says: webhook-id, which stays the same when a message is sent again, webhook-timestamp and webhook-signature. Whatever answers 2xx within 15 seconds has the message; anything else is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h. 410 disables the endpoint, as do five days of nothing but failures. A message may arrive twice, and before an older one: version grows with each change of an order. Answers 409 (too_many_webhook_endpoints) when there are 10 already.
//	@Tags			webhook endpoints
//	@ID				createWebhookEndpoint
//	@Accept			json
//	@Produce		json
//	@Param			request	body		webhookEndpointRequest	true	"Address and types"
//	@Success		201		{object}	newWebhookEndpoint
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-endpoints [post]
func (s *server) createWebhookEndpoint(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := s.readEndpoint(w, r)
	if err != nil {
		return err
	}
	e, secret, err := s.Outgoing.AddEndpoint(r.Context(), caller.MerchantID, in, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, newWebhookEndpoint{toEndpoint(e), secret.Reveal()})
}

// replaceWebhookEndpoint changes an endpoint.
//
//	@Summary		Change a webhook endpoint
//	@Description	What waits for an endpoint that is disabled has failed, and can be replayed when it is enabled again.
//	@Tags			webhook endpoints
//	@ID				replaceWebhookEndpoint
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string					true	"Endpoint id"
//	@Param			request	body		webhookEndpointRequest	true	"Address and types"
//	@Success		200		{object}	webhookEndpoint
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-endpoints/{id} [put]
func (s *server) replaceWebhookEndpoint(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := s.readEndpoint(w, r)
	if err != nil {
		return err
	}
	e, err := s.Outgoing.ReplaceEndpoint(r.Context(), caller.MerchantID, pathID(r), in, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toEndpoint(e))
}

// deleteWebhookEndpoint deletes an endpoint.
//
//	@Summary	Delete a webhook endpoint
//	@Tags		webhook endpoints
//	@ID			deleteWebhookEndpoint
//	@Produce	json
//	@Param		id	path	string	true	"Endpoint id"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	403		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/webhook-endpoints/{id} [delete]
func (s *server) deleteWebhookEndpoint(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.Outgoing.DeleteEndpoint(r.Context(), caller.MerchantID, pathID(r), caller.Actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// rotateWebhookSecret gives an endpoint a new secret.
//
//	@Summary		Replace the secret of a webhook endpoint
//	@Description	The answer holds the new secret, which is shown this once. For a day messages are signed with the one before, too.
//	@Tags			webhook endpoints
//	@ID				rotateWebhookSecret
//	@Produce		json
//	@Param			id		path		string	true	"Endpoint id"
//	@Success		200		{object}	newWebhookEndpoint
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-endpoints/{id}/rotate-secret [post]
func (s *server) rotateWebhookSecret(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	e, secret, err := s.Outgoing.RotateSecret(r.Context(), caller.MerchantID, pathID(r), caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, newWebhookEndpoint{toEndpoint(e), secret.Reveal()})
}

// testWebhookEndpoint has a message sent that tells nothing.
//
//	@Summary		Send a test message
//	@Description	It has the type webhook.test. What became of it is in the list of deliveries a moment later. Answers 409 (webhook_endpoint_disabled) for an endpoint that is disabled.
//	@Tags			webhook endpoints
//	@ID				testWebhookEndpoint
//	@Produce		json
//	@Param			id		path		string	true	"Endpoint id"
//	@Success		202		{object}	webhookDelivery
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-endpoints/{id}/test [post]
func (s *server) testWebhookEndpoint(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	d, err := s.Outgoing.SendTest(r.Context(), caller.MerchantID, pathID(r), caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, toDelivery(d))
}

// webhookDelivery is what became of a message at an endpoint.
type webhookDelivery struct {
	MessageID models.ID          `json:"message_id" validate:"required"`
	Type      models.WebhookType `json:"type" validate:"required"`
	State     string             `json:"state" validate:"required" enums:"waiting,delivered,failed"`
	CreatedAt time.Time          `json:"created_at" validate:"required"`
	// What is sent.
	Payload     json.RawMessage `json:"payload" validate:"required" swaggertype:"object"`
	Attempts    int             `json:"attempts" validate:"required"`
	NextTryAt   *time.Time      `json:"next_try_at,omitempty"`
	DeliveredAt *time.Time      `json:"delivered_at,omitempty"`
	// The newest 20 attempts, oldest first.
	Tries []webhookTry `json:"tries" validate:"required"`
} //	@name	WebhookDelivery

type webhookTry struct {
	At         time.Time `json:"at" validate:"required"`
	DurationMS int64     `json:"duration_ms" validate:"required"`
	// Absent: there was no answer.
	Status int `json:"status,omitempty" example:"503"`
	// Absent: it was delivered.
	Error string `json:"error,omitempty" enums:"timeout,name_not_found,unreachable,tls_failed,address_forbidden,redirected,refused,secret_unreadable"`
} //	@name	WebhookTry

func toDelivery(d outgoing.Delivery) webhookDelivery {
	out := webhookDelivery{
		MessageID: d.MessageID, Type: d.Type, State: string(d.State), CreatedAt: d.CreatedAt.UTC(), Payload: json.RawMessage(d.Payload), Attempts: d.Attempts, NextTryAt: utc(d.NextTryAt),
		DeliveredAt: utc(d.DeliveredAt), Tries: make([]webhookTry, len(d.Tries)),
	}
	for i, t := range d.Tries {
		out.Tries[i] = webhookTry{At: t.At.UTC(), DurationMS: t.Millis, Status: t.Status, Error: t.Error}
	}
	return out
}

type webhookDeliveryList struct {
	Deliveries []webhookDelivery `json:"deliveries" validate:"required"`
	NextCursor string            `json:"next_cursor,omitempty"`
} //	@name	WebhookDeliveryList

// listWebhookDeliveries gives what an endpoint was told.
//
//	@Summary		List deliveries
//	@Description	What an endpoint was told and what became of it, newest first, for 30 days. Answers of receivers are not kept.
//	@Tags			webhook endpoints
//	@ID				listWebhookDeliveries
//	@Produce		json
//	@Param			id		path		string	true	"Endpoint id"
//	@Param			state	query		string	false	"Only these"	Enums(waiting, delivered, failed)
//	@Param			cursor	query		string	false	"next_cursor of the page before"
//	@Param			limit	query		int		false	"At most so many"	minimum(1)	maximum(200)	default(50)
//	@Success		200		{object}	webhookDeliveryList
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-endpoints/{id}/deliveries [get]
func (s *server) listWebhookDeliveries(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	f := outgoing.DeliveryFilter{State: models.WebhookDeliveryState(q.oneOf("state", "waiting", "delivered", "failed")), Cursor: q.text("cursor", 100), Limit: q.limit()}
	if err := q.done(); err != nil {
		return err
	}
	list, next, err := s.Outgoing.Deliveries(r.Context(), caller.MerchantID, pathID(r), f)
	if err != nil {
		return err
	}
	out := webhookDeliveryList{Deliveries: make([]webhookDelivery, len(list)), NextCursor: next}
	for i, d := range list {
		out.Deliveries[i] = toDelivery(d)
	}
	return respond(w, http.StatusOK, out)
}

type webhookReplayRequest struct {
	// Only to this endpoint; left out: to all that it was for.
	EndpointID models.ID `json:"endpoint_id,omitempty" validate:"omitempty,uuid"`
} //	@name	WebhookReplayRequest

type webhookReplayed struct {
	// How many deliveries are made again.
	Replayed int `json:"replayed" validate:"required"`
} //	@name	WebhookReplayed

// replayWebhookMessage has a message delivered again.
//
//	@Summary		Send a message again
//	@Description	It keeps its id, and its schedule begins anew. Answers 409 (webhook_endpoint_disabled) when all endpoints that it was for are disabled.
//	@Tags			webhook endpoints
//	@ID				replayWebhookMessage
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string					true	"Message id"
//	@Param			request	body		webhookReplayRequest	false	"Where to"
//	@Success		202		{object}	webhookReplayed
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-messages/{id}/replay [post]
func (s *server) replayWebhookMessage(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[webhookReplayRequest](s, w, r, true)
	if err != nil {
		return err
	}
	n, err := s.Outgoing.ReplayMessage(r.Context(), caller.MerchantID, pathID(r), in.EndpointID, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, webhookReplayed{n})
}

type webhookReplayFailedRequest struct {
	// Messages that were written since then.
	Since time.Time `json:"since" validate:"required" example:"2026-03-14T09:20:41Z"`
} //	@name	WebhookReplayFailedRequest

// replayFailedWebhooks has everything delivered again that was given up.
//
//	@Summary		Send again what failed
//	@Description	Everything that was written since a time and given up. Answers 409 (webhook_endpoint_disabled) for an endpoint that is disabled.
//	@Tags			webhook endpoints
//	@ID				replayFailedWebhooks
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string						true	"Endpoint id"
//	@Param			request	body		webhookReplayFailedRequest	true	"Since when"
//	@Success		202		{object}	webhookReplayed
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/webhook-endpoints/{id}/replay-failed [post]
func (s *server) replayFailedWebhooks(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[webhookReplayFailedRequest](s, w, r, false)
	if err != nil {
		return err
	}
	n, err := s.Outgoing.ReplayFailed(r.Context(), caller.MerchantID, pathID(r), in.Since, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, webhookReplayed{n})
}
