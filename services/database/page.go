package database

import (
	"fmt"

	"gorm.io/gorm"

	"waybill/models"
)

// Order of a page.
const (
	OldestFirst = "ASC"
	NewestFirst = "DESC"
)

// PageByID reads one page of q along its ids: the rows beyond the cursor, at most limit of them, and the cursor of the page
// that follows, which is empty on the last. column holds the id that id gives of a row. It answers Invalid for a cursor that
// no page gave.
func PageByID[T any](q *gorm.DB, column, order, cursor string, limit int, id func(T) models.ID) (rows []T, next string, err error) {
	if cursor != "" {
		if !ValidID(cursor) {
			return nil, "", BadCursor()
		}
		beyond := map[string]string{OldestFirst: " > ?", NewestFirst: " < ?"}[order]
		q = q.Where(column+beyond, cursor)
	}
	rows = []T{}
	if err := q.Order(column + " " + order).Limit(limit + 1).Find(&rows).Error; err != nil {
		return nil, "", fmt.Errorf("read a page of %T: %w", rows, Err(err))
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = string(id(rows[limit-1]))
	}
	return rows, next, nil
}

// BadCursor is the answer to a cursor that no page gave.
func BadCursor() error {
	e := models.Errorf(models.Invalid, "cursor_invalid", "This cursor is not one that this list gave.")
	e.Fields = []models.FieldError{{Pointer: "cursor", Reason: "take it from next_cursor of the page before"}}
	return e
}
