package ordersync

import (
	"context"
	"time"

	"waybill/models"
	"waybill/services/orders"
)

// decide lets a person's decision about a supplier order in and gives the supplier order as it is then.
func (s *Service) decide(ctx context.Context, m models.MerchantID, supplierOrderID models.ID, by orders.By, fact orders.Fact) (models.SupplierOrder, models.Wait, error) {
	orderID, err := s.orders.OrderOf(ctx, m, "supplier_orders", supplierOrderID)
	if err != nil {
		return models.SupplierOrder{}, "", err
	}
	if _, err := s.apply(ctx, m, orderID, by, fact); err != nil {
		return models.SupplierOrder{}, "", err
	}
	return s.supplierOrder(ctx, m, orderID, supplierOrderID)
}

func (s *Service) supplierOrder(ctx context.Context, m models.MerchantID, orderID, id models.ID) (models.SupplierOrder, models.Wait, error) {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return models.SupplierOrder{}, "", err
	}
	so, _ := supplierOrderIn(d, id)
	return so, d.WaitOf(so), nil
}

// PlaceNow ends the hold of a placement. It answers Conflict once it is being sent, as do the two that follow.
func (s *Service) PlaceNow(ctx context.Context, m models.MerchantID, id models.ID, by orders.By) (models.SupplierOrder, models.Wait, error) {
	return s.decide(ctx, m, id, by, orders.PlacementHurried{SupplierOrderID: id})
}

// HoldPlacement keeps a placement from being sent before a time.
func (s *Service) HoldPlacement(ctx context.Context, m models.MerchantID, id models.ID, until time.Time, by orders.By) (models.SupplierOrder, models.Wait, error) {
	return s.decide(ctx, m, id, by, orders.PlacementHeld{SupplierOrderID: id, Until: until})
}

// Withdraw takes a placement back.
func (s *Service) Withdraw(ctx context.Context, m models.MerchantID, id models.ID, by orders.By) (models.SupplierOrder, models.Wait, error) {
	return s.decide(ctx, m, id, by, orders.PlacementWithdrawn{SupplierOrderID: id})
}

// HoldOrder keeps everything of an order from being placed or sent; a nil until means until it is released.
func (s *Service) HoldOrder(ctx context.Context, m models.MerchantID, orderID models.ID, until *time.Time, by orders.By) error {
	return s.known(ctx, m, orderID, by, orders.OrderHeld{Until: until})
}

// ReleaseOrder ends a hold. What waited is sent.
func (s *Service) ReleaseOrder(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By) error {
	return s.known(ctx, m, orderID, by, orders.OrderReleased{})
}

// known is apply for an id that came from outside.
func (s *Service) known(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By, fact orders.Fact) error {
	if _, err := s.orders.Detail(ctx, m, orderID); err != nil {
		return err
	}
	_, err := s.apply(ctx, m, orderID, by, fact)
	return err
}

// SetPurchaseAddress gives an order an address for the purchase only. What AliExpress is known not to accept is refused.
func (s *Service) SetPurchaseAddress(ctx context.Context, m models.MerchantID, orderID models.ID, to models.Address, by orders.By) error {
	d, err := s.orders.Detail(ctx, m, orderID)
	if err != nil {
		return err
	}
	if fields := s.supplier.CheckAddress(to); len(fields) > 0 {
		e := models.Errorf(models.Invalid, "address_rejected", "%s", addressWords(fields))
		for _, f := range fields {
			e.Fields = append(e.Fields, models.FieldError{Pointer: "/address" + f.Pointer, Reason: f.Reason})
		}
		return e
	}
	_, err = s.apply(ctx, m, orderID, by, orders.PurchaseAddressGiven{Address: to, InsteadOf: models.FingerprintOf(d.Recipient), Differs: models.Differs(d.Recipient, to)})
	return err
}

// DropPurchaseAddress goes back to the store's address.
func (s *Service) DropPurchaseAddress(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By) error {
	return s.known(ctx, m, orderID, by, orders.PurchaseAddressDropped{})
}

// Note writes into an order's timeline.
func (s *Service) Note(ctx context.Context, m models.MerchantID, orderID models.ID, text string, by orders.By) error {
	return s.known(ctx, m, orderID, by, orders.Noted{Text: text})
}

// ShowAddress gives an order with what is masked for staff, and writes into its timeline who was shown it and why.
func (s *Service) ShowAddress(ctx context.Context, m models.MerchantID, orderID models.ID, by orders.By) (orders.Detail, error) {
	if err := s.known(ctx, m, orderID, by, orders.AddressShown{}); err != nil {
		return orders.Detail{}, err
	}
	return s.orders.Detail(ctx, m, orderID)
}
