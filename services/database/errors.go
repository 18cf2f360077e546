package database

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"waybill/models"
)

// What a named constraint means to a person. A constraint that is not listed is a mistake of ours.
var constraints = map[string]models.Error{
	"supplier_order_lines_one_live": {Kind: models.Conflict, Code: "already_being_placed", Detail: "This line has a live supplier order already. Nothing was bought."},
	"supplier_orders_number_key":    {Kind: models.Conflict, Code: "number_already_linked", Detail: "This AliExpress number already belongs to a supplier order."},
	"supplier_orders_out_order_key": {Kind: models.Conflict, Code: "purchase_key_used", Detail: "This purchase exists already."},
	"product_mappings_variant_key":  {Kind: models.Conflict, Code: "mapping_exists", Detail: "This variant is mapped already. Change that mapping instead."},
	"product_mappings_store_fkey":   {Kind: models.NotFound, Code: "store_not_found", Detail: "There is no such store."},
	"connections_external_key":      {Kind: models.Conflict, Code: "connection_exists", Detail: "This account is connected already."},
	"directory_pkey":                {Kind: models.Conflict, Code: "connected_elsewhere", Detail: "This account is connected to another merchant."},
	"api_keys_name_key":             {Kind: models.Conflict, Code: "key_name_taken", Detail: "There is an API key of this name already. Choose another, or revoke that one first."},
	"people_email_key":              {Kind: models.Conflict, Code: "email_taken", Detail: "There is an account with this e-mail address already."},
	"memberships_pkey":              {Kind: models.Conflict, Code: "person_is_there", Detail: "This person has a role already. Change it instead."},
	"saved_views_name_key":          {Kind: models.Conflict, Code: "view_name_taken", Detail: "There is a saved view of this name already. Choose another."},
	"sync_jobs_active_key":          {Kind: models.Conflict, Code: "sync_running", Detail: "An equal sync is running already."},
}

// Err turns an error of the database into the program's; any other error passes through.
func Err(err error) error {
	var known *models.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if e, ok := constraints[pg.ConstraintName]; ok {
			return e.Because(err)
		}
		if passing(pg.Code) {
			return unavailable(err)
		}
		return err
	}
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, pgx.ErrNoRows), errors.Is(err, sql.ErrNoRows):
		return models.Errorf(models.NotFound, "not_found", "There is no such thing.").Because(err)
	case lostConnection(err):
		return unavailable(err)
	}
	return err
}

// passing lists SQLSTATEs that say "try again": connection, resources, operator's intervention, deadlock, lock time-out.
func passing(state string) bool {
	for _, class := range []string{"08", "53", "57P", "40", "55P03", "57014", "25P03"} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}

func lostConnection(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "bad connection")
}

func unavailable(err error) error {
	return models.Errorf(models.Unavailable, "database_unavailable", "The database does not answer. Try again in a moment; nothing was changed.").Because(err)
}
