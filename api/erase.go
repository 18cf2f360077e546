package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/mail"
	"waybill/services/orders"
	"waybill/services/ordersync"
)

const eraseUsage = `Usage: waybill erase --merchant <id> (--email <address> | --order <id>) [--reason <why>]

Erases what is kept of a buyer: of one order, or of all that were made with an e-mail address. Orders that still need the address
wait, and are erased when they have ended. Waybill may run meanwhile.
`

// erase has a buyer's data erased.
func erase(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("erase", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { _, _ = fmt.Fprint(errOut, eraseUsage) }
	merchant, email, order := flags.String("merchant", "", ""), flags.String("email", "", ""), flags.String("order", "", "")
	reason := flags.String("reason", "", "")
	if err := flags.Parse(args); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	if flags.NArg() > 0 || *merchant == "" || (*email == "") == (*order == "") {
		flags.Usage()
		return errUsage
	}
	if !database.ValidID(*merchant) {
		return fmt.Errorf("%q is not the id of a merchant (waybill admin merchants)", *merchant)
	}
	if *email != "" && !mail.ValidAddress(*email) {
		return fmt.Errorf("%q is not an e-mail address", *email)
	}
	a, keys, err := openWithKeys(ctx, env, errOut)
	if err != nil {
		return err
	}
	defer a.stop()
	m := models.MerchantID(*merchant)
	if _, err := a.accounts.Merchant(ctx, m); err != nil {
		return err
	}
	a.sync = ordersync.New(ordersync.Options{DB: a.db, Vault: keys, Orders: orders.New(a.db, keys, a.cfg.pace()), Accounts: a.accounts, Pace: a.cfg.pace(), Log: a.log})
	by := orders.By{Actor: models.ActorOperator, Source: models.SourcePerson, Reason: *reason}
	var all []models.Erasure
	if *order != "" {
		all = make([]models.Erasure, 1)
		all[0], err = a.sync.Erase(ctx, m, models.ID(*order), models.EraseForOperator, by)
	} else {
		all, err = a.sync.EraseBuyer(ctx, m, *email, by)
	}
	if err != nil {
		return err
	}
	for _, e := range all {
		state := "waits until the order has ended"
		if e.DoneAt != nil {
			state = "erased at " + e.DoneAt.UTC().Format("2006-01-02 15:04:05") + " UTC"
		}
		_, _ = fmt.Fprintf(out, "order %s  erasure %s  %s\n", e.OrderID, e.ID, state)
	}
	_, err = fmt.Fprintf(out, "%d order(s).\n", len(all))
	return err
}
