package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"

	"waybill/handlers"
	"waybill/models"
	"waybill/services/audit"
	"waybill/services/database"
)

const auditUsage = `Usage: waybill audit verify [merchant]
       waybill audit export <merchant>

verify walks the chain of a merchant's audit, or of all, and fails when one does not hold. It prints the hash of the last entry:
kept elsewhere, it shows later that the chain still leads there.

export writes everything that was done, oldest first, one JSON object on each line.

The merchant ` + string(audit.Installation) + ` is the installation itself.
`

// auditCommand reads audits from the database. Waybill may run meanwhile.
func auditCommand(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { _, _ = fmt.Fprint(errOut, auditUsage) }
	if err := flags.Parse(args); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	what, merchants := flags.Arg(0), flags.Args()
	if len(merchants) > 0 {
		merchants = merchants[1:]
	}
	if what != "verify" && what != "export" || len(merchants) > 1 || what == "export" && len(merchants) == 0 {
		flags.Usage()
		return errUsage
	}
	for _, m := range merchants {
		if !database.ValidID(m) {
			return fmt.Errorf("%q is not the id of a merchant", m)
		}
	}
	a, err := open(ctx, env, errOut)
	if err != nil {
		return err
	}
	defer a.stop()
	entered := audit.New(a.db)
	if what == "export" {
		return entered.Each(ctx, models.MerchantID(merchants[0]), audit.Filter{}, func(entries []models.AuditEntry) error { return handlers.WriteAudit(out, entries) })
	}
	all := []models.MerchantID{}
	for _, m := range merchants {
		all = append(all, models.MerchantID(m))
	}
	if len(all) == 0 {
		if all, err = entered.Merchants(ctx); err != nil {
			return err
		}
	}
	return verifyAudits(ctx, entered, all, out)
}

var errAuditBroken = errors.New("an audit is not what was entered")

func verifyAudits(ctx context.Context, entered *audit.Service, all []models.MerchantID, out io.Writer) error {
	broken := false
	for _, m := range all {
		found, err := entered.Verify(ctx, m)
		if err != nil {
			return err
		}
		if b := found.Broken; b != nil {
			broken = true
			_, _ = fmt.Fprintf(out, "%s: BROKEN at entry %d. %s The %d before it are whole.\n", m, b.Seq, b.Why, found.Entries)
			continue
		}
		_, _ = fmt.Fprintf(out, "%s: whole, %d entries, head %s\n", m, found.Entries, hex.EncodeToString(found.Head))
	}
	if broken {
		return errAuditBroken
	}
	return nil
}
