package models

import (
	"slices"
	"sort"
	"time"
)

// Parcel is one package on its way to a buyer. It belongs to one order and may hold goods of several of its supplier orders.
type Parcel struct {
	MerchantID      MerchantID `gorm:"primaryKey"`
	ID              ID         `gorm:"primaryKey"`
	OrderID         ID
	TrackingNumber  string
	Carrier         string   // AliExpress' name for it, verbatim
	PreviousNumbers []string `gorm:"serializer:json"` // numbers it had before; never erased
	LastEvent       string
	LastEventAt     *time.Time
	MissingSince    *time.Time // AliExpress no longer lists it; the number is kept
	FirstSeenAt     time.Time

	Items []ParcelItem `gorm:"-"`
}

// ParcelItem is a quantity of one supplier-order line inside a parcel.
type ParcelItem struct {
	MerchantID      MerchantID `gorm:"primaryKey"`
	ParcelID        ID         `gorm:"primaryKey"`
	SupplierOrderID ID         `gorm:"primaryKey"`
	LineID          string     `gorm:"primaryKey"`
	Part            int        `gorm:"primaryKey"`
	OrderID         ID
	SKUID           string `gorm:"column:sku_id"`
	Quantity        int
}

// hadNumber reports whether the parcel goes or ever went by number.
func (p Parcel) hadNumber(number string) bool {
	return p.TrackingNumber == number || slices.Contains(p.PreviousNumbers, number)
}

// ParcelChange says what MergeParcels did to one parcel.
type ParcelChange struct {
	Parcel  Parcel
	Kind    ParcelChangeKind
	WasNumb string // with ParcelRenumbered: the number before
}

// ParcelChangeKind is what happened to a parcel.
type ParcelChangeKind string

// Kinds of parcel change.
const (
	ParcelNew        ParcelChangeKind = "new"
	ParcelRenumbered ParcelChangeKind = "renumbered"
	ParcelUpdated    ParcelChangeKind = "updated" // carrier, contents or last movement
	ParcelMissing    ParcelChangeKind = "missing"
)

// MergeParcels brings an order's parcels in step with what AliExpress lists for one of its supplier orders. A parcel is
// recognised by any number it ever had, else by its contents; so a replaced number changes the parcel and makes no second
// one. A parcel that is no longer listed keeps its number. newID makes ids for new parcels.
func MergeParcels(have []Parcel, s SupplierOrder, seen []TrackedParcel, now time.Time, newID func() ID) ([]Parcel, []ParcelChange) {
	m := parcelMerge{parcels: slices.Clone(have), supplier: s, now: now, newID: newID, matched: map[int]int{}, taken: map[int]bool{}}
	seen = withNumbers(seen)
	m.matchByNumber(seen)
	m.matchByContents(seen)
	for i, t := range seen {
		m.take(i, t)
	}
	m.markMissing(len(seen) > 0)
	return m.parcels, m.changes
}

// withNumbers drops entries without a number and joins entries of the same number.
func withNumbers(seen []TrackedParcel) []TrackedParcel {
	var out []TrackedParcel
	at := map[string]int{}
	for _, t := range seen {
		if t.Number == "" {
			continue
		}
		if i, dup := at[t.Number]; dup {
			out[i].Items = append(slices.Clone(out[i].Items), t.Items...)
			continue
		}
		at[t.Number] = len(out)
		out = append(out, t)
	}
	return out
}

type parcelMerge struct {
	parcels  []Parcel
	supplier SupplierOrder
	now      time.Time
	newID    func() ID
	matched  map[int]int  // index in seen -> index in parcels
	taken    map[int]bool // parcels that a seen entry has claimed
	changes  []ParcelChange
}

func (m *parcelMerge) matchByNumber(seen []TrackedParcel) {
	for _, current := range []bool{true, false} {
		for i, t := range seen {
			if _, done := m.matched[i]; done {
				continue
			}
			for j, p := range m.parcels {
				if !m.taken[j] && (p.TrackingNumber == t.Number || !current && p.hadNumber(t.Number)) {
					m.matched[i], m.taken[j] = j, true
					break
				}
			}
		}
	}
}

// matchByContents pairs what is left: a parcel of this supplier order that vanished with an entry that holds the same.
func (m *parcelMerge) matchByContents(seen []TrackedParcel) {
	for i, t := range seen {
		if _, done := m.matched[i]; done {
			continue
		}
		for j, p := range m.parcels {
			if m.taken[j] || !m.onlyOurs(p) || !sameContents(p.Items, m.itemsFor(t, m.freeWithout(j))) {
				continue
			}
			m.matched[i], m.taken[j] = j, true
			break
		}
	}
}

func (m *parcelMerge) onlyOurs(p Parcel) bool {
	for _, it := range p.Items {
		if it.SupplierOrderID != m.supplier.ID {
			return false
		}
	}
	return len(p.Items) > 0
}

func (m *parcelMerge) take(i int, t TrackedParcel) {
	j, known := m.matched[i]
	if !known {
		p := Parcel{MerchantID: m.supplier.MerchantID, ID: m.newID(), OrderID: m.supplier.OrderID, TrackingNumber: t.Number, FirstSeenAt: m.now}
		m.parcels = append(m.parcels, p)
		j = len(m.parcels) - 1
		m.taken[j] = true
	}
	before := m.parcels[j]
	p := before
	p.PreviousNumbers = slices.Clone(before.PreviousNumbers)
	p.MissingSince = nil
	kind := ParcelUpdated
	switch {
	case !known:
		kind = ParcelNew
	case p.TrackingNumber != t.Number:
		kind = ParcelRenumbered
		p.PreviousNumbers = append(slices.DeleteFunc(p.PreviousNumbers, func(n string) bool { return n == t.Number }), p.TrackingNumber)
		p.TrackingNumber = t.Number
	}
	if t.Carrier != "" {
		p.Carrier = t.Carrier
	}
	if t.LastEventAt != nil && (p.LastEventAt == nil || !t.LastEventAt.Before(*p.LastEventAt)) {
		p.LastEvent, p.LastEventAt = t.LastEvent, t.LastEventAt
	}
	p.Items = m.mergedItems(j, p, t)
	m.parcels[j] = p
	if kind != ParcelUpdated || parcelDiffers(before, p) {
		m.changes = append(m.changes, ParcelChange{Parcel: p, Kind: kind, WasNumb: before.TrackingNumber})
	}
}

func parcelDiffers(a, b Parcel) bool {
	return a.Carrier != b.Carrier || a.LastEvent != b.LastEvent || (a.MissingSince == nil) != (b.MissingSince == nil) || !sameContents(a.Items, b.Items)
}

// mergedItems keeps what other supplier orders have in the parcel and renews what ours has. An entry that no longer says
// what is inside changes nothing.
func (m *parcelMerge) mergedItems(j int, p Parcel, t TrackedParcel) []ParcelItem {
	var others, ours []ParcelItem
	for _, it := range p.Items {
		if it.SupplierOrderID == m.supplier.ID {
			ours = append(ours, it)
		} else {
			others = append(others, it)
		}
	}
	if len(t.Items) == 0 && len(ours) > 0 {
		return p.Items
	}
	fresh := m.itemsFor(t, m.freeWithout(j))
	if len(fresh) == 0 {
		fresh = ours
	}
	for i := range fresh {
		fresh[i].ParcelID = p.ID
	}
	return append(others, fresh...)
}

// freeWithout is what of the supplier order no parcel but j holds, by line and part.
func (m *parcelMerge) freeWithout(j int) []SupplierLine {
	free := slices.Clone(m.supplier.Lines)
	for k, p := range m.parcels {
		if k == j {
			continue
		}
		for _, it := range p.Items {
			for f := range free {
				if it.SupplierOrderID == m.supplier.ID && free[f].LineID == it.LineID && free[f].Part == it.Part {
					free[f].Quantity -= it.Quantity
				}
			}
		}
	}
	return free
}

// itemsFor names the order lines behind a package's items: by SKU first, by product for what is left (AliExpress sometimes
// reports another SKU of the same product). A package that does not say what is inside holds everything that is free.
func (m *parcelMerge) itemsFor(t TrackedParcel, free []SupplierLine) []ParcelItem {
	var items []ParcelItem
	put := func(l SupplierLine, n int) {
		for i := range items {
			if items[i].LineID == l.LineID && items[i].Part == l.Part {
				items[i].Quantity += n
				return
			}
		}
		items = append(items, ParcelItem{MerchantID: l.MerchantID, SupplierOrderID: l.SupplierOrderID, OrderID: l.OrderID,
			LineID: l.LineID, Part: l.Part, SKUID: l.SKUID, Quantity: n})
	}
	if len(t.Items) == 0 {
		for _, l := range free {
			if l.Quantity > 0 {
				put(l, l.Quantity)
			}
		}
		return items
	}
	left := slices.Clone(t.Items)
	draw := func(same func(SupplierLine, TrackedItem) bool) {
		for i := range left {
			for f := range free {
				n := min(left[i].Quantity, free[f].Quantity)
				if n > 0 && same(free[f], left[i]) {
					put(free[f], n)
					left[i].Quantity -= n
					free[f].Quantity -= n
				}
			}
		}
	}
	draw(func(l SupplierLine, it TrackedItem) bool { return it.SKUID != "" && it.SKUID == l.SKUID })
	draw(func(l SupplierLine, it TrackedItem) bool { return it.ProductID == l.ProductID })
	return items
}

// markMissing notes the parcels of this supplier order that AliExpress no longer lists. An empty list is no news.
func (m *parcelMerge) markMissing(any bool) {
	for j := range m.parcels {
		p := &m.parcels[j]
		if !any || m.taken[j] || p.MissingSince != nil || !m.onlyOurs(*p) {
			continue
		}
		p.MissingSince = &m.now
		m.changes = append(m.changes, ParcelChange{Parcel: *p, Kind: ParcelMissing})
	}
}

func sameContents(a, b []ParcelItem) bool {
	key := func(items []ParcelItem) []ParcelItem {
		out := make([]ParcelItem, len(items))
		for i, it := range items {
			out[i] = ParcelItem{SupplierOrderID: it.SupplierOrderID, LineID: it.LineID, Part: it.Part, Quantity: it.Quantity}
		}
		sort.Slice(out, func(i, j int) bool {
			x, y := out[i], out[j]
			if x.SupplierOrderID != y.SupplierOrderID {
				return x.SupplierOrderID < y.SupplierOrderID
			}
			if x.LineID != y.LineID {
				return x.LineID < y.LineID
			}
			return x.Part < y.Part
		})
		return out
	}
	return slices.Equal(key(a), key(b))
}
