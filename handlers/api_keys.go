package handlers

import (
	"net/http"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/accounts"
)

// apiKey is a key without its secret.
type apiKey struct {
	ID   models.ID `json:"id" validate:"required"`
	Name string    `json:"name" validate:"required" example:"Warehouse script"`
	// The first characters of the key, so that its owner knows it again; empty for a key that Waybill did not make.
	StartsWith string            `json:"starts_with" validate:"required" example:"wbk_4QJX"`
	Scopes     []models.KeyScope `json:"scopes" validate:"required"`
	// An active key works; an expired or revoked one never will again.
	State string `json:"state" validate:"required" enums:"active,expired,revoked"`
	// This request was made with it.
	Current   bool      `json:"current" validate:"required"`
	CreatedAt time.Time `json:"created_at" validate:"required"`
	CreatedBy string    `json:"created_by" validate:"required" example:"api:first"`
	// Absent: it does not expire.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// To the minute. Absent: never.
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	RevokedBy  string     `json:"revoked_by,omitempty" example:"api:first"`
} //	@name	APIKey

func toKey(k models.APIKey, caller accounts.Caller) apiKey {
	out := apiKey{
		ID: k.ID, Name: k.Name, StartsWith: k.StartsWith, Scopes: k.Scopes, State: "active", Current: k.ID == caller.Key.ID, CreatedAt: k.CreatedAt.UTC(), CreatedBy: string(k.CreatedBy),
		ExpiresAt: utc(k.ExpiresAt), LastUsedAt: utc(k.LastUsedAt), RevokedAt: utc(k.RevokedAt), RevokedBy: string(k.RevokedBy),
	}
	switch {
	case k.RevokedAt != nil:
		out.State = "revoked"
	case k.Expired:
		out.State = "expired"
	}
	return out
}

type apiKeyList struct {
	APIKeys []apiKey `json:"api_keys" validate:"required"`
} //	@name	APIKeyList

// listAPIKeys gives all keys of the merchant.
//
//	@Summary		List API keys
//	@Description	Newest first, the revoked ones last. A key itself is shown once, when it is made.
//	@Tags			api keys
//	@ID				listAPIKeys
//	@Produce		json
//	@Success		200		{object}	apiKeyList
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/api-keys [get]
func (s *server) listAPIKeys(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	keys, err := s.Accounts.Keys(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := apiKeyList{APIKeys: make([]apiKey, len(keys))}
	for i, k := range keys {
		out.APIKeys[i] = toKey(k, caller)
	}
	return respond(w, http.StatusOK, out)
}

type apiKeyRequest struct {
	// Unique among the keys that are not revoked; timelines name it. Spaces around it are left out.
	Name   string            `json:"name" validate:"required,max=60" example:"Warehouse script"`
	Scopes []models.KeyScope `json:"scopes" validate:"required,min=1,max=30,unique,dive,oneof=orders:read orders:write orders:place pushes:retry orders:note sync:write connections:read connections:write settings:read settings:write webhooks:write keys:write people:write audit:read"`
	// It stops working then. Left out: never.
	ExpiresAt *time.Time `json:"expires_at,omitempty" example:"2027-01-01T00:00:00Z"`
} //	@name	APIKeyRequest

// newAPIKey is a key, this once with its secret.
type newAPIKey struct {
	apiKey
	// The key. It is shown this once and cannot be read again.
	Key string `json:"key" validate:"required" example:"wbk_4QJX7LRBMZ2P5KTSVHYDNCWEA3"`
} //	@name	NewAPIKey

// createAPIKey makes a key.
//
//	@Summary		Make an API key
//	@Description	The answer holds the key, which is shown this once. A key can give no more than it has: neither a scope that it lacks (scope_missing) nor a longer life (key_outlives_maker). Answers 409 when the name is taken (key_name_taken) or there are 50 keys already (too_many_keys).
//	@Tags			api keys
//	@ID				createAPIKey
//	@Accept			json
//	@Produce		json
//	@Param			request	body		apiKeyRequest	true	"Name, scopes and end"
//	@Success		201		{object}	newAPIKey
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/api-keys [post]
func (s *server) createAPIKey(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[apiKeyRequest](s, w, r, false)
	if err != nil {
		return err
	}
	in.Name = strings.TrimSpace(in.Name)
	if err := s.validate.check(in); err != nil {
		return err
	}
	made, key, err := s.Accounts.MakeKey(r.Context(), caller, accounts.NewKey{Name: in.Name, Scopes: in.Scopes, ExpiresAt: in.ExpiresAt})
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, newAPIKey{toKey(made, caller), key.Reveal()})
}

// revokeAPIKey revokes a key.
//
//	@Summary		Revoke an API key
//	@Description	It stops working at once, and for good. Answers 409 (last_managing_key) for the last key that can manage keys and does not expire.
//	@Tags			api keys
//	@ID				revokeAPIKey
//	@Produce		json
//	@Param			id	path	string	true	"Key id"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		403		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/api-keys/{id} [delete]
func (s *server) revokeAPIKey(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.Accounts.RevokeKey(r.Context(), caller, pathID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
