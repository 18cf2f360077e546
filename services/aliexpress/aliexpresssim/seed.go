package aliexpresssim

import "time"

// seedProducts is the catalogue: three stores, one product with several SKUs in two attributes, one with an empty
// sku_attr, one that is sold to a few countries only.
func seedProducts() []*product {
	kedi := &store{1103800006, "Kedi Bottles Store"}
	lumen := &store{1102345678, "Lumen Home Official Store"}
	trail := &store{1101987654, "Trail Gear Factory"}
	return []*product{
		{
			id: 1005006454451334, subID: 3256806268136582, title: "Solar lamp", store: kedi, status: onSelling,
			skus: []*sku{{
				id: 12000037255569170, attr: "200000795:193#no switch;249:200006305#4w(max100w)", price: 1250, stock: 182,
				properties: []property{
					{200000795, 193, "Switch", "black", "no switch"},
					{249, 200006305, "Power", "4w", "4w(max100w)"},
				},
			}},
		},
		{
			id: 1005004638293060, subID: 3256804452541812, title: "Water bottle 500 ml", store: kedi, status: onSelling,
			skus: []*sku{
				colour(12000041122334455, 365458, "Brown", 800, 64),
				colour(12000041122334456, 173, "Blue", 800, 40),
				colour(12000041122334457, 10, "Red", 850, 12),
			},
		},
		{
			id: 1005005112340017, subID: 3256804926588769, title: "Tea infuser", store: kedi, status: onSelling,
			skus: []*sku{{id: 12000031740020011, attr: "", price: 349, stock: 500}},
		},
		{
			id: 1005005820011223, subID: 3256805634259975, title: "Desk lamp with wireless charger", store: lumen,
			status: onSelling, skus: []*sku{
				colour(12000034500110221, 29, "White", 2390, 75),
				colour(12000034500110222, 193, "Black", 2390, 75),
			},
		},
		{
			id: 1005005933004455, subID: 3256805746253207, title: "LED strip 5 m", store: lumen, status: onSelling,
			skus: []*sku{
				warmth(12000035010220331, 200006151, "Warm white", 620, 300),
				warmth(12000035010220332, 200006152, "Cold white", 620, 280),
			},
		},
		{
			id: 1005006011220033, subID: 3256805824468785, title: "Night light for children", store: lumen,
			status: onSelling, shipTo: []string{"US", "UK", "GB", "CA", "AU", "DE"},
			skus: []*sku{{id: 12000035340440551, attr: "", price: 999, stock: 90}},
		},
		{
			id: 1005004999887766, subID: 3256804814136518, title: "Trekking shirt", store: trail, status: onSelling,
			skus: []*sku{
				shirt(12000031200550661, 175, "Green", 100014064, "M", 1575, 20),
				shirt(12000031200550662, 175, "Green", 361386, "L", 1575, 18),
				shirt(12000031200550663, 193, "Black", 100014064, "M", 1575, 0),
				shirt(12000031200550664, 193, "Black", 361386, "L", 1625, 7),
			},
		},
		{
			id: 1005005200771199, subID: 3256805015019951, title: "Folding travel mug", store: trail, status: onSelling,
			skus: []*sku{colour(12000032100660771, 175, "Green", 1149, 33)},
		},
	}
}

func colour(id, value int64, name string, price int64, stock int) *sku {
	return &sku{
		id: id, attr: "14:" + itoa(value) + "#" + name, price: price, stock: stock,
		properties: []property{{14, value, "Color", name, name}},
	}
}

func warmth(id, value int64, name string, price int64, stock int) *sku {
	return &sku{
		id: id, attr: "200000530:" + itoa(value), price: price, stock: stock,
		properties: []property{{200000530, value, "Emitting Color", name, name}},
	}
}

func shirt(id, value int64, name string, size int64, sizeName string, price int64, stock int) *sku {
	return &sku{
		id: id, attr: "14:" + itoa(value) + "#" + name + ";5:" + itoa(size), price: price, stock: stock,
		properties: []property{{14, value, "Color", name, name}, {5, size, "Size", sizeName, sizeName}},
	}
}

// plantSeed opens the buyer account and ships its first order in two parcels. It runs before anybody can call.
func (s *Server) plantSeed() {
	a := s.openAccount()
	g := s.issueTokens(a.userID, "seed", s.now().Add(s.opts.RefreshLife))
	lamp, bottle := s.products[0], s.products[1]
	o := s.newOrder(a.userID, lamp.store, []line{
		{product: lamp, sku: lamp.skus[0], quantity: 1, price: lamp.skus[0].price, delivery: &deliveries[0]},
		{product: bottle, sku: bottle.skus[0], quantity: 1, price: bottle.skus[0].price, delivery: &deliveries[0]},
	})
	o.createdAt = s.now().Add(-5 * 24 * time.Hour)
	o.readableAt = o.createdAt
	o.paidAt = o.createdAt.Add(78 * time.Second)
	o.status, o.logistics = statusAwaitingShipment, statusAwaitingShipment
	o.address = Address{
		"address": "120 E Landis Ave", "address2": "Apt 4", "city": "Vineland", "province": "New Jersey",
		"country": "US", "zip": "08360", "contact_person": "Malik Jack", "full_name": "Malik Jack",
		"phone_country": "+1", "mobile_no": "8565550100", "locale": "en_US",
	}
	for i := range o.lines {
		parcel := s.pack(o, ShipOptions{}, []packed{{i, 1}})
		parcel.shippedAt = o.paidAt.Add(time.Duration(12*(i+1)) * time.Hour)
		parcel.nodes = parcel.nodes[:0]
		parcel.addNode(parcel.shippedAt, "Package shipped", "Package left the warehouse.")
		parcel.addNode(parcel.shippedAt.Add(36*time.Hour), "Delivery update", "Your package arrived at local facility.")
	}
	o.settle()
	s.seed = Info{
		AppKey: s.opts.AppKey, AppSecret: s.opts.AppSecret, UserID: a.userID,
		AuthCode: s.issueCode(a.userID, 0), Session: g.accessToken, RefreshToken: g.refreshToken,
		OrderID: o.number(), ProductID: itoa(lamp.id), SKUID: itoa(lamp.skus[0].id),
	}
	s.journal = nil // the seed is where history begins, not a part of it
}
