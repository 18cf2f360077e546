package handlers

import (
	"net/http"

	"waybill/models"
)

func (s *server) alive(w http.ResponseWriter, _ *http.Request) error {
	return respond(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether the database answers, is migrated, and the job queue is there.
func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	if err := s.Ready(r.Context()); err != nil {
		return models.Errorf(models.Unavailable, "not_ready", "Waybill is not ready: the database does not answer or is not migrated.").Because(err)
	}
	return respond(w, http.StatusOK, map[string]string{"status": "ready"})
}
