package handlers

import (
	"net/http"

	"waybill/models"
	"waybill/services/accounts"
)

// carrierFields say how stores are told of a carrier.
type carrierFields struct {
	// AliExpress' name for it; case and spaces do not matter. * stands for every carrier that nothing else is said of.
	Name string `json:"name" validate:"required,max=100" example:"AliExpress standard shipping"`
	// What the store is told: one of Wix's own words (fedex, ups, usps, dhl, canadaPost) or any text. AliExpress' name when left out.
	Provider string `json:"provider" validate:"max=100" example:"usps"`
	// The tracking page, https, with {number}. May be left out where Wix builds it: fedex, ups, usps, dhl.
	Link string `json:"link" validate:"max=2000" example:"https://track.example.com/{number}"`
} //	@name	CarrierFields

type carrier struct {
	Name     string `json:"name" validate:"required" example:"usps"`
	Provider string `json:"provider" validate:"required" example:"usps"`
	Link     string `json:"link" validate:"required" example:"https://tools.usps.com/go/TrackConfirmAction.action?tLabels={number}"`
	// own: decided by the merchant, for exactly this name. default: built in, for names that hold this word.
	Source string `json:"source" validate:"required" enums:"own,default"`
	// Whether it is what a carrier of this name is told by.
	Wins bool `json:"wins" validate:"required"`
} //	@name	Carrier

type carrierList struct {
	Carriers []carrier `json:"carriers" validate:"required"`
} //	@name	CarrierList

// listCarriers lists how stores are told of carriers.
//
//	@Summary		List carriers
//	@Description	How stores are told of the carriers that AliExpress names: the merchant's own rules, then the built-in ones. An own rule of exactly a carrier's name wins, then a built-in one by a word of its name, then the rules for every other carrier (*).
//	@Tags			carriers
//	@ID				listCarriers
//	@Produce		json
//	@Success		200		{object}	carrierList
//	@Failure		401		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/carriers [get]
func (s *server) listCarriers(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	own, err := s.Sync.Carriers(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := carrierList{Carriers: []carrier{}}
	for _, c := range own {
		out.Carriers = append(out.Carriers, carrier{c.Name, c.Provider, c.Link, "own", true})
	}
	for _, c := range models.DefaultCarriers() {
		_, isOwn := models.CarrierFor(own, c.Name)
		out.Carriers = append(out.Carriers, carrier{c.Name, c.Provider, c.Link, "default", !isOwn})
	}
	return respond(w, http.StatusOK, out)
}

// putCarrier says how stores are told of a carrier.
//
//	@Summary		Say how stores are told of a carrier
//	@Description	Replaces the merchant's own rule of this name, or adds it. Fulfillments of open orders that were told otherwise are changed in place.
//	@Tags			carriers
//	@ID				putCarrier
//	@Accept			json
//	@Produce		json
//	@Param			request	body		carrierFields	true	"The carrier"
//	@Success		200		{object}	carrier
//	@Failure		401		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/carriers [put]
func (s *server) putCarrier(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[carrierFields](s, w, r, false)
	if err != nil {
		return err
	}
	c, err := s.Sync.PutCarrier(r.Context(), caller.MerchantID, models.Carrier{Name: in.Name, Provider: in.Provider, Link: in.Link}, caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, carrier{c.Name, c.Provider, c.Link, "own", true})
}

// deleteCarrier takes an own rule away.
//
//	@Summary		Remove a carrier of your own
//	@Description	The built-in rule holds again.
//	@Tags			carriers
//	@ID				deleteCarrier
//	@Produce		json
//	@Param			name	query	string	true	"Its name"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/carriers [delete]
func (s *server) deleteCarrier(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	name := q.text("name", 100)
	if name == "" {
		q.bad("name", "is required")
	}
	if err := q.done(); err != nil {
		return err
	}
	if err := s.Sync.DeleteCarrier(r.Context(), caller.MerchantID, name, caller.Actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type testCarrierRequest struct {
	Name   string `json:"name" validate:"max=100" example:"AliExpress standard shipping"`
	Number string `json:"number" validate:"required,max=100" example:"LP00612345678901"`
} //	@name	TestCarrierRequest

type testCarrierAnswer struct {
	Provider string `json:"provider" validate:"required" example:"AliExpress standard shipping"`
	// Where the buyer follows the parcel.
	Link string `json:"link" validate:"required" example:"https://global.cainiao.com/detail.htm?mailNoList=LP00612345678901"`
	// The store is sent no link: it builds this one by itself.
	BuiltByStore bool `json:"built_by_store" validate:"required"`
	// The rule that wins.
	Rule   string `json:"rule" validate:"required" example:"*"`
	Source string `json:"source" validate:"required" enums:"own,default"`
} //	@name	TestCarrierAnswer

// testCarrier says what a store would be told.
//
//	@Summary		Try a carrier
//	@Description	What a store would be told of a parcel with this carrier and number. Nothing is sent.
//	@Tags			carriers
//	@ID				testCarrier
//	@Accept			json
//	@Produce		json
//	@Param			request	body		testCarrierRequest	true	"A carrier's name and a number"
//	@Success		200		{object}	testCarrierAnswer
//	@Failure		401		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/carriers/test [post]
func (s *server) testCarrier(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[testCarrierRequest](s, w, r, false)
	if err != nil {
		return err
	}
	own, err := s.Sync.Carriers(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	rule, isOwn := models.CarrierFor(own, in.Name)
	words := models.TellCarrier(own, in.Name, in.Number, nil)
	out := testCarrierAnswer{Provider: words.Provider, Link: words.FullLink, BuiltByStore: words.Link == "", Rule: rule.Key, Source: "default"}
	if isOwn {
		out.Rule, out.Source = rule.Name, "own"
	}
	return respond(w, http.StatusOK, out)
}
