package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/orders"
	"waybill/services/ordersync"
)

const messagesUsage = `Usage: waybill messages --merchant <id> --order <id> [--reason <why>]

Prints what the store and AliExpress have sent about an order, as it came and as far as it is kept: one JSON object in a line, oldest first.
It tells of the buyer, so it is entered into the merchant's audit. Waybill may run meanwhile.
`

// messages prints the messages about an order.
func messages(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("messages", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { _, _ = fmt.Fprint(errOut, messagesUsage) }
	merchant, order, reason := flags.String("merchant", "", ""), flags.String("order", "", ""), flags.String("reason", "", "")
	if err := flags.Parse(args); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	if flags.NArg() > 0 || *merchant == "" || *order == "" {
		flags.Usage()
		return errUsage
	}
	if !database.ValidID(*merchant) {
		return fmt.Errorf("%q is not the id of a merchant (waybill admin merchants)", *merchant)
	}
	a, keys, err := openWithKeys(ctx, env, errOut)
	if err != nil {
		return err
	}
	defer a.stop()
	sync := ordersync.New(ordersync.Options{DB: a.db, Vault: keys, Orders: orders.New(a.db, keys, a.cfg.pace()), Accounts: a.accounts, Pace: a.cfg.pace(), Log: a.log})
	by := orders.By{Actor: models.ActorOperator, Source: models.SourcePerson, Reason: *reason}
	all, err := sync.Messages(ctx, models.MerchantID(*merchant), models.ID(*order), by)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(out)
	for _, m := range all {
		if err := lines.Encode(m); err != nil {
			return err
		}
	}
	return nil
}
