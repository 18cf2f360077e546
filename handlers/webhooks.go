package handlers

import (
	"context"
	"io"
	"net/http"
	"time"

	"waybill/models"
)

type received struct {
	Status string `json:"status" validate:"required" example:"received"`
} //	@name	Received

// A Wix order of 300 lines is more than a megabyte inside its JWT (wix.md 5.4).
const (
	maxWixWebhook = 5 << 20
	maxPush       = 256 << 10
)

// Wix waits 1,250 ms for its 200 and AliExpress 500 ms. Giving up earlier leaves them time to hear that they should come
// again.
const (
	wixPatience  = 1000 * time.Millisecond
	pushPatience = 450 * time.Millisecond
)

// wixWebhook takes a signed event: verify, store, enqueue, answer. A 200 means that the event is durable.
//
//	@Summary		Wix's webhook
//	@Description	Wix calls this. The body is nothing but a JWT signed by Wix (RS256). 200 means that the event is stored; a bad signature is answered with 401 and leaves no trace but a count.
//	@Tags			webhooks
//	@ID				receiveWixWebhook
//	@Accept			plain
//	@Produce		json
//	@Param			jwt	body		string	true	"The signed event"
//	@Success		200	{object}	received
//	@Failure		401	{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/webhooks/wix [post]
func (s *server) wixWebhook(w http.ResponseWriter, r *http.Request) error {
	body, err := rawBody(w, r, maxWixWebhook)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), wixPatience)
	defer cancel()
	if err := s.Sync.ReceiveStoreEvent(ctx, body); err != nil {
		return err
	}
	return respond(w, http.StatusOK, received{Status: "received"})
}

// aliExpressPush takes a signed push message in the same way.
//
//	@Summary		AliExpress' push message
//	@Description	AliExpress calls this. The Authorization header signs the raw body (HMAC-SHA256). 200 means that the message is stored.
//	@Tags			webhooks
//	@ID				receiveAliExpressPush
//	@Accept			json
//	@Produce		json
//	@Param			message	body		object	true	"The push message"
//	@Success		200		{object}	received
//	@Failure		401		{object}	problem
//	@Failure		default	{object}	problem
//	@Router			/webhooks/aliexpress [post]
func (s *server) aliExpressPush(w http.ResponseWriter, r *http.Request) error {
	body, err := rawBody(w, r, maxPush)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), pushPatience)
	defer cancel()
	if err := s.Sync.ReceiveSupplierEvent(ctx, r.Header.Get("Authorization"), body); err != nil {
		return err
	}
	return respond(w, http.StatusOK, received{Status: "received"})
}

func rawBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, bodyError(err, nil)
	}
	if len(body) == 0 {
		return nil, models.Errorf(models.Invalid, "body_missing", "The body is empty.")
	}
	return body, nil
}

// probe answers AliExpress' look whether anybody is there (aliexpress.md 8.4).
//
//	@Summary	AliExpress' liveness check
//	@Tags		webhooks
//	@ID			probeAliExpressPush
//	@Produce	json
//	@Success	200		{object}	received
//	@Failure	default	{object}	problem
//	@Router		/webhooks/aliexpress [get]
func (s *server) probe(w http.ResponseWriter, _ *http.Request) error {
	return respond(w, http.StatusOK, received{Status: "received"})
}
