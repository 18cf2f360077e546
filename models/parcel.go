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
	MissingChecks   int        // how often in a row it was not listed
	WithoutNumber   bool       // a person wants it fulfilled although it has no number
	LostAt          *time.Time // a person has given it up: what is in it has to be bought again
	ListedBy        *ID        // the supplier order that listed it first
	SharedWith      []string   `gorm:"serializer:json"` // orders of other buyers that go by the same number
	FirstSeenAt     time.Time
	VoidedAt        *time.Time // its supplier order has gone by another number since: history, and nothing counts

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
	ListedAs        string // the number under which its supplier order last listed it
}

// missingPatience is how many checks in a row must leave a parcel out before a person is told.
const missingPatience = 3

// counts reports whether what is in the parcel is shipped as far as the buyer is concerned.
func (p Parcel) counts() bool {
	return p.LostAt == nil && p.VoidedAt == nil && (p.TrackingNumber != "" || p.WithoutNumber)
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
	m := parcelMerge{parcels: slices.Clone(have), known: len(have), supplier: s, now: now, newID: newID, matched: map[int]int{}, taken: map[int]bool{}}
	seen = withNumbers(seen)
	m.matchByNumber(seen)
	m.matchByContents(seen)
	m.addNew(seen)
	for i, share := range m.share(seen) {
		m.take(m.matched[i], seen[i], share)
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
	known    int // how many of them there were before
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

// matchByContents pairs what is left: a parcel that vanished with an entry that holds the same of this supplier order, be it
// alone in it or not; then one that had no number with any entry, for that is the number it waited for.
func (m *parcelMerge) matchByContents(seen []TrackedParcel) {
	same := func(j int, t TrackedParcel) bool {
		ours, _ := m.split(m.parcels[j])
		return len(ours) > 0 && sameContents(ours, m.itemsFor(t, m.freeWithout(func(k int) bool { return k == j })))
	}
	numberless := func(j int, _ TrackedParcel) bool {
		return m.parcels[j].TrackingNumber == "" && m.onlyOurs(m.parcels[j])
	}
	for _, fits := range []func(int, TrackedParcel) bool{same, numberless} {
		for i, t := range seen {
			if _, done := m.matched[i]; done {
				continue
			}
			for j := range m.parcels {
				if !m.taken[j] && fits(j, t) {
					m.matched[i], m.taken[j] = j, true
					break
				}
			}
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

// addNew makes a parcel of each entry that no known parcel answers to.
func (m *parcelMerge) addNew(seen []TrackedParcel) {
	for i, t := range seen {
		if _, known := m.matched[i]; known {
			continue
		}
		by := m.supplier.ID
		m.matched[i] = len(m.parcels)
		m.parcels = append(m.parcels, Parcel{
			MerchantID: m.supplier.MerchantID, ID: m.newID(), OrderID: m.supplier.OrderID,
			TrackingNumber: t.Number, ListedBy: &by, FirstSeenAt: m.now,
		})
	}
}

func (m *parcelMerge) take(j int, t TrackedParcel, ours []ParcelItem) {
	before := m.parcels[j]
	p := before
	p.PreviousNumbers = slices.Clone(before.PreviousNumbers)
	p.MissingSince, p.MissingChecks = nil, 0
	kind := ParcelUpdated
	switch {
	case j >= m.known:
		kind = ParcelNew
	case p.TrackingNumber != t.Number && !m.othersKnowBetter(p, t.Number):
		kind = ParcelRenumbered
		p.PreviousNumbers = slices.DeleteFunc(p.PreviousNumbers, func(n string) bool { return n == t.Number })
		if p.TrackingNumber != "" {
			p.PreviousNumbers = append(p.PreviousNumbers, p.TrackingNumber)
		}
		p.TrackingNumber = t.Number
	}
	if t.Carrier != "" {
		p.Carrier = t.Carrier
	}
	if t.LastEventAt != nil && (p.LastEventAt == nil || !t.LastEventAt.Before(*p.LastEventAt)) {
		p.LastEvent, p.LastEventAt = t.LastEvent, t.LastEventAt
	}
	_, others := m.split(p)
	for i := range ours {
		ours[i].ParcelID, ours[i].ListedAs = p.ID, t.Number
	}
	p.Items = append(others, ours...)
	m.parcels[j] = p
	if kind != ParcelUpdated || parcelDiffers(before, p) {
		m.changes = append(m.changes, ParcelChange{Parcel: p, Kind: kind, WasNumb: before.TrackingNumber})
	}
}

// othersKnowBetter says that a parcel's number is newer than the one that this supplier order still lists it under: another
// one that shares the parcel lists it under the present number, and this one had it before.
func (m *parcelMerge) othersKnowBetter(p Parcel, listed string) bool {
	if !slices.Contains(p.PreviousNumbers, listed) {
		return false
	}
	_, others := m.split(p)
	return slices.ContainsFunc(others, func(it ParcelItem) bool { return it.ListedAs == p.TrackingNumber })
}

func parcelDiffers(a, b Parcel) bool {
	return a.Carrier != b.Carrier || a.LastEvent != b.LastEvent || (a.MissingSince == nil) != (b.MissingSince == nil) || !sameContents(a.Items, b.Items)
}

// split parts what our supplier order has in a parcel from what others have.
func (m *parcelMerge) split(p Parcel) (ours, others []ParcelItem) {
	for _, it := range p.Items {
		if it.SupplierOrderID == m.supplier.ID {
			ours = append(ours, it)
		} else {
			others = append(others, it)
		}
	}
	return ours, others
}

// share deals the supplier order's units out to the listed parcels: first to those whose contents AliExpress names, all at
// once, so that units may move from one to another; what is left goes to new ones that do not say. An entry that no longer
// says what is inside, or names nothing that was bought, changes nothing.
func (m *parcelMerge) share(seen []TrackedParcel) [][]ParcelItem {
	named := map[int]bool{}
	for i, t := range seen {
		named[m.matched[i]] = len(t.Items) > 0
	}
	free := m.freeWithout(func(j int) bool { return named[j] })
	shares := make([][]ParcelItem, len(seen))
	for i, t := range seen {
		if j := m.matched[i]; named[j] {
			shares[i] = m.itemsFor(t, free)
			if len(shares[i]) == 0 {
				ours, _ := m.split(m.parcels[j])
				shares[i] = keep(ours, free)
			}
		}
	}
	for i := range seen {
		if j := m.matched[i]; !named[j] && m.parcels[j].TrackingNumber == "" {
			ours, _ := m.split(m.parcels[j])
			shares[i] = keep(ours, free)
		}
	}
	for i, t := range seen {
		if j := m.matched[i]; !named[j] && m.parcels[j].TrackingNumber != "" {
			shares[i], _ = m.split(m.parcels[j])
			if len(shares[i]) == 0 {
				shares[i] = m.itemsFor(t, free)
			}
		}
	}
	return shares
}

// keep takes out of free what is still there of items.
func keep(items []ParcelItem, free []SupplierLine) []ParcelItem {
	var kept []ParcelItem
	for _, it := range items {
		for f := range free {
			if free[f].LineID == it.LineID && free[f].Part == it.Part && min(it.Quantity, free[f].Quantity) > 0 {
				it.Quantity = min(it.Quantity, free[f].Quantity)
				free[f].Quantity -= it.Quantity
				kept = append(kept, it)
				break
			}
		}
	}
	return kept
}

// freeWithout is what of the supplier order no parcel holds, by line and part, leaving out some parcels.
func (m *parcelMerge) freeWithout(leaveOut func(j int) bool) []SupplierLine {
	free := slices.Clone(m.supplier.Lines)
	for j, p := range m.parcels {
		if leaveOut(j) || p.TrackingNumber == "" { // what has no number yet is there for those that have one
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
// reports another SKU of the same product), and takes them out of free. A package that does not say what is inside holds
// everything that is free.
func (m *parcelMerge) itemsFor(t TrackedParcel, free []SupplierLine) []ParcelItem {
	var items []ParcelItem
	put := func(l SupplierLine, n int) {
		for i := range items {
			if items[i].LineID == l.LineID && items[i].Part == l.Part {
				items[i].Quantity += n
				return
			}
		}
		items = append(items, ParcelItem{
			MerchantID: l.MerchantID, SupplierOrderID: l.SupplierOrderID, OrderID: l.OrderID,
			LineID: l.LineID, Part: l.Part, SKUID: l.SKUID, Quantity: n,
		})
	}
	if len(t.Items) == 0 {
		for f, l := range free {
			if l.Quantity > 0 {
				put(l, l.Quantity)
				free[f].Quantity = 0
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

// markMissing counts how often in a row AliExpress has left out a parcel of this supplier order, and tells of it when that is
// no accident any more. An empty list is no news. Two parcels may have been put into one: what a numberless one held may be in
// others by now.
func (m *parcelMerge) markMissing(any bool) {
	for j := range m.parcels[:m.known] {
		p := &m.parcels[j]
		if !any || m.taken[j] || !m.onlyOurs(*p) {
			continue
		}
		if p.TrackingNumber == "" {
			p.Items = keep(p.Items, m.freeWithout(func(int) bool { return false }))
			continue
		}
		if p.MissingSince == nil {
			p.MissingSince = &m.now
		}
		if p.MissingChecks >= missingPatience {
			continue
		}
		if p.MissingChecks++; p.MissingChecks == missingPatience {
			m.changes = append(m.changes, ParcelChange{Parcel: *p, Kind: ParcelMissing})
		}
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
