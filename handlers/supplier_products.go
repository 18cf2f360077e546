package handlers

import (
	"cmp"
	"net/http"

	"github.com/go-chi/chi/v5"

	"waybill/models"
	"waybill/services/accounts"
)

// supplierProduct is a product as AliExpress sells it.
type supplierProduct struct {
	ProductID string `json:"product_id" validate:"required" example:"1005006454451334"`
	Title     string `json:"title" validate:"required" example:"Insulated Water Bottle"`
	ImageURL  string `json:"image_url,omitempty"`
	// The AliExpress store that sells it.
	Store supplierStore `json:"store" validate:"required"`
	SKUs  []supplierSKU `json:"skus" validate:"required"`
} //	@name	SupplierProduct

// supplierSKU is one variant that can be bought.
type supplierSKU struct {
	SKUID string `json:"sku_id" validate:"required" example:"12000037255569170"`
	// Verbatim, for a mapping's supplier_sku_attr; empty for a product of one variant.
	SKUAttr string `json:"sku_attr" validate:"required" example:"14:365458#Brown"`
	// What a person chooses by; empty for a product of one variant.
	Text  string `json:"text" validate:"required" example:"Color: Brown"`
	Price money  `json:"price" validate:"required"`
	Stock int    `json:"stock" validate:"required" example:"98"`
} //	@name	SupplierSKU

func toSupplierProduct(p models.SupplierProduct) supplierProduct {
	out := supplierProduct{
		ProductID: p.ProductID, Title: p.Title, ImageURL: p.ImageURL, Store: supplierStore{p.StoreID, p.StoreName}, SKUs: make([]supplierSKU, len(p.SKUs)),
	}
	for i, k := range p.SKUs {
		out.SKUs[i] = supplierSKU{SKUID: k.ID, SKUAttr: k.Attr, Text: k.Name, Price: money{k.Price.Minor, k.Price.Currency}, Stock: k.Stock}
	}
	return out
}

// getSupplierProduct reads a product from AliExpress.
//
//	@Summary		Get a product from AliExpress
//	@Description	Asked of AliExpress now, for choosing what a variant is mapped to. Its problems: account_needed (no account is connected, or several and none named), product_gone, not_sold_there, and 429 while no call is allowed.
//	@Tags			product mappings
//	@ID				getSupplierProduct
//	@Produce		json
//	@Param			product_id	path		string	true	"AliExpress' product id"
//	@Param			account_id	query		string	false	"The supplier account that asks; needed only where there are several"
//	@Param			country		query		string	false	"Where it would be shipped to: what is sold there, and how much of it"	default(US)
//	@Success		200			{object}	supplierProduct
//	@Failure		401			{object}	problem
//	@Failure		404			{object}	problem
//	@Failure		409			{object}	problem
//	@Failure		422			{object}	problem
//	@Failure		default		{object}	problem
//	@Security		BearerAuth
//	@Router			/supplier-products/{product_id} [get]
func (s *server) getSupplierProduct(w http.ResponseWriter, r *http.Request, caller accounts.Caller) error {
	end, err := s.costly.begin(caller.MerchantID, "supplier product")
	if err != nil {
		return err
	}
	defer end()
	q := readQuery(r)
	account, country := q.id("account_id"), cmp.Or(q.country("country"), "US")
	if err := q.done(); err != nil {
		return err
	}
	p, err := s.Sync.SupplierProduct(r.Context(), caller.MerchantID, account, chi.URLParam(r, "product_id"), country)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, toSupplierProduct(p))
}
