package handlers

import (
	"net/http"
	"time"

	"waybill/models"
	"waybill/services/accounts"
)

// mappingFields is what a product mapping says.
type mappingFields struct {
	// dropship: bought from a supplier. own: the merchant's own stock, which Waybill leaves alone.
	Role  string `json:"role" validate:"required,oneof=dropship own" enums:"dropship,own"`
	Title string `json:"title" validate:"max=300" example:"Wireless Earbuds, black"`
	// AliExpress' product and SKU; needed for dropship.
	SupplierProductID string `json:"supplier_product_id" validate:"required_if=Role dropship,excluded_if=Role own,omitempty,numeric,max=20" example:"1005006454451334"`
	SupplierSKUID     string `json:"supplier_sku_id" validate:"required_if=Role dropship,excluded_if=Role own,omitempty,numeric,max=20" example:"12000037255569170"`
	SupplierSKUAttr   string `json:"supplier_sku_attr" validate:"max=500" example:"14:365458#Brown"`
	// The AliExpress store; orders are split by it.
	SupplierStoreID   string `json:"supplier_store_id" validate:"max=40" example:"1103800006"`
	SupplierStoreName string `json:"supplier_store_name" validate:"max=200" example:"Kedi Bottles Store"`
	// Preferred shipping service; chosen when placing if it is left out or not offered.
	ShippingService string `json:"shipping_service" validate:"max=100" example:"CAINIAO_STANDARD"`
	// The most that one unit may cost; no limit when left out.
	PriceCap *moneyRequest `json:"price_cap"`
} //	@name	ProductMappingFields

type moneyRequest struct {
	Minor    int64  `json:"minor" validate:"required,min=1" example:"1500"`
	Currency string `json:"currency" validate:"required,iso4217" example:"USD"`
} //	@name	MoneyRequest

func (f mappingFields) into(m models.ProductMapping) models.ProductMapping {
	m.Role, m.Title = models.Role(f.Role), f.Title
	m.SupplierProductID, m.SupplierSKUID, m.SupplierSKUAttr = f.SupplierProductID, f.SupplierSKUID, f.SupplierSKUAttr
	m.SupplierStoreID, m.SupplierStoreName, m.ShippingService = f.SupplierStoreID, f.SupplierStoreName, f.ShippingService
	m.PriceCapMinor, m.PriceCapCurrency = nil, ""
	if f.PriceCap != nil {
		m.PriceCapMinor, m.PriceCapCurrency = &f.PriceCap.Minor, f.PriceCap.Currency
	}
	return m
}

type createMappingRequest struct {
	StoreID string `json:"store_id" validate:"required,uuid"`
	// An order line's variant_key.
	VariantKey string `json:"variant_key" validate:"required,max=300" example:"5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a/00000000-0000-0020-0005-ad9cdc10d3b8"`
	// 0: the supplier. 1: its fallback.
	Rank int `json:"rank" validate:"min=0,max=1"`
	mappingFields
} //	@name	CreateProductMappingRequest

type productMapping struct {
	ID                models.ID   `json:"id" validate:"required"`
	StoreID           models.ID   `json:"store_id" validate:"required"`
	VariantKey        string      `json:"variant_key" validate:"required"`
	Rank              int         `json:"rank" validate:"required" example:"0"`
	Role              models.Role `json:"role" validate:"required" enums:"dropship,own"`
	Title             string      `json:"title" validate:"required"`
	SupplierProductID string      `json:"supplier_product_id,omitempty"`
	SupplierSKUID     string      `json:"supplier_sku_id,omitempty"`
	SupplierSKUAttr   string      `json:"supplier_sku_attr,omitempty"`
	SupplierStoreID   string      `json:"supplier_store_id,omitempty"`
	SupplierStoreName string      `json:"supplier_store_name,omitempty"`
	ShippingService   string      `json:"shipping_service,omitempty"`
	PriceCap          *money      `json:"price_cap,omitempty"`
	CreatedAt         time.Time   `json:"created_at" validate:"required"`
	UpdatedAt         time.Time   `json:"updated_at" validate:"required"`
} //	@name	ProductMapping

func toMapping(m models.ProductMapping) productMapping {
	out := productMapping{
		ID: m.ID, StoreID: m.StoreID, VariantKey: m.VariantKey, Rank: m.Rank, Role: m.Role, Title: m.Title, SupplierProductID: m.SupplierProductID,
		SupplierSKUID: m.SupplierSKUID, SupplierSKUAttr: m.SupplierSKUAttr, SupplierStoreID: m.SupplierStoreID, SupplierStoreName: m.SupplierStoreName,
		ShippingService: m.ShippingService, CreatedAt: m.CreatedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC(),
	}
	if m.PriceCapMinor != nil {
		out.PriceCap = &money{*m.PriceCapMinor, m.PriceCapCurrency}
	}
	return out
}

type mappingPage struct {
	ProductMappings []productMapping `json:"product_mappings" validate:"required"`
	NextCursor      string           `json:"next_cursor,omitempty"`
} //	@name	ProductMappingPage

// listMappings gives one page of product mappings.
//
//	@Summary	List product mappings
//	@Tags		product mappings
//	@ID			listProductMappings
//	@Produce	json
//	@Param		store_id	query		string	false	"Only this store"
//	@Param		variant_key	query		string	false	"Only this variant"
//	@Param		cursor		query		string	false	"next_cursor of the page before"
//	@Param		limit		query		int		false	"Mappings on a page"	minimum(1)	maximum(200)	default(50)
//	@Success	200			{object}	mappingPage
//	@Failure	401			{object}	problem
//	@Failure	default		{object}	problem
//	@Security	BearerAuth
//	@Router		/product-mappings [get]
func (s *server) listMappings(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	store, variant, cursor, limit := q.id("store_id"), q.text("variant_key", 300), q.text("cursor", 36), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	list, next, err := s.Sync.Mappings(r.Context(), caller.MerchantID, store, variant, cursor, limit)
	if err != nil {
		return err
	}
	out := mappingPage{ProductMappings: make([]productMapping, len(list)), NextCursor: next}
	for i, m := range list {
		out.ProductMappings[i] = toMapping(m)
	}
	return respond(w, http.StatusOK, out)
}

// wantedMapping is a variant of open orders that nobody has mapped.
type wantedMapping struct {
	StoreID    models.ID `json:"store_id" validate:"required"`
	VariantKey string    `json:"variant_key" validate:"required"`
	Name       string    `json:"name" validate:"required" example:"Wireless Earbuds"`
	SKU        string    `json:"sku,omitempty" example:"AE-1005003-BLK"`
	Options    string    `json:"options,omitempty" example:"Color: Black"`
	ImageURL   string    `json:"image_url,omitempty"`
	// How many open orders wait for it.
	Orders         int       `json:"orders" validate:"required" example:"3"`
	OldestPlacedAt time.Time `json:"oldest_placed_at" validate:"required"`
} //	@name	WantedMapping

type wantedMappingPage struct {
	WantedMappings []wantedMapping `json:"wanted_mappings" validate:"required"`
	NextCursor     string          `json:"next_cursor,omitempty"`
} //	@name	WantedMappingPage

// listWantedMappings gives one page of what is not mapped.
//
//	@Summary		List variants that have no mapping
//	@Description	Of open orders, by variant key. Lines that belong to no product cannot be mapped and are not here.
//	@Tags			product mappings
//	@ID				listWantedMappings
//	@Produce		json
//	@Param			store_id	query		string	false	"Only this store"
//	@Param			cursor		query		string	false	"next_cursor of the page before"
//	@Param			limit		query		int		false	"Variants on a page"	minimum(1)	maximum(200)	default(50)
//	@Success		200			{object}	wantedMappingPage
//	@Failure		401			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/product-mappings/wanted [get]
func (s *server) listWantedMappings(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	q := readQuery(r)
	store, cursor, limit := q.id("store_id"), q.text("cursor", 1000), q.limit()
	if err := q.done(); err != nil {
		return err
	}
	list, next, err := s.Sync.Wanted(r.Context(), caller.MerchantID, store, cursor, limit)
	if err != nil {
		return err
	}
	out := wantedMappingPage{WantedMappings: make([]wantedMapping, len(list)), NextCursor: next}
	for i, v := range list {
		v.OldestPlacedAt = v.OldestPlacedAt.UTC()
		out.WantedMappings[i] = wantedMapping(v)
	}
	return respond(w, http.StatusOK, out)
}

type supplierList struct {
	Suppliers []supplierStore `json:"suppliers" validate:"required"`
} //	@name	SupplierList

type supplierStore struct {
	ID   string `json:"id" validate:"required" example:"1103800006"`
	Name string `json:"name" validate:"required" example:"Kedi Bottles Store"`
} //	@name	SupplierStore

// listSuppliers lists the AliExpress stores that the mappings name.
//
//	@Summary		List the AliExpress stores that are bought from
//	@Description	Those that product mappings name, at most 1000.
//	@Tags			product mappings
//	@ID				listSuppliers
//	@Produce		json
//	@Success		200		{object}	supplierList
//	@Failure		401		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/suppliers [get]
func (s *server) listSuppliers(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := readQuery(r).done(); err != nil {
		return err
	}
	list, err := s.Sync.SupplierStores(r.Context(), caller.MerchantID)
	if err != nil {
		return err
	}
	out := supplierList{Suppliers: make([]supplierStore, len(list))}
	for i, v := range list {
		out.Suppliers[i] = supplierStore(v)
	}
	return respond(w, http.StatusOK, out)
}

// createMapping maps a variant.
//
//	@Summary		Map a variant to its supplier
//	@Description	Orders that wait for it take it over by themselves.
//	@Tags			product mappings
//	@ID				createProductMapping
//	@Accept			json
//	@Produce		json
//	@Param			request	body		createMappingRequest	true	"The mapping"
//	@Success		201		{object}	productMapping
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		409		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/product-mappings [post]
func (s *server) createMapping(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[createMappingRequest](s, w, r, false)
	if err != nil {
		return err
	}
	m, err := s.Sync.Map(r.Context(), caller.MerchantID, in.into(models.ProductMapping{StoreID: models.ID(in.StoreID), VariantKey: in.VariantKey, Rank: in.Rank}), caller.Actor)
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, toMapping(m))
}

// getMapping gives one product mapping.
//
//	@Summary	Get one product mapping
//	@Tags		product mappings
//	@ID			getProductMapping
//	@Produce	json
//	@Param		id		path		string	true	"Mapping id"
//	@Success	200		{object}	productMapping
//	@Failure	401		{object}	problem
//	@Failure	404		{object}	problem
//	@Failure	default	{object}	problem
//	@Security	BearerAuth
//	@Router		/product-mappings/{id} [get]
func (s *server) getMapping(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	m, err := s.Sync.Mapping(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toMapping(m))
}

// replaceMapping changes what a mapping says; its variant stays.
//
//	@Summary		Replace what a product mapping says
//	@Description	Its store, variant and rank stay. Orders that wait for it take it over by themselves; what has been bought stays.
//	@Tags			product mappings
//	@ID				replaceProductMapping
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Mapping id"
//	@Param			request	body		mappingFields	true	"The mapping"
//	@Success		200		{object}	productMapping
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		422		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/product-mappings/{id} [put]
func (s *server) replaceMapping(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	in, err := decode[mappingFields](s, w, r, false)
	if err != nil {
		return err
	}
	m, err := s.Sync.Mapping(r.Context(), caller.MerchantID, pathID(r))
	if err != nil {
		return err
	}
	if m, err = s.Sync.Map(r.Context(), caller.MerchantID, in.into(m), caller.Actor); err != nil {
		return err
	}
	return respond(w, http.StatusOK, toMapping(m))
}

// deleteMapping removes a product mapping.
//
//	@Summary		Remove a product mapping
//	@Description	What has been bought with it stays.
//	@Tags			product mappings
//	@ID				deleteProductMapping
//	@Produce		json
//	@Param			id	path	string	true	"Mapping id"
//	@Success		204
//	@Failure		401		{object}	problem
//	@Failure		404		{object}	problem
//	@Failure		default	{object}	problem
//	@Security		BearerAuth
//	@Router			/product-mappings/{id} [delete]
func (s *server) deleteMapping(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	if err := s.Sync.Unmap(r.Context(), caller.MerchantID, pathID(r), caller.Actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
