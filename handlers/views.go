package handlers

import (
	"net/http"
	"strings"
	"time"

	"waybill/models"
	"waybill/services/accounts"
)

// savedView is a query of the dashboard under a name.
type savedView struct {
	ID   models.ID `json:"id" validate:"required"`
	Name string    `json:"name" validate:"required" example:"Late in Germany"`
	// The dashboard's query string. Waybill keeps it and reads nothing into it.
	Query     string    `json:"query" validate:"required" example:"tab=awaiting_shipment&country=DE&sort=deadline"`
	CreatedAt time.Time `json:"created_at" validate:"required"`
} //	@name	SavedView

func toView(v models.SavedView) savedView {
	return savedView{ID: v.ID, Name: v.Name, Query: v.Query, CreatedAt: v.CreatedAt.UTC()}
}

type savedViewList struct {
	Views []savedView `json:"views" validate:"required"`
} //	@name	SavedViewList

// listViews gives all saved views.
//
//	@Summary	List saved views
//	@Tags		views
//	@ID			listViews
//	@Produce	json
//	@Success	200		{object}	savedViewList
//	@Failure	401		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/views [get]
func (s *server) listViews(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	views, err := s.Orders.Views(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := savedViewList{Views: make([]savedView, len(views))}
	for i, v := range views {
		out.Views[i] = toView(v)
	}
	return respond(w, http.StatusOK, out)
}

type savedViewRequest struct {
	// Unique; spaces around it are left out.
	Name string `json:"name" validate:"required,max=60" example:"Late in Germany"`
	// Anything; Waybill reads nothing into it.
	Query string `json:"query" validate:"max=1000" example:"tab=awaiting_shipment&country=DE&sort=deadline"`
} //	@name	SavedViewRequest

func (s *server) readView(w http.ResponseWriter, r *http.Request) (savedViewRequest, error) {
	in, err := decode[savedViewRequest](s, w, r, false)
	if err != nil {
		return in, err
	}
	in.Name = strings.TrimSpace(in.Name)
	return in, s.validate.check(in)
}

// createView saves a view.
//
//	@Summary		Save a view
//	@Description	Answers 409 when the name is taken (view_name_taken), or when there are 50 already (too_many_views).
//	@Tags			views
//	@ID				createView
//	@Accept			json
//	@Produce		json
//	@Param			request	body		savedViewRequest	true	"Name and query"
//	@Success		201		{object}	savedView
//	@Failure		401		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/views [post]
func (s *server) createView(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := s.readView(w, r)
	if err != nil {
		return err
	}
	v, err := s.Orders.SaveView(r.Context(), caller.MerchantID, in.Name, in.Query, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toView(v))
}

// replaceView changes a saved view.
//
//	@Summary	Change a saved view
//	@Tags		views
//	@ID			replaceView
//	@Accept		json
//	@Produce	json
//	@Param		id		path		string				true	"View id"
//	@Param		request	body		savedViewRequest	true	"Name and query"
//	@Success	200		{object}	savedView
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	409		{object}	problem
//	@Failure	422		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/views/{id} [put]
func (s *server) replaceView(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := s.readView(w, r)
	if err != nil {
		return err
	}
	v, err := s.Orders.ReplaceView(r.Context(), caller.MerchantID, pathID(r), in.Name, in.Query, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toView(v))
}

// deleteView deletes a saved view.
//
//	@Summary	Delete a saved view
//	@Tags		views
//	@ID			deleteView
//	@Produce	json
//	@Param		id	path	string	true	"View id"
//	@Success	204
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/views/{id} [delete]
func (s *server) deleteView(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.Orders.DeleteView(r.Context(), caller.MerchantID, pathID(r), caller.Actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
